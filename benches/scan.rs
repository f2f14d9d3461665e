//! Bytes per second of the hot path, on named corpora that `halfrate simulate` makes from seed 7.
//!
//! `cargo bench --bench scan` prints, for each corpus, inflating alone, and inflating with every record
//! read. The first is the limit that the second is held against. Bytes are those of the inflated logs.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use halfrate::decode::gunzip::Gunzip;
use halfrate::decode::record::Record;
use halfrate::decode::records::{Bounds, Records};
use halfrate::decode::{Reject, Sink};
use halfrate::simulate::{Scenario, Spec, generate};

fn main() {
    divan::main();
}

/// Each corpus at an eighth of its usual 256 MB: a few tenths of a second a sample.
const SCALE: f64 = 0.125;

/// Mean records of 2, 20 and 47 KB, and embeddings.
const CORPORA: [&str; 4] =
    ["records-small", "records-typical", "records-large", "records-embeddings"];

/// More than any of the corpora inflates to.
const MAX_INFLATED: u64 = 1 << 32;

/// The objects of a corpus, and how many bytes they inflate to.
fn corpus(name: &str) -> (Vec<Vec<u8>>, u64) {
    let scenario: Scenario = name.parse().expect("CORPORA names scenarios");
    let spec = Spec { scale: SCALE, ..Spec::of(scenario, 7) };
    let mut objects = Vec::new();
    generate(&spec, &mut |object| -> Result<(), std::convert::Infallible> {
        // Bodies kept apart and permission checks are not what an audit reads.
        if !object.bytes.is_empty() && !object.key.contains("/data/") {
            objects.push(object.bytes);
        }
        Ok(())
    })
    .expect("writing to memory cannot fail");
    let mut gunzip = Gunzip::default();
    let inflate = |bytes: &Vec<u8>| gunzip.inflate(bytes, MAX_INFLATED, |_| ()).expect("gzip");
    let inflated = objects.iter().map(inflate).sum();
    (objects, inflated)
}

/// Looks at what an audit needs of a record and keeps a sum.
#[derive(Default)]
struct Totals {
    tokens: i64,
    rejects: u64,
}

impl Sink for Totals {
    fn record(&mut self, record: &Record<'_>) {
        self.tokens += record.input_tokens.unwrap_or(0) + record.output_tokens.unwrap_or(0);
        black_box((&record.arn, &record.model_id, record.timestamp, record.body));
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

/// Inflating alone: the limit.
#[divan::bench(args = CORPORA, sample_count = 10)]
fn gunzip(bencher: Bencher<'_, '_>, name: &str) {
    let (objects, inflated) = corpus(name);
    let mut gunzip = Gunzip::default();
    bencher.counter(BytesCount::new(inflated)).bench_local(|| {
        for object in &objects {
            let _ = black_box(gunzip.inflate(object, MAX_INFLATED, |piece| {
                black_box(piece);
            }));
        }
    });
}

/// Inflating and reading every record.
#[divan::bench(args = CORPORA, sample_count = 10)]
fn gunzip_and_records(bencher: Bencher<'_, '_>, name: &str) {
    let (objects, inflated) = corpus(name);
    let bounds = Bounds { max_record_bytes: 16 << 20, max_tokens: 100_000_000 };
    let mut gunzip = Gunzip::default();
    bencher.counter(BytesCount::new(inflated)).bench_local(|| {
        let mut totals = Totals::default();
        for object in &objects {
            let mut records = Records::new(bounds);
            let _ = gunzip.inflate(object, MAX_INFLATED, |piece| records.push(piece, &mut totals));
            records.finish(&mut totals);
        }
        assert_eq!(totals.rejects, 0, "simulated records can be read");
        black_box(totals.tokens)
    });
}
