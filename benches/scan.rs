//! Bytes per second of the hot path, on named corpora that `halfrate simulate` makes from seed 7.
//!
//! `cargo bench --bench scan` prints, for each corpus, every stage with all stages before it: inflating
//! alone, with every record read (the fast way and the slow one), with facts added up, with columns
//! filled, and the whole audit as a process. The first is the limit that the others are held against.
//! Bytes are those of the inflated logs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use futures::TryStreamExt;
use halfrate::config::Limits;
use halfrate::decode::ends::{Ends, Fast, Slow};
use halfrate::decode::gunzip::Gunzip;
use halfrate::decode::record::Record;
use halfrate::decode::records::{Bounds, Records};
use halfrate::decode::{Reject, Sink};
use halfrate::simulate::{Object, Scenario, Spec, generate};
use halfrate::table::source::{ScanObject, scan};
use halfrate::table::{ScanOptions, View};
use object_store::memory::InMemory;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

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
fn corpus(name: &str) -> (Vec<Object>, u64) {
    let scenario: Scenario = name.parse().expect("CORPORA names scenarios");
    let spec = Spec { scale: SCALE, ..Spec::of(scenario, 7) };
    let mut objects = Vec::new();
    generate(&spec, &mut |object| -> Result<(), std::convert::Infallible> {
        // Bodies kept apart and permission checks are not what an audit reads.
        if !object.bytes.is_empty() && !object.key.contains("/data/") {
            objects.push(object);
        }
        Ok(())
    })
    .expect("writing to memory cannot fail");
    let mut gunzip = Gunzip::default();
    let mut inflate = |object: &Object| gunzip.inflate(&object.bytes, MAX_INFLATED, |_: &[u8]| ());
    let inflated = objects.iter().map(|object| inflate(object).expect("gzip")).sum();
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
            let _ = black_box(gunzip.inflate(&object.bytes, MAX_INFLATED, |piece: &[u8]| {
                black_box(piece);
            }));
        }
    });
}

/// Inflating and reading every record.
#[divan::bench(args = CORPORA, sample_count = 10)]
fn records(bencher: Bencher<'_, '_>, name: &str) {
    read_records(bencher, name, Fast::new());
}

/// Inflating and reading every record byte by byte: the reference.
#[divan::bench(args = CORPORA, sample_count = 4)]
fn records_slow(bencher: Bencher<'_, '_>, name: &str) {
    read_records(bencher, name, Slow);
}

fn read_records(bencher: Bencher<'_, '_>, name: &str, ends: impl Ends) {
    let (objects, inflated) = corpus(name);
    let bounds = Bounds { max_record_bytes: 16 << 20, max_tokens: 100_000_000 };
    let mut gunzip = Gunzip::default();
    bencher.counter(BytesCount::new(inflated)).bench_local(|| {
        let mut totals = Totals::default();
        for object in &objects {
            let mut records = Records::with(bounds, ends);
            let push = |piece: &[u8]| records.push(piece, &mut totals);
            let _ = gunzip.inflate(&object.bytes, MAX_INFLATED, push);
            records.finish(&mut totals);
        }
        assert_eq!(totals.rejects, 0, "simulated records can be read");
        black_box(totals.tokens)
    });
}

/// Partial facts of every object, one at a time, out of memory.
#[divan::bench(args = CORPORA, sample_count = 10)]
fn partial_facts(bencher: Bencher<'_, '_>, name: &str) {
    view(bencher, name, View::Facts);
}

/// All columns of the `invocations` view, one object at a time, out of memory.
#[divan::bench(args = CORPORA, sample_count = 10)]
fn columns(bencher: Bencher<'_, '_>, name: &str) {
    view(bencher, name, View::Invocations);
}

fn view(bencher: Bencher<'_, '_>, name: &str, view: View) {
    let (objects, inflated) = corpus(name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (store, session) = (Arc::new(InMemory::new()), SessionContext::new());
    let url = ObjectStoreUrl::parse("memory://").expect("a URL");
    session.register_object_store(url.as_ref(), Arc::clone(&store) as Arc<dyn ObjectStore>);
    let put = |(ordinal, object): (usize, Object)| -> ScanObject {
        let path = object_store::path::Path::from(object.key.as_str());
        let meta: ObjectMeta = runtime
            .block_on(async {
                store.put(&path, object.bytes.into()).await?;
                store.head(&path).await
            })
            .expect("memory takes all");
        ScanObject { store: url.clone(), meta, ordinal: ordinal as i64 }
    };
    let objects: Vec<ScanObject> = objects.into_iter().enumerate().map(put).collect();
    let limits = Limits { concurrent_objects: 1, ..Limits::default() };
    let options = Arc::new(ScanOptions::new(limits));
    bencher.counter(BytesCount::new(inflated)).bench_local(|| {
        let plan = scan(view, &options, &objects, None, None).expect("a plan");
        let rows = execute_stream(plan, session.task_ctx()).expect("a stream");
        let count =
            |sum, batch: arrow::array::RecordBatch| async move { Ok(sum + batch.num_rows()) };
        let rows = runtime.block_on(rows.try_fold(0, count)).expect("rows");
        assert!(rows > 0);
        rows
    });
}

/// `halfrate audit` as a process, with a start, a merge, verdicts and nine tables that are the same
/// work for any amount of logs.
#[divan::bench(args = CORPORA, sample_count = 5)]
fn audit(bencher: Bencher<'_, '_>, name: &str) {
    let (objects, inflated) = corpus(name);
    let folder = tempfile::tempdir().expect("a folder");
    let logs = folder.path().join("logs");
    for object in objects {
        let file = logs.join(Path::new(&object.key));
        std::fs::create_dir_all(file.parent().expect("a key has a folder")).expect("a folder");
        std::fs::write(file, object.bytes).expect("a file");
    }
    // A second audit into the same folder would read nothing.
    let out = || tempfile::tempdir().expect("a folder");
    bencher.counter(BytesCount::new(inflated)).with_inputs(out).bench_local_refs(|out| {
        let status = Command::new(env!("CARGO_BIN_EXE_halfrate"))
            .args([Path::new("audit"), &logs, Path::new("--out"), out.path()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("halfrate starts");
        assert!(status.success(), "{status}");
    });
}
