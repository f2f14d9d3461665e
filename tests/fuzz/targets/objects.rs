//! Any object, and damage done to good ones: what inflates is what flate2 says, alone and beside another
//! object, and records come of it without a panic.

#![no_main]

#[allow(dead_code)]
#[path = "../../../src/decode/mod.rs"]
mod decode;

use std::io::{Read, Write};

use decode::gunzip::Gunzip;
use decode::record::Record;
use decode::records::{Bounds, Records};
use decode::{Reject, Sink};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

/// Inflated bytes at which an object is given up.
const MOST: u64 = 1 << 20;

struct Nobody;

impl Sink for Nobody {
    fn record(&mut self, _: &Record<'_>) {}
    fn reject(&mut self, _: Reject) {}
}

/// `bytes` in about `count` members.
fn members(bytes: &[u8], count: usize) -> Vec<u8> {
    let mut object = Vec::new();
    for member in bytes.chunks(bytes.len() / count + 1) {
        let mut encoder = GzEncoder::new(&mut object, Compression::fast());
        encoder.write_all(member).expect("memory takes all");
        encoder.finish().expect("memory takes all");
    }
    object
}

/// Inflates and decodes; what was inflated, if it could be.
fn inflate(object: &[u8]) -> Option<Vec<u8>> {
    let bounds = Bounds { max_record_bytes: 1 << 16, max_tokens: 100_000_000 };
    let (mut records, mut inflated) = (Records::new(bounds), Vec::new());
    let outcome = Gunzip::default().inflate(object, MOST, |piece: &[u8]| {
        records.push(piece, &mut Nobody);
        inflated.extend_from_slice(piece);
    });
    records.finish(&mut Nobody);
    outcome.is_ok().then_some(inflated)
}

/// What the object inflates to beside `other`.
fn beside(other: &[u8], object: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let consumers = (|_: &[u8]| {}, |piece: &[u8]| inflated.extend_from_slice(piece));
    let [_, outcome] = Gunzip::default().inflate_both([other, object], MOST, consumers);
    outcome.is_ok().then_some(inflated)
}

fuzz_target!(|input: &[u8]| {
    let Some(([count, at, change], bytes)) = input.split_first_chunk() else { return };
    inflate(bytes);
    let mut object = members(bytes, usize::from(*count % 4) + 1);
    if object.is_empty() {
        return;
    }
    assert_eq!(inflate(&object).as_deref(), Some(bytes));
    let good = object.clone();
    let at = usize::from(*at) * object.len() / 256;
    object[at] ^= change;
    assert_eq!(beside(&good, &object), inflate(&object));
    if let Some(inflated) = inflate(&object).filter(|_| object.starts_with(&[0x1f, 0x8b])) {
        let mut expected = Vec::new();
        if MultiGzDecoder::new(object.as_slice()).read_to_end(&mut expected).is_ok() {
            assert_eq!(inflated, expected);
        }
    }
});
