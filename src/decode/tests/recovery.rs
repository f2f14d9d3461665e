//! One bad record costs one reject, at its own position, and never takes its successor along.

use super::super::records::Bounds;
use super::{BOUNDS, Event, decode, decode_pieces, row};

/// A record with every kind of token in it.
const RECORD: &str = concat!(
    r#"{"schemaType":"ModelInvocationLog","timestamp":"2026-10-01T02:00:07Z","#,
    r#""accountId":"111122223333","identity":{"arn":"arn:aws:iam::111122223333:user/a"},"#,
    r#""modelId":"amazon.nova-lite-v1:0","requestId":"r","flag":true,"nothing":null,"#,
    r#""list":[1,-2.5e3,"x",{"y":[]}],"escaped":"a\"b\u00e9\n","#,
    r#""input":{"inputTokenCount":12,"inputBodyJson":{"messages":[{"role":"user"}]}},"#,
    r#""output":{"outputTokenCount":34}}"#,
);

/// Decodes good, `bad`, good, good, in several chunkings, and expects three rows and `rejects`
/// rejects, the first of them where `bad` begins.
fn expect(bad: &[u8], rejects: usize) {
    for (before, between) in [("", "\n"), ("", "\r\n"), ("2026-10-01T02:00:09.123Z ", "\n")] {
        let good = format!("{before}{RECORD}{between}");
        let bytes = [
            good.as_bytes(),
            before.as_bytes(),
            bad,
            between.as_bytes(),
            good.as_bytes(),
            good.as_bytes(),
        ]
        .concat();
        let events = decode(&bytes, BOUNDS);
        let shown = String::from_utf8_lossy(bad);
        let rows = events.iter().filter(|event| matches!(event, Event::Row(_))).count();
        assert_eq!((rows, events.len() - rows), (3, rejects), "{shown}: {events:?}");
        if rejects > 0 {
            let position = (good.len() + before.len()) as u64;
            assert_eq!(events[1].position(), position, "{shown}");
            assert!(events[1].reason().is_some(), "{shown}");
        }
        let last = (bytes.len() - good.len() + before.len()) as u64;
        assert_eq!(events[events.len() - 1].position(), last, "{shown}");
        assert_eq!(decode_pieces(bytes.chunks(1), BOUNDS), events, "{shown}");
        assert_eq!(decode_pieces(bytes.chunks(97), BOUNDS), events, "{shown}");
    }
}

#[test]
fn a_record_cut_anywhere() {
    assert_eq!(row(RECORD).input_tokens, Some(12));
    for length in 1..RECORD.len() {
        expect(&RECORD.as_bytes()[..length], 1);
    }
}

/// The object ends with the cut record, or with one good record behind it.
#[test]
fn a_record_cut_anywhere_at_the_end() {
    for length in 1..RECORD.len() {
        let cut = &RECORD[..length];
        let events = decode(cut.as_bytes(), BOUNDS);
        assert_eq!(events.len(), 1, "{cut}");
        assert_eq!(events[0].reason(), Some("record is cut off"), "{cut}");
        let events = decode(format!("{cut}\n{RECORD}").as_bytes(), BOUNDS);
        assert_eq!(events.len(), 2, "{cut}: {events:?}");
        assert_eq!(events[1].position(), length as u64 + 1, "{cut}");
    }
}

/// The front of a record is missing: what is left is no object, or one that ends early.
#[test]
fn a_record_that_begins_late() {
    for from in 1..RECORD.len() {
        let rest = &RECORD[from..];
        let bytes = format!("{RECORD}\n{rest}\n{RECORD}\n{RECORD}\n");
        let events = decode(bytes.as_bytes(), BOUNDS);
        let rows = events.iter().filter(|event| matches!(event, Event::Row(_))).count();
        assert_eq!(rows, 3, "{rest}: {events:?}");
        // An inner object may stand whole and be told apart from the garbage behind it.
        assert!((1..=2).contains(&(events.len() - rows)), "{rest}: {events:?}");
    }
}

#[test]
fn raw_control_characters_in_a_string() {
    for byte in 0..0x20u8 {
        let mut bad = RECORD.as_bytes().to_vec();
        let at = RECORD.find("arn:aws").unwrap();
        bad.insert(at, byte);
        expect(&bad, 1);
    }
}

