//! The fast way and the slow way, with every kind of instructions this machine has.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::balance::{Inside, Names, Stop};
use super::super::ends::{Ends, Fast, Slow};
use super::super::json::{Fault, Step};
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

/// A value to be stepped over: tokens of all kinds, mostly where they may stand, with brackets that mostly close.
fn value() -> impl Strategy<Value = String> {
    const SCALARS: &[&str] = &[
        "0",
        "-12",
        "0.5",
        "1.5E-05",
        "123456789012345678901234567890",
        "1e5",
        "true",
        "false",
        "null",
        "+1",
        ".",
        "1-",
        "e5",
        "5e",
        "E",
        "tru",
        "truex",
        "nul",
        "falsee",
        "nulll",
        "true1",
        "1true",
        "x",
        "-x",
        "\u{e9}",
        "\\",
        "\\\"",
        "\0",
        "\x7f",
        "A",
        "|",
    ];
    const STRINGS: &[&str] = &[
        "\"\"",
        "\"a\"",
        "\"stop\"",
        "\"stop_reason\"",
        "\"latencyMs\"",
        "\"guardrail\"",
        "\"index\"",
        "\"stop\\u005freason\"",
        "\"\\\\\"",
        "\"\\\\\\\"\"",
        "\"\\\"\\\\\"",
        "\"{[]}:,\"",
        "\"\u{e9}\u{1f980} \u{7f}\"",
        "\"a\nb\"",
        "\"\\\n\"",
        "\"",
        "\"\\\"",
    ];
    let space = || {
        prop_oneof![12 => Just(String::new()), 1 => select(&[" ", "\n", "\r\n\t", "  "][..])
        .prop_map(str::to_owned), 1 => (0usize..140).prop_map(|length| " ".repeat(length))]
    };
    let string = || {
        prop_oneof![
            9 => select(STRINGS).prop_map(str::to_owned),
            2 => (0usize..140, "[a-z \\\\n]{0,3}").prop_map(|(length, more)| format!("\"{}{more}\"", "x".repeat(length))),
        ]
    };
    let scalar = prop_oneof![
        4 => select(&SCALARS[..9]).prop_map(str::to_owned),
        4 => (any::<i32>(), 1u32..100_000).prop_map(|(a, b)| format!("{}", f64::from(a) / f64::from(b))),
        4 => string(),
    ];
    let odd = prop_oneof![30 => Just(String::new()), 1 => select(SCALARS).prop_map(str::to_owned),
        1 => select(&[",", ":", "]", "}", "[", "{", "\""][..]).prop_map(str::to_owned)];
    let leaf = (scalar, odd).prop_map(|(scalar, odd)| scalar + &odd);
    leaf.prop_recursive(5, 60, 8, move |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(a, b, c)| a + &b + &c);
        let member = (space(), string(), space(), inner, space())
            .prop_map(|(a, key, b, value, c)| format!("{a}{key}{b}:{value}{c}"));
        prop_oneof![
            vec(element, 0..8).prop_map(|elements| format!("[{}]", elements.join(","))),
            vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Names like those of answers, and one that shares letters with them.
static NAMES: Names = Names::new(&["stop_reason", "latencyMs", "guardrail"], &["stop"]);

/// All elements that tell, and how the array ended.
fn stops(bytes: &[u8], ends: impl Ends) -> (Vec<Stop>, Step<usize>) {
    let (mut from, mut stops) = (Inside::before(0), Vec::new());
    loop {
        match ends.elements(bytes, from, &NAMES) {
            Ok(Stop::End(end)) => return (stops, Ok(end)),
            Ok(Stop::Tells(at, inside)) => {
                stops.push(Stop::Tells(at, inside));
                match ends.value(bytes, at) {
                    Ok(end) => from = inside.behind(end),
                    Err(fault) => return (stops, Err(fault)),
                }
            }
            Err(fault) => return (stops, Err(fault)),
        }
    }
}

/// Holds the fast way against the slow one on a value and all that is cut of it.
fn balanced_alike(text: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    for length in cuts.iter().copied().chain([text.len()]) {
        let text = &text[..length.min(text.len())];
        let slow = Slow.value(text, 0);
        for fast in Fast::all() {
            prop_assert_eq!(
                fast.value(text, 0),
                slow,
                "{:?} {}",
                fast,
                String::from_utf8_lossy(text)
            );
            if text.starts_with(b"[") {
                let [slow, fast] = [stops(text, Slow), stops(text, fast)];
                // A block is bad as a whole, also where a key tells before it is.
                let same = if slow.1.is_ok() { fast.0 == slow.0 } else { true };
                prop_assert!(
                    same && fast.1 == slow.1,
                    "{:?} {:?} {}",
                    fast,
                    slow,
                    String::from_utf8_lossy(text)
                );
            }
        }
    }
    Ok(())
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
    fn texts(bytes in stretches(), at in 0usize..80) {
        let slow = Slow.text(&bytes, at);
        for fast in Fast::all() {
            prop_assert_eq!(fast.text(&bytes, at), slow, "{:?}", fast);
            if let Some(near) = fast.near(&bytes, at) {
                let end = at + near.len();
                prop_assert_eq!((Ok((end, false)), near, bytes[end]), (slow, &bytes[at..end], b'"'));
            }
        }
    }

    /// What the fast way steps over, the slow one steps over too, and both end alike.
    #[test]
    fn values(value in value(), cuts in vec(any::<prop::sample::Index>(), 4), more in select(&["", ",", "}]", " \"x"][..])) {
        let text = format!("[{value}]{more}");
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        balanced_alike(text.as_bytes(), &cuts)?;
        balanced_alike(&text.as_bytes()[1..], &[])?;
    }

    /// And with bytes set, inserted and removed.
    #[test]
    fn damaged_values(value in value(), damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..3), 1..4)) {
        let mut text = format!("[{value},[]]").into_bytes();
        for (at, byte, act) in damage {
            let at = 1 + at.index(text.len() - 1);
            const BYTES: &[u8] = b"{}[]\",:\\\n0-+.eEtrufalsn Z\x1f\x7f\xef";
            let byte = BYTES[byte.index(BYTES.len())];
            match act {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
            if text.len() < 2 {
                return Ok(());
            }
        }
        balanced_alike(&text, &[])?;
    }

    /// All JSON is balanced, and ends where serde_json says.
    #[test]
    fn json_is_balanced(value in value()) {
        let text = format!("[{value}] ,");
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            prop_assert_eq!(Slow.value(text.as_bytes(), 0), Ok(values.byte_offset()));
        }
    }

    /// Any bytes, so that all neighbours meet.
    #[test]
    fn tokens(tokens in vec(select(&b"{{{[[[}}}]]]\"\"\"\"\"\"\"\",,,,::::1e-tnfrulase\\ \n\xff"[..]), 0..200)) {
        balanced_alike(&[b"[", &tokens[..]].concat(), &[])?;
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

/// What is balanced, token by token, at every place of a block.
#[test]
fn what_may_stand_side_by_side() {
    let (ok, bad) = (Ok(()), Err(Fault::Bad));
    for (text, expected) in [
        ("[]", ok),
        ("[1,-2.5e3,true,null,false,\"x\",{},[[]]]", ok),
        ("{\"a\":1,\"b\":[{}]}", ok),
        ("[ ]", ok),
        ("[ 1 , { \"a\" : 2 } ]", ok),
        // No JSON, but balanced.
        ("[01,1.,--1,1e,+1]", ok),
        ("[\"\\x\",\"\\u12\"]", ok),
        ("[\"a\":1]", ok),
        ("{1,2}", ok),
        ("{\"a\"}", ok),
        ("[{]}", ok),
        ("[{[}]]", ok),
        ("[{],[}]", ok),
        ("[1 2]", bad),
        ("[1\"a\"]", bad),
        ("[\"a\"\"b\"]", bad),
        ("[\"a\" \"b\"]", bad),
        ("[\"a\"b]", bad),
        ("[{}{}]", bad),
        ("[[]\n[]]", bad),
        ("[1,]", bad),
        ("[1, ]", bad),
        ("[,1]", bad),
        ("[1,,1]", bad),
        ("{\"a\":}", bad),
        ("{\"a\"::1}", bad),
        ("{a:1}", bad),
        ("{1:1}", bad),
        ("[1}", bad),
        ("{\"a\":1]", bad),
        ("[tru]", bad),
        ("[truee]", bad),
        ("[true1]", bad),
        ("[1true]", bad),
        ("[e5]", bad),
        ("[nul,1]", bad),
        ("[0x10]", bad),
        ("[NaN]", bad),
        ("[1_000]", bad),
        ("['x']", bad),
        ("[\u{a0}1]", bad),
        ("[\"a\nb\"]", bad),
        ("[\"a\\\nb\"]", bad),
        ("[\\\"\"]", bad),
        ("[\"a\"\u{0}]", bad),
    ] {
        for padding in 0..140 {
            for padding in [
                "1".repeat(padding),
                format!("\"{}\"", "x".repeat(padding)),
                " ".repeat(padding) + "1",
            ] {
                if padding.is_empty() {
                    continue;
                }
                let text = format!("[{padding},{text},{padding}],1");
                let expected = expected.map(|()| text.len() - 2);
                assert_eq!(Slow.value(text.as_bytes(), 0), expected, "{text}");
                for fast in Fast::all() {
                    assert_eq!(fast.value(text.as_bytes(), 0), expected, "{text} {fast:?}");
                }
            }
        }
    }
}

/// The element that holds a telling key is found, however long ago it or the array began.
#[test]
fn elements_that_tell() {
    let quiet = format!(
        "{{\"a\":[{{\"text\":\"stop_reason\"}},\"latencyMs\"],\"stop_reason\" : null}}{}",
        ""
    );
    for before in (0..60).chain([100, 150, 200]) {
        for (key, tells) in [
            ("\"stop_reason\":1", true),
            ("\"stop_reason\" \n: \"x\"", true),
            ("\"stop\\u005freason\":null", true),
            ("\"\\n\":null", true),
            ("\"stop\":null", true),
            ("\"stop_reason\":null", false),
            ("\"stop_reasons\":1", false),
            ("\"a\":\"stop_reason\"", false),
            ("\"text\":\"\\n\"", false),
        ] {
            let deep = "{\"b\":[{}],\"c\":".repeat(before);
            let element = format!("{deep}{{{key}}}{}", "}".repeat(before));
            let front = format!("[{}\"x\",7,", format!("{quiet},").repeat(before));
            let text = format!("{front}{element},{quiet}]");
            let expected: Vec<usize> = if tells { vec![front.len()] } else { vec![] };
            for (stops, end) in Fast::all()
                .into_iter()
                .map(|fast| stops(text.as_bytes(), fast))
                .chain([stops(text.as_bytes(), Slow)])
            {
                let found: Vec<usize> = stops
                    .iter()
                    .map(|stop| match stop {
                        Stop::Tells(at, _) | Stop::End(at) => *at,
                    })
                    .collect();
                assert_eq!((found, end), (expected.clone(), Ok(text.len())), "{text}");
            }
            // The element need not end, nor be good behind the key.
            let key_ends = front.len() + deep.len() + 1 + key.len();
            for more in ["", "}", "x", "\"", &"[".repeat(200)] {
                let text = format!("{}{more}", &text[..key_ends]);
                for fast in Fast::all() {
                    let [fast, slow] = [stops(text.as_bytes(), fast), stops(text.as_bytes(), Slow)];
                    assert_eq!(fast.1, slow.1, "{text}");
                }
            }
        }
    }
}

#[test]
fn words_may_be_cut_anywhere() {
    for (word, before) in
        ["true", "false", "null"].iter().flat_map(|w| (40..70).map(move |b| (w, b)))
    {
        let text = format!("[\"{}\",{word},{word}]", "x".repeat(before));
        balanced_alike(text.as_bytes(), &Vec::from_iter(1..text.len())).unwrap();
    }
}
