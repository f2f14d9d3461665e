//! The fast way and the slow way, with every kind of instructions this machine has.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::ends::{Ends, Fast, Slow};
use super::super::json::Cursor;
use super::super::records::{Bounds, Records};
use super::super::{lanes, text};
use super::{BOUNDS, Collect, Event, generate};

fn events(bytes: &[u8], lengths: &[usize], bounds: Bounds, ends: impl Ends) -> Vec<Event> {
    let (mut records, mut sink) = (Records::with(bounds, ends), Collect::default());
    let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
        records.push(piece, &mut sink);
        rest = after;
    }
    records.finish(&mut sink);
    sink.0
}

fn agree(bytes: &[u8], lengths: &[usize], bounds: Bounds) -> Result<(), TestCaseError> {
    let slow = events(bytes, lengths, bounds, Slow);
    for fast in Fast::all() {
        prop_assert_eq!(&events(bytes, lengths, bounds, fast), &slow, "{:?}", fast);
    }
    Ok(())
}

/// Bytes with long runs of nothing special, so that every distance and block is met.
fn stretches() -> impl Strategy<Value = Vec<u8>> {
    let special = select(&b"\"\\\n\t\0\x1f\x7f\x80\xa2\xdc\xff !#[]"[..]);
    vec((0usize..150, any::<u8>(), special), 0..6).prop_map(|stretches| {
        let mut bytes = Vec::new();
        for (length, filling, special) in stretches {
            bytes.extend(std::iter::repeat_n(filling, length));
            bytes.push(special);
        }
        bytes
    })
}

/// An array of numbers as they are and as they are not.
fn numbers() -> impl Strategy<Value = String> {
    const NUMBERS: &[&str] = &[
        "0",
        "-0",
        "7",
        "-12",
        "0.5",
        "-0.25",
        "10",
        "123456789",
        "0.012345678901234567",
        "1e5",
        "1.5E-05",
        "-2.5e+3",
        "01",
        "-01",
        "00",
        "1.",
        ".5",
        "-",
        "--1",
        "1-",
        "1.2.3",
        "1e",
        "+1",
        "-.5",
        "0.0.",
        "",
        " ",
        "5 ",
        "x",
        "\"a\"",
        "[1,2]",
        "{}",
        "null",
        "\u{e9}",
    ];
    let number = prop_oneof![
        30 => (any::<i32>(), 1u32..100_000).prop_map(|(a, b)| format!("{}", f64::from(a) / f64::from(b))),
        6 => select(NUMBERS).prop_map(str::to_owned),
    ];
    let comma = prop_oneof![20 => Just(","), 3 => Just(", "), 1 => select(&[",,", " ,", ",  ", ",\n", ";"][..])];
    vec((number, comma), 0..60).prop_map(|items| {
        items.into_iter().flat_map(|(number, comma)| [number, comma.to_owned()]).collect()
    })
}

proptest! {
    #[test]
    fn logs((bytes, _) in generate::log(), lengths in vec(1usize..3000, 1..4)) {
        agree(&bytes, &lengths, BOUNDS)?;
    }

    #[test]
    fn damaged_logs(
        bytes in generate::damaged_log(),
        lengths in vec(1usize..3000, 1..4),
        max_record_bytes in prop_oneof![Just(BOUNDS.max_record_bytes), 1usize..2000],
    ) {
        agree(&bytes, &lengths, Bounds { max_record_bytes, ..BOUNDS })?;
    }

    #[test]
    fn garbage(bytes in generate::garbage(), lengths in vec(1usize..90, 1..4)) {
        agree(&bytes, &lengths, BOUNDS)?;
    }

    #[test]
    fn special_bytes(bytes in stretches(), at in 0usize..80) {
        let slow = Slow.special(&bytes, at);
        for fast in Fast::all() {
            prop_assert_eq!(fast.special(&bytes, at), slow, "{:?}", fast);
            if let Some(near) = fast.near(&bytes, at) {
                let end = at + near.len();
                prop_assert_eq!((Some(end), near, bytes[end]), (slow, &bytes[at..end], b'"'));
            }
        }
    }

    /// Whatever the fast way steps over, the slow one steps over too, and both end alike.
    #[test]
    fn arrays_of_numbers(numbers in numbers(), last in select(&["1]", "]", "0.5 ]", "\"x\"]", "1", "-"][..])) {
        let text = format!("[{numbers}{last}");
        let mut slow = Cursor::new(text.as_bytes(), 0, Slow);
        let outcome = slow.skip();
        for fast in Fast::all() {
            let mut cursor = Cursor::new(text.as_bytes(), 0, fast);
            prop_assert_eq!(cursor.skip(), outcome);
            if outcome.is_ok() {
                prop_assert_eq!(cursor.position(), slow.position());
            }
        }
    }

    #[test]
    fn ascii(bytes in stretches()) {
        let text = std::str::from_utf8(&bytes).ok().filter(|text| text.is_ascii());
        prop_assert_eq!(lanes::ascii(&bytes), text);
    }

    #[test]
    fn whole_numbers(digits in "[0-9]{1,22}|-?[0-9]{0,3}[.e]?[0-9]{0,3}") {
        let expected = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        prop_assert_eq!(text::whole(digits.as_bytes()), expected.or(digits.is_empty().then_some(0)));
    }
}

/// Most of an embedding is stepped over many numbers at a time, or the fast way would be none.
#[test]
fn numbers_are_run_over() {
    let text = "-0.0123456,0.5,12,".repeat(40);
    for fast in Fast::all() {
        assert!(fast.numbers(text.as_bytes(), 0) > text.len() - 64, "{fast:?}");
        assert_eq!(fast.numbers(b"1,2,3,", 0), 0, "too short for {fast:?}");
    }
}