#[test]
fn bytes_that_are_no_json_between_tokens() {
    for byte in (0..=255u8).filter(|byte| !b" \t\r\n".contains(byte)) {
        let mut bad = RECORD.as_bytes().to_vec();
        let at = RECORD.find(",\"modelId\"").unwrap();
        bad.insert(at, byte);
        // An early brace ends a record without a model, and what follows is no record.
        expect(&bad, if byte == b'}' { 2 } else { 1 });
    }
}

/// Escapes are checked where text is read: in keys, in values that are taken out.
#[test]
fn invalid_escapes() {
    for escape in ["\\x", "\\", "\\u12", "\\u12g4", "\\U0041", "\\\u{0}", "\\'"] {
        expect(RECORD.replace("user/", &format!("user/{escape}")).as_bytes(), 1);
        expect(RECORD.replace("\"modelId", &format!("\"{escape}modelId")).as_bytes(), 1);
        let stepped_over = RECORD.replace("\\n", &format!("{escape}z"));
        match escape {
            "\\\u{0}" => expect(stepped_over.as_bytes(), 1),
            _ => assert_eq!(row(&stepped_over), row(RECORD), "{escape}"),
        }
    }
    // It takes the quote with it, and what follows is no text any more.
    expect(RECORD.replace("\\n", "\\").as_bytes(), 1);
}

#[test]
fn numbers_that_are_none() {
    for number in ["01", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "0x10", "NaN", "1_000", "--1"]
    {
        let counted = format!("\"inputTokenCount\":{number}");
        expect(RECORD.replace("\"inputTokenCount\":12", &counted).as_bytes(), 1);
        let stepped_over = RECORD.replace("-2.5e3", number);
        match number {
            "0x10" | "NaN" | "1_000" => expect(stepped_over.as_bytes(), 1),
            _ => assert_eq!(row(&stepped_over), row(RECORD), "{number}"),
        }
    }
}

