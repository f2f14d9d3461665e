//! Facts about decoding, and a second way to every one of them.
//!
//! [`oracle`] finds boundaries and fields with serde_json and shares no code with the cursor;
//! [`generate`] makes records as AWS writes them and as nobody should. `PROPTEST_CASES` raises the
//! number of cases.

mod agreement;
mod bodies;
mod chunking;
mod ends;
mod fields;
mod generate;
mod gunzip;
mod oracle;
mod pair;
mod recovery;
mod shapes;

use super::body::Body;
use super::gunzip::Consumer;
use super::record::Record;
use super::records::{Bounds, Records};
use super::{Reject, Sink};

const BOUNDS: Bounds = Bounds { max_record_bytes: 16 << 20, max_tokens: 100_000_000 };

/// A record that owns its text.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    position: u64,
    timestamp: i64,
    account: String,
    region: String,
    request_id: String,
    operation: String,
    model_id: String,
    inference_region: Option<String>,
    arn: String,
    error_code: Option<String>,
    metadata: Vec<(String, String)>,
    input_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    output_tokens: Option<i64>,
    body: Body,
}

impl From<&Record<'_>> for Row {
    fn from(record: &Record<'_>) -> Self {
        let pairs = record.metadata().into_iter();
        Self {
            position: record.position,
            timestamp: record.timestamp,
            account: record.account.to_string(),
            region: record.region.to_string(),
            request_id: record.request_id.to_string(),
            operation: record.operation.to_string(),
            model_id: record.model_id.to_string(),
            inference_region: record.inference_region.as_deref().map(str::to_owned),
            arn: record.arn.to_string(),
            error_code: record.error_code.as_deref().map(str::to_owned),
            metadata: pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            input_tokens: record.input_tokens,
            cache_read_tokens: record.cache_read_tokens,
            cache_write_tokens: record.cache_write_tokens,
            output_tokens: record.output_tokens,
            body: record.body,
        }
    }
}

/// What a sink received.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Row(Box<Row>),
    Reject(Reject),
}

impl Event {
    fn position(&self) -> u64 {
        match self {
            Self::Row(row) => row.position,
            Self::Reject(reject) => reject.position,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Row(_) => None,
            Self::Reject(reject) => Some(reject.reason),
        }
    }
}

#[derive(Default)]
struct Collect(Vec<Event>);

impl Sink for Collect {
    fn record(&mut self, record: &Record<'_>) {
        self.0.push(Event::Row(Box::new(record.into())));
    }

    fn reject(&mut self, reject: Reject) {
        self.0.push(Event::Reject(reject));
    }
}

/// The events of `bytes` pushed whole.
fn decode(bytes: &[u8], bounds: Bounds) -> Vec<Event> {
    decode_pieces([bytes], bounds)
}

fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, bounds: Bounds) -> Vec<Event> {
    let (mut records, mut sink) = (Records::new(bounds), Collect::default());
    for piece in pieces {
        records.push(piece, &mut sink);
    }
    records.finish(&mut sink);
    sink.0
}

/// The pieces offered, each behind what was left of those before; a rest longer than `most` is pushed.
fn decode_offers<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    most: usize,
    bounds: Bounds,
) -> Vec<Event> {
    let (mut records, mut sink, mut window) =
        (Records::new(bounds), Collect::default(), Vec::new());
    for piece in pieces {
        window.extend_from_slice(piece);
        let mut feed = records.feed(&mut sink);
        window.drain(..feed.offer(&window));
        if window.len() > most {
            feed.push(&window);
            window.clear();
        }
    }
    records.push(&window, &mut sink);
    records.finish(&mut sink);
    sink.0
}

/// The one row of `text`.
fn row(text: &str) -> Row {
    match decode(text.as_bytes(), BOUNDS).as_slice() {
        [Event::Row(row)] => row.as_ref().clone(),
        other => panic!("one row expected of {text}: {other:?}"),
    }
}

/// The reason of the one reject of `text`.
fn reason(text: &str) -> &'static str {
    match decode(text.as_bytes(), BOUNDS).as_slice() {
        [Event::Reject(reject)] => reject.reason,
        other => panic!("one reject expected of {text}: {other:?}"),
    }
}

/// The least that is a record, with `more` members (each with a leading comma) in it.
fn record_with(more: &str) -> String {
    format!(r#"{{"timestamp":"2026-10-01T02:00:07Z","modelId":"amazon.nova-lite-v1:0"{more}}}"#)
}
