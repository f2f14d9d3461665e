//! A record's fields, one by one: what counts, what is absent, what is rejected and why.

use super::super::text::Raw;
use super::super::time::seconds;
use super::{BOUNDS, Event, decode, reason, record_with, row};

#[test]
fn every_field_of_a_record() {
    let row = row(r#" {"schemaType":"ModelInvocationLog","schemaVersion":"1.0",
        "timestamp":"2026-10-01T02:00:07Z","accountId":"111122223333",
        "identity":{"type":"x","arn":"arn:aws:sts::111122223333:assumed-role/r/s"},
        "region":"eu-west-1","requestId":"c1b0","operation":"ConverseStream",
        "modelId":"eu.anthropic.claude-sonnet-4-6","inferenceRegion":"eu-north-1",
        "errorCode":"ThrottlingException","requestMetadata":{"app":"s\u00fcche","n":7,"b":""},
        "input":{"inputContentType":"application/json","inputTokenCount":1,
            "cacheReadInputTokenCount":129709,"cacheWriteInputTokenCount":411},
        "output":{"outputContentType":"application/json","outputTokenCount":326}} "#);
    let pairs = [("app".to_owned(), "süche".to_owned()), ("b".to_owned(), String::new())];
    let expected = super::Row {
        position: 1,
        timestamp: 1_790_820_007,
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        request_id: "c1b0".into(),
        operation: "ConverseStream".into(),
        model_id: "eu.anthropic.claude-sonnet-4-6".into(),
        inference_region: Some("eu-north-1".into()),
        arn: "arn:aws:sts::111122223333:assumed-role/r/s".into(),
        error_code: Some("ThrottlingException".into()),
        metadata: pairs.to_vec(),
        input_tokens: Some(1),
        cache_read_tokens: Some(129_709),
        cache_write_tokens: Some(411),
        output_tokens: Some(326),
        body: super::Body::default(),
    };
    assert_eq!(row, expected);
}