/// What is stepped over needs to be balanced and no more.
#[test]
fn stepped_over_values_that_are_no_json() {
    for (from, to) in [
        (r#"{"y":[]}"#, r#"{"y"}"#),
        (r#"{"y":[]}"#, r#"{1,"y"}"#),
        (r#"{"y":[]}"#, r#"["y":[]]"#),
        (r#"{"y":[]}"#, r#"{"y":[{]}}"#),
    ] {
        assert!(RECORD.contains(from), "{from}");
        assert_eq!(row(&RECORD.replacen(from, to, 1)), row(RECORD), "{to}");
    }
}

/// A quote is lost or one too many: what was text is none any more.
#[test]
fn a_quote_lost_or_doubled_anywhere() {
    for (at, _) in RECORD.match_indices('"').filter(|(at, _)| RECORD.as_bytes()[at - 1] != b'\\') {
        expect([&RECORD[..at], &RECORD[at + 1..]].concat().as_bytes(), 1);
        // Two quotes are an empty string, behind which no value may begin.
        let doubled = [&RECORD[..at], "\"", &RECORD[at..]].concat();
        let rejected = decode(doubled.as_bytes(), BOUNDS)
            .iter()
            .filter(|event| event.reason().is_some())
            .count();
        assert!(rejected >= 1, "{doubled}");
    }
}

/// Halves of two records in one line.
#[test]
fn a_record_that_goes_on_as_another() {
    let list = RECORD.find("[1,").unwrap();
    for (cut, from) in
        (list..list + 25).flat_map(|cut| (1..RECORD.len()).map(move |from| (cut, from)))
    {
        let spliced = [&RECORD[..cut], &RECORD[from..]].concat();
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&spliced).is_ok();
        let events = decode(format!("{spliced}\n{RECORD}").as_bytes(), BOUNDS);
        let good = events.iter().filter(|event| event.reason().is_none()).count();
        // Its successor is found whatever it is.
        assert!((1 + usize::from(is_json)..=2).contains(&good), "{spliced} {events:?}");
        assert_eq!(events[events.len() - 1].position() as usize, spliced.len() + 1, "{spliced}");
    }
}

#[test]
fn literals_that_are_none() {
    for literal in ["tru", "True", "truex", "nul", "nulll", "undefined", "f", "'x'"] {
        expect(RECORD.replace("true", literal).as_bytes(), 1);
    }
}

#[test]
fn commas_colons_and_brackets_out_of_place() {
    for (from, to) in [
        (r#""y":[]"#, r#""y":[,]"#),
        (r#""y":[]"#, r#""y":[}"#),
        (r#""y":[]"#, r#""y":"#),
        (r#""y":[]"#, r#"y:[]"#),
        (r#""y":[]"#, r#""y":[],"#),
        (r#""y":[]"#, r#""y"::[]"#),
        (r#"[1,"#, r#"[1,,"#),
        (r#"[1,"#, r#"[1 "#),
        (r#""x",{"#, r#""x",]{"#),
        (r#""requestId":"r","#, r#""requestId":"r",,"#),
        (r#""requestId":"r","#, r#""requestId":"r""#),
        (r#""requestId":"r","#, r#""requestId" "r","#),
        (r#""requestId":"r","#, r#""requestId":"r"],"#),
        (r#"{"schemaType""#, r#"{,"schemaType""#),
        (r#"{"schemaType""#, r#"{{"schemaType""#),
    ] {
        assert!(RECORD.contains(from), "{from}");
        expect(RECORD.replacen(from, to, 1).as_bytes(), 1);
    }
}

#[test]
fn lines_of_garbage() {
    for garbage in [
        "garbage",
        "null",
        "12345 garbage",
        "2026 is no time",
        "\"a string\"",
        "[1,2,{}]",
        "]",
        "}",
        ",",
        "\0\0\0\0",
        "\u{feff}x",
        "{",
        "{garbage}",
        "<html><body>Access denied</body></html>",
        "-- 2026-10-01T02:00:09.123Z {",
    ] {
        expect(garbage.as_bytes(), 1);
    }
    // Two on one line are two.
    expect(b"{\"a\":1}}", 2);
    expect(b"{}{}{} {\"a\"", 4);
    // White space is no record, bad or good.
    for nothing in ["", " ", "\t\r", "  \r\n\n \t"] {
        expect(nothing.as_bytes(), 0);
    }
}

/// Text with raw line breaks, as a broken exporter leaves it: lines that begin with a digit, or
/// with anything but a brace or a time, are part of the one bad record.
#[test]
fn a_bad_record_of_many_lines_is_one_reject() {
    let text = "arn\n1. first\n2. second\n2026 was a year\n- {\n \t{\"a\":1}\n[\n\n\"";
    expect(RECORD.replace("arn:aws", text).as_bytes(), 1);
}

/// A record that is well-formed JSON costs itself only, wherever its successor stands.
#[test]
fn a_wrong_record_leaves_its_line_alone() {
    let wrong = RECORD.replace("\"2026-10-01T02:00:07Z\"", "1790820007");
    let text = format!("{RECORD}{wrong}{RECORD}{{}}{RECORD}\n{RECORD}");
    let reasons: Vec<_> = decode(text.as_bytes(), BOUNDS).iter().map(Event::reason).collect();
    let [wrong, empty] = [Some("timestamp is not a string"), Some("no timestamp")];
    assert_eq!(reasons, [None, wrong, None, empty, None, None]);
}

/// After the longest record that is followed, reading goes on at the next line, not at the end.
#[test]
fn records_above_the_limit() {
    let bounds = Bounds { max_record_bytes: 600, ..BOUNDS };
    let long = RECORD.replace("\"x\"", &format!("\"{}\"", "x{}".repeat(300)));
    let text = format!("{RECORD}\n{long}\n{RECORD}\n{long}\n{long}\n{RECORD}");
    assert!(RECORD.len() <= 600 && long.len() > 600);
    for length in [1, 10, 599, 600, 601, text.len()] {
        let events = decode_pieces(text.as_bytes().chunks(length), bounds);
        let rejected: Vec<bool> = events.iter().map(|event| event.reason().is_some()).collect();
        assert_eq!(rejected, [false, true, false, true, true, false], "pieces of {length}");
    }
}
