//! Any bytes, any chunking, any bounds: the fast and the slow way find the same rows and rejects.

#![no_main]

#[allow(dead_code)]
#[path = "../../../src/decode/mod.rs"]
mod decode;

use decode::ends::{Ends, Fast, Slow};
use decode::record::Record;
use decode::records::{Bounds, Records};
use decode::{Reject, Sink};
use libfuzzer_sys::fuzz_target;

/// All that a sink received, as text.
#[derive(Default)]
struct Events(Vec<String>);

impl Sink for Events {
    fn record(&mut self, record: &Record<'_>) {
        self.0.push(format!("{record:?} {:?}", record.metadata()));
    }

    fn reject(&mut self, reject: Reject) {
        self.0.push(format!("{reject:?}"));
    }
}

fn events(bytes: &[u8], piece: usize, bounds: Bounds, ends: impl Ends) -> Vec<String> {
    let (mut records, mut events) = (Records::with(bounds, ends), Events::default());
    for piece in bytes.chunks(piece) {
        records.push(piece, &mut events);
    }
    records.finish(&mut events);
    events.0
}

fuzz_target!(|input: &[u8]| {
    let Some(([piece, limit], bytes)) = input.split_first_chunk() else { return };
    let max_record_bytes = if *limit < 128 { 1 << 20 } else { usize::from(*limit) * 4 };
    let bounds = Bounds { max_record_bytes, max_tokens: 100_000_000 };
    let whole = events(bytes, bytes.len().max(1), bounds, Slow);
    assert_eq!(events(bytes, bytes.len().max(1), bounds, Fast::new()), whole);
    assert_eq!(events(bytes, usize::from(*piece).max(1), bounds, Fast::new()), whole);
});