#[test]
fn absent_and_null_are_unknown_and_not_zero() {
    let bare = row(&record_with(""));
    assert_eq!((bare.input_tokens, bare.output_tokens), (None, None));
    let nulls = row(&record_with(
        r#","accountId":null,"region":null,"requestId":null,"operation":null,"inferenceRegion":null,
        "errorCode":null,"identity":null,"requestMetadata":null,"output":null,
        "input":{"inputTokenCount":null,"cacheReadInputTokenCount":null,"inputBodyJson":null}"#,
    ));
    assert_eq!(nulls, bare);
    assert_eq!(row(&record_with(r#","identity":{"arn":null},"input":{},"output":{}"#)), bare);
}

#[test]
fn counts_that_are_not_believed() {
    let negative = "token count is negative";
    let fraction = "token count is not a whole number";
    let absurd = "token count is larger than any model takes";
    let kind = "token count is not a number";
    for (side, name) in [
        ("input", "inputTokenCount"),
        ("input", "cacheReadInputTokenCount"),
        ("input", "cacheWriteInputTokenCount"),
        ("output", "outputTokenCount"),
    ] {
        let text = |value: &str| record_with(&format!(r#","{side}":{{"{name}":{value}}}"#));
        for (value, expected) in [
            ("-1", negative),
            ("-0", negative),
            ("-1.5", negative),
            ("1.5", fraction),
            ("1.0", fraction),
            ("1e3", fraction),
            ("1E-3", fraction),
            ("100000001", absurd),
            ("9223372036854775808", absurd),
            ("99999999999999999999999999", absurd),
            ("1e999", fraction),
            ("\"12\"", kind),
            ("true", kind),
            ("[12]", kind),
            ("{\"n\":12}", kind),
        ] {
            assert_eq!(reason(&text(value)), expected, "{name} {value}");
        }
        for good in ["0", "12", "100000000"] {
            let row = row(&text(good));
            let counts = [
                row.input_tokens,
                row.cache_read_tokens,
                row.cache_write_tokens,
                row.output_tokens,
            ];
            let told: Vec<i64> = counts.into_iter().flatten().collect();
            assert_eq!(told, [good.parse::<i64>().unwrap()], "{name}");
        }
    }
}

#[test]
fn fields_of_a_wrong_kind() {
    for (member, expected) in [
        (r#""accountId":111122223333"#, "accountId is not a string"),
        (r#""region":["us-east-1"]"#, "region is not a string"),
        (r#""requestId":{}"#, "requestId is not a string"),
        (r#""operation":false"#, "operation is not a string"),
        (r#""inferenceRegion":0"#, "inferenceRegion is not a string"),
        (r#""errorCode":429"#, "errorCode is not a string"),
        (r#""modelId":7"#, "modelId is not a string"),
        (r#""modelId":null"#, "no modelId"),
        (r#""modelId":"""#, "no modelId"),
        (r#""timestamp":1790820007"#, "timestamp is not a string"),
        (r#""timestamp":null"#, "no timestamp"),
        (r#""identity":"arn:aws:iam::1:root""#, "identity is not an object"),
        (r#""identity":{"arn":["a"]}"#, "identity.arn is not a string"),
        (r#""requestMetadata":"app=x""#, "requestMetadata is not an object"),
        (r#""input":[]"#, "input is not an object"),
        (r#""output":3"#, "output is not an object"),
        (r#""region":"\ud83e""#, "text is not UTF-8"),
        (r#""requestId":"\udd80\ud83e""#, "text is not UTF-8"),
    ] {
        assert_eq!(reason(&record_with(&format!(",{member}"))), expected, "{member}");
    }
    assert_eq!(reason("{}"), "no timestamp");
    assert_eq!(reason(r#"{"timestamp":"2026-10-01T02:00:07Z"}"#), "no modelId");
    let mut bytes = record_with(r#","region":"?""#).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    assert_eq!(decode(&bytes, BOUNDS)[0].reason(), Some("text is not UTF-8"));
}

/// The first thing wrong is told; a later good value does not heal an earlier bad one.
#[test]
fn repeated_keys() {
    let text =
        record_with(r#","region":"a","region":"b","input":{"inputTokenCount":1},"input":{}"#);
    assert_eq!((row(&text).region.as_str(), row(&text).input_tokens), ("b", Some(1)));
    let text = record_with(r#","requestMetadata":{"a":"b"},"requestMetadata":null,"region":null"#);
    assert_eq!(row(&text), row(&record_with("")));
    assert_eq!(reason(&record_with(r#","region":1,"region":"b""#)), "region is not a string");
    let text = record_with(r#","output":{"outputTokenCount":-1,"outputTokenCount":1},"input":0"#);
    assert_eq!(reason(&text), "token count is negative");
}

/// What nobody extracts may be any text: halves of surrogate pairs, invalid UTF-8, huge numbers.
#[test]
fn liberties_with_what_is_stepped_over() {
    let mut bytes = record_with(r#","x":"\ud83e?","\udd80":1e99999,"n":-0.000e-0"#).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    assert!(matches!(decode(&bytes, BOUNDS).as_slice(), [Event::Row(_)]));
    let text = record_with(r#","requestMetadata":{"\ud83e":"a","b":"\udd80","c":"d"}"#);
    assert_eq!(row(&text).metadata, [("c".to_owned(), "d".to_owned())]);
}

#[test]
fn keys_with_escapes_are_the_same_keys() {
    let text = r#"{"time\u0073tamp":"2026-10-01T02:00:07Z","\u006dodelId":"a\/b",
        "\u0069nput":{"input\u0054okenCount":5,"inputBodyJson":{"mess\u0061ges":[
        {"rol\u0065":"assist\u0061nt"},{"content":[{"typ\u0065":"tool_resul\u0074"}]}],
        "tool\u0073":[{}],"tool_choice":{"typ\u0065":"an\u0079"},
        "service_tie\u0072":"fle\u0078"}}}"#;
    let row = row(text);
    assert_eq!((row.model_id.as_str(), row.input_tokens), ("a/b", Some(5)));
    let body = row.body;
    assert!(body.multi_turn && body.tool_result && body.tools && body.forced_tool, "{body:?}");
    assert_eq!(body.tier.name(), Some("flex"));
}

#[test]
fn nesting_is_followed_however_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = |depth: usize| {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            record_with(&format!(r#","x":{open}0{close},"region":"r""#))
        };
        for depth in [1, 63, 64, 65, 512, 513, 100_000] {
            assert_eq!(row(&text(depth)).region, "r", "{depth}");
        }
    }
    // One that is closed by the other kind is found at every level.
    for depth in [1, 63, 64, 65, 128, 511] {
        let open: String = (0..depth).map(|i| if i % 3 == 0 { "[" } else { "{\"a\":" }).collect();
        let closers: Vec<&str> =
            (0..depth).rev().map(|i| if i % 3 == 0 { "]" } else { "}" }).collect();
        let text = |closers: &[&str]| {
            record_with(&format!(r#","x":{open}0{},"region":"r""#, closers.concat()))
        };
        assert_eq!(row(&text(&closers)).region, "r");
        for level in 0..depth {
            let mut wrong = closers.clone();
            wrong[level] = if wrong[level] == "]" { "}" } else { "]" };
            assert_eq!(reason(&text(&wrong)), "not well-formed JSON", "level {level} of {depth}");
        }
    }
}

#[test]
fn times() {
    for (text, expected) in [
        ("2026-10-01T02:00:07Z", Some(1_790_820_007)),
        ("2026-10-01T02:00:07.9Z", Some(1_790_820_007)),
        ("2026-10-01T02:00:07.123456789012Z", Some(1_790_820_007)),
        ("2026-10-01T04:00:07+02:00", Some(1_790_820_007)),
        ("2026-09-30T20:30:07-05:30", Some(1_790_820_007)),
        ("2020-01-01T00:00:00Z", Some(1_577_836_800)),
        ("2024-02-29T23:59:60Z", Some(1_709_251_199)),
        ("2099-12-31T23:59:59Z", Some(4_102_444_799)),
        ("", None),
        ("2026-10-01", None),
        ("2026-10-01T02:00Z", None),
        ("2026-10-01T02:00:07", None),
        ("2026-10-01 02:00:07Z", None),
        ("2026-10-01t02:00:07z", None),
        ("2026-10-01T02:00:07.Z", None),
        ("2026-10-01T02:00:07Z ", None),
        ("2026-10-01T02:00:07+0200", None),
        ("2026-10-01T02:00:07+24:00", None),
        ("2026-10-01T02:00:07+02:60", None),
        ("2026-10-01T24:00:00Z", None),
        ("2026-10-01T02:60:00Z", None),
        ("2026-10-01T02:00:61Z", None),
        ("2026-13-01T02:00:00Z", None),
        ("2026-00-01T02:00:00Z", None),
        ("2026-02-29T02:00:00Z", None),
        ("2026-10-00T02:00:00Z", None),
        ("2019-12-31T23:59:59Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("+026-10-01T02:00:07Z", None),
        ("2026-1\u{661}-01T02:00:07Z", None),
        ("1790820007", None),
    ] {
        assert_eq!(seconds(text), expected, "{text}");
        let json = serde_json::json!({ "modelId": "m", "timestamp": text }).to_string();
        let found = match &decode(json.as_bytes(), BOUNDS)[0] {
            Event::Row(row) => Some(row.timestamp),
            Event::Reject(_) => None,
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn strings_and_their_escapes() {
    let text = |raw: &str| {
        let raw = Raw { bytes: raw.as_bytes(), escaped: raw.contains('\\') };
        raw.text().map(std::borrow::Cow::into_owned)
    };
    for raw in
        ["", "plain", "ü", r#"\"\\\/\b\f\n\r\t"#, r"\u0000", r"\u00e9\u65E5", r"\ud83e\udd80"]
    {
        let expected: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
        assert_eq!(text(raw), Some(expected), "{raw}");
    }
    assert_eq!(text(r"\ud800\udc00\uDBFF\uDFFF").as_deref(), Some("\u{10000}\u{10ffff}"));
    let halves = [r"\ud83e", r"\udd80", r"\ud83ex", r"\ud83e\n", r"\ud83e\u0041", r"\ud83e\ud83e"];
    for raw in halves.into_iter().chain([r"\ud83e\udbff", r"\ud83e\ue000", r"\ud7ff\udc00"]) {
        assert_eq!(text(raw), None, "{raw}");
        assert!(serde_json::from_str::<String>(&format!("\"{raw}\"")).is_err(), "{raw}");
    }
}

/// Quotes, backslashes and control characters at every offset of the block that is tested at once.
#[test]
fn specials_at_every_offset_of_a_block() {
    for length in 0..200 {
        let padding = "x".repeat(length);
        let plain = row(&record_with(&format!(r#","region":"{padding}""#)));
        assert_eq!(plain.region, padding);
        let escaped = row(&record_with(&format!(r#","region":"{padding}\"{padding}\\""#)));
        assert_eq!(escaped.region, format!("{padding}\"{padding}\\"));
        for special in ["\u{0}", "\u{1f}", "\n"] {
            let text = record_with(&format!(r#","region":"{padding}{special}""#));
            assert_eq!(reason(&text), "not well-formed JSON", "{length}");
        }
        // Neighbours of the special bytes, and bytes that differ from them in the highest bit only.
        let near = row(&record_with(&format!(",\"region\":\"{padding} !#[]\u{7f}¢Ü\u{80}ī\"")));
        assert_eq!(near.region, format!("{padding} !#[]\u{7f}¢Ü\u{80}ī"));
    }
}
