//! How an object is cut into pushes never shows.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::records::Bounds;
use super::{BOUNDS, decode, decode_offers, decode_pieces, generate, record_with};

/// `bytes` in pieces of the given lengths, over and over; a length of 0 is an empty push.
fn pieces<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for length in lengths.iter().cycle() {
        if rest.is_empty() || lengths.iter().all(|length| *length == 0) {
            break;
        }
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// All the ways that matter: byte by byte, as given, and cut in two at every place of a small
/// input; pushed, and offered with rests of any length or of a short one.
fn check(bytes: &[u8], lengths: &[usize], bounds: Bounds) -> Result<(), TestCaseError> {
    let whole = decode(bytes, bounds);
    prop_assert_eq!(&decode_pieces(bytes.chunks(1), bounds), &whole);
    prop_assert_eq!(&decode_pieces(pieces(bytes, lengths), bounds), &whole);
    for most in [usize::MAX, 150] {
        prop_assert_eq!(&decode_offers(pieces(bytes, lengths), most, bounds), &whole);
    }
    if bytes.len() < 200 {
        for at in 0..bytes.len() {
            let (front, back) = bytes.split_at(at);
            prop_assert_eq!(&decode_pieces([front, back], bounds), &whole, "cut at {}", at);
            let offered = decode_offers([front, back], usize::MAX, bounds);
            prop_assert_eq!(&offered, &whole, "cut at {}", at);
        }
    }
    Ok(())
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let max_record_bytes = prop_oneof![Just(BOUNDS.max_record_bytes), Just(300), 1usize..2000];
    max_record_bytes.prop_map(|max_record_bytes| Bounds { max_record_bytes, ..BOUNDS })
}

proptest! {
    #[test]
    fn good_logs(
        (bytes, _) in generate::log(),
        lengths in vec(0usize..200, 1..6),
        bounds in bounds(),
    ) {
        check(&bytes, &lengths, bounds)?;
    }

    #[test]
    fn damaged_logs(
        bytes in generate::damaged_log(),
        lengths in vec(0usize..200, 1..6),
        bounds in bounds(),
    ) {
        check(&bytes, &lengths, bounds)?;
    }

    #[test]
    fn garbage(bytes in generate::garbage(), lengths in vec(0usize..9, 1..6), bounds in bounds()) {
        check(&bytes, &lengths, bounds)?;
    }

    #[test]
    fn any_bytes_at_all(bytes in vec(any::<u8>(), 0..400), lengths in vec(0usize..9, 1..6)) {
        check(&bytes, &lengths, BOUNDS)?;
    }
}

/// A record as long as the limit counts, one byte more does not, and its successor does.
#[test]
fn the_limit_is_the_longest_record_that_counts() {
    let record = |padding: usize| record_with(&format!(",\"pad\":\"{}\"", "x".repeat(padding)));
    let bounds = Bounds { max_record_bytes: record(100).len(), ..BOUNDS };
    let text = format!("{}\n{}\n{}\n", record(100), record(101), record(100));
    for length in [1, 7, 64, text.len()] {
        let events = decode_pieces(text.as_bytes().chunks(length), bounds);
        let reasons: Vec<_> = events.iter().map(super::Event::reason).collect();
        assert_eq!(reasons, [None, Some("record is longer than the limit"), None]);
        assert_eq!(events[1].position(), record(100).len() as u64 + 1);
    }
}

/// A record that never ends is given up once, however it arrives, and costs no more than its bytes.
#[test]
fn an_endless_record_is_one_reject_in_bounded_memory() {
    let bounds = Bounds { max_record_bytes: 64 << 10, ..BOUNDS };
    let mut records = super::Records::new(bounds);
    let mut sink = super::Collect::default();
    records.push(b"{\"a\":\"", &mut sink);
    for _ in 0..4000 {
        records.push(&[b'x'; 1000], &mut sink);
        assert!(records.held() <= bounds.max_record_bytes + 1000, "{} bytes held", records.held());
    }
    records.push(format!("\n{}", record_with("")).as_bytes(), &mut sink);
    records.finish(&mut sink);
    let reasons: Vec<_> = sink.0.iter().map(super::Event::reason).collect();
    assert_eq!(reasons, [Some("record is longer than the limit"), None]);
}

/// Four megabytes pushed byte by byte are read a logarithmic number of times, not once a byte.
#[test]
fn a_long_record_byte_by_byte_takes_linear_time() {
    let text = record_with(&format!(",\"pad\":\"{}\"", "x".repeat(4 << 20)));
    let (mut records, mut sink) = (super::Records::new(BOUNDS), super::Collect::default());
    let start = std::time::Instant::now();
    for byte in text.as_bytes().chunks(1) {
        records.push(byte, &mut sink);
        // Once a byte would be eight terabytes of reading: minutes.
        assert!(start.elapsed().as_secs() < 20, "{} bytes held", records.held());
    }
    records.finish(&mut sink);
    assert_eq!(sink.0, decode(text.as_bytes(), BOUNDS));
}

/// A finder that was finished begins anew: positions count from 0, an array is forgotten.
#[test]
fn a_finished_finder_is_a_new_one() {
    let (mut records, mut sink) = (super::Records::new(BOUNDS), super::Collect::default());
    for text in [format!("[{},", record_with("")), format!("\u{feff}{}", record_with(""))] {
        records.push(text.as_bytes(), &mut sink);
        records.finish(&mut sink);
    }
    let positions: Vec<_> = sink.0.iter().map(super::Event::position).collect();
    assert_eq!(positions, [1, 3]);
}
