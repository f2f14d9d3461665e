//! Records as AWS writes them, as other tools write them, and as nobody should.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// JSON as it will stand in the text: scalars and keys are literals already.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Literal(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// White space between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Compact,
    Spaced,
    /// With CRLF and tabs, as an editor on Windows leaves it.
    Pretty,
}

impl Json {
    pub(super) fn render(&self, style: Style) -> String {
        let mut out = String::new();
        self.write(style, 0, &mut out);
        out
    }

    fn write(&self, style: Style, depth: usize, out: &mut String) {
        let space = |out: &mut String, depth: usize| match style {
            Style::Compact => {}
            Style::Spaced => out.push_str(["", " ", "  ", "\t"][out.len() % 4]),
            Style::Pretty => {
                out.push_str("\r\n");
                out.extend(std::iter::repeat_n('\t', depth));
            }
        };
        let (open, close, length) = match self {
            Self::Literal(literal) => return out.push_str(literal),
            Self::Array(elements) => ('[', ']', elements.len()),
            Self::Object(members) => ('{', '}', members.len()),
        };
        out.push(open);
        for i in 0..length {
            space(out, depth + 1);
            match self {
                Self::Object(members) => {
                    out.push_str(&members[i].0);
                    space(out, depth + 1);
                    out.push(':');
                    space(out, depth + 1);
                    members[i].1.write(style, depth + 1, out);
                }
                Self::Array(elements) => elements[i].write(style, depth + 1, out),
                Self::Literal(_) => {}
            }
            if i + 1 < length {
                out.push(',');
            }
        }
        space(out, depth);
        out.push(close);
    }
}

type Any = BoxedStrategy<Json>;

/// Pieces of text in the escapes and scripts that logs hold, with decoys: JSON in strings, names of
/// fields.
const PIECES: &[&str] = &[
    "a",
    "order ",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "über",
    "日本",
    "🦀",
    "\u{7f}",
    "\\n",
    "\\t",
    "\\\"",
    "\\\\",
    "\\/",
    "\\b\\f\\r",
    "\\u0041",
    "\\u00e9",
    "\\u0000",
    "\\ud83e\\udd80",
    "\\u2028",
    "{\\\"inputTokenCount\\\":7}",
    "\\\"timestamp\\\":",
    "modelId",
    "the quick brown fox jumps over the lazy dog, as it does in every long text",
];

/// Halves of surrogate pairs: no text, and only told where text is taken out.
const HALVES: &[&str] = &["\\ud83e", "\\udd80x", "\\ud83e\\u0041", "\\ud83e\\n", "\\udd80\\ud83e"];

fn string() -> BoxedStrategy<String> {
    let piece = prop_oneof![200 => select(PIECES), 1 => select(HALVES)];
    vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat())).boxed()
}

fn number() -> BoxedStrategy<String> {
    let fixed =
        &["0", "-0", "-1", "1.5", "-2.25E-3", "1e9", "0e1", "7e999", "99999999999999999999999"];
    prop_oneof![
        (0u64..200_000).prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_map(|number| serde_json::json!(number).to_string()),
        select(fixed).prop_map(str::to_owned),
    ]
    .boxed()
}

fn literal(strategy: impl Strategy<Value = String> + 'static) -> Any {
    strategy.prop_map(Json::Literal).boxed()
}

/// JSON of any kind.
fn anything() -> Any {
    let leaf = prop_oneof![
        3 => literal(string()),
        2 => literal(number()),
        1 => literal(select(&["null", "true", "false"]).prop_map(str::to_owned)),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec((unknown_key(), inner), 0..4).prop_map(Json::Object),
        ]
    })
    .boxed()
}

fn unknown_key() -> BoxedStrategy<String> {
    let odd =
        &["\"\"", "\"outputVideoSeconds\"", "\"\\ud83e\"", "\"schéma\"", "\"{\"", "\"a\\nb\""];
    prop_oneof![select(odd).prop_map(str::to_owned), select(NAMES).prop_flat_map(key)].boxed()
}

/// `name` as a key, one time in eight with a character escaped.
fn key(name: &'static str) -> BoxedStrategy<String> {
    let escaped = any::<Index>().prop_map(move |index| {
        let at = index.index(name.len());
        let character = name.as_bytes()[at];
        format!("\"{}\\u{character:04x}{}\"", &name[..at], &name[at + 1..])
    });
    prop_oneof![7 => Just(format!("\"{name}\"")), 1 => escaped].boxed()
}

/// One of `words` as a string.
fn word(words: &'static [&'static str]) -> Any {
    literal(select(words).prop_map(|word| format!("\"{word}\"")))
}

fn list(element: Any) -> Any {
    vec(element, 0..4).prop_map(Json::Array).boxed()
}

/// An object with some of `members` in any order, some of them of a wrong kind, and unknown ones.
fn object(members: Vec<(&'static str, Any)>) -> Any {
    let known: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            let value = prop_oneof![12 => value, 1 => anything()];
            proptest::option::weighted(0.6, (key(name), value)).boxed()
        })
        .collect();
    (known, vec((unknown_key(), anything()), 0..2))
        .prop_map(|(known, unknown)| known.into_iter().flatten().chain(unknown).collect())
        .prop_flat_map(|members: Vec<_>| Just(members).prop_shuffle())
        .prop_map(Json::Object)
        .boxed()
}

/// Every name that means something somewhere.
const NAMES: &[&str] = &[
    "accountId",
    "amazon-bedrock-guardrailAction",
    "any",
    "arn",
    "cacheDetails",
    "cachePoint",
    "cache_creation",
    "choices",
    "content",
    "delta",
    "errorCode",
    "finish_reason",
    "guardrail",
    "guardrailConfig",
    "identity",
    "input",
    "inputBodyJson",
    "inputTokenCount",
    "inputTokens",
    "jsonSchema",
    "json_schema",
    "latency",
    "latencyMs",
    "message",
    "messageStop",
    "messages",
    "metadata",
    "metrics",
    "modelId",
    "operation",
    "output",
    "outputBodyJson",
    "outputTokenCount",
    "performanceConfig",
    "region",
    "requestId",
    "requestMetadata",
    "response_format",
    "role",
    "serviceTier",
    "service_tier",
    "stopReason",
    "stop_reason",
    "timestamp",
    "tool",
    "toolChoice",
    "toolConfig",
    "toolResult",
    "tool_choice",
    "tools",
    "trace",
    "ttl",
    "type",
    "usage",
];

fn tier() -> Any {
    let name = || word(&["default", "standard", "priority", "flex", "reserved", "auto"]);
    prop_oneof![name(), object(vec![("type", name())])].boxed()
}

fn request() -> Any {
    let tool = prop_oneof![
        object(vec![("toolSpec", anything()), ("name", literal(string()))]),
        object(vec![("cachePoint", anything())]),
    ];
    let choice = object(vec![
        ("any", anything()),
        ("auto", anything()),
        ("type", word(&["tool", "any", "auto", "function", "none"])),
    ]);
    let content = object(vec![
        ("text", literal(string())),
        ("toolResult", anything()),
        ("type", word(&["text", "tool_result", "tool_use"])),
    ]);
    let message = object(vec![
        ("role", word(&["user", "assistant", "tool", "system"])),
        ("content", prop_oneof![literal(string()), list(content)].boxed()),
    ]);
    let kind = || ("type", word(&["json_schema", "json_object", "text"]));
    let inner = object(vec![kind(), ("structure", object(vec![("jsonSchema", anything())]))]);
    let format = || object(vec![kind(), ("textFormat", inner.clone()), ("format", inner.clone())]);
    let tools = list(tool.boxed());
    object(vec![
        ("messages", list(message)),
        ("toolConfig", object(vec![("tools", tools.clone()), ("toolChoice", choice.clone())])),
        ("tools", tools),
        ("tool_choice", prop_oneof![word(&["required", "auto"]), choice].boxed()),
        ("outputConfig", format()),
        ("output_config", format()),
        ("response_format", format()),
        ("guardrailConfig", anything()),
        ("serviceTier", tier()),
        ("service_tier", tier()),
        ("performanceConfig", object(vec![("latency", word(&["optimized", "standard"]))])),
        ("system", literal(string())),
    ])
}

fn answer() -> Any {
    let whole = || literal(prop_oneof![number(), (0u32..90_000).prop_map(|ms| ms.to_string())]);
    let stop = || {
        word(&["end_turn", "tool_use", "tool_calls", "stop", "guardrail_intervened", "max_tokens"])
    };
    let cached = object(vec![("ttl", word(&["5m", "1h"])), ("inputTokens", whole())]);
    let split = object(vec![("ephemeral_1h_input_tokens", whole())]);
    let usage = object(vec![("cache_creation", split), ("cacheDetails", list(cached))]);
    let metrics = object(vec![("latencyMs", whole())]);
    let trace = object(vec![("guardrail", anything())]);
    let performance = object(vec![("latency", word(&["optimized", "standard"]))]);
    let account = vec![
        ("metrics", metrics),
        ("usage", usage.clone()),
        ("trace", trace),
        ("serviceTier", tier()),
        ("performanceConfig", performance),
    ];
    let invocation = object(vec![("invocationLatency", whole()), ("firstByteLatency", whole())]);
    let choice = object(vec![("finish_reason", stop()), ("stop_reason", stop())]);
    let more = vec![
        ("stopReason", stop()),
        ("stop_reason", stop()),
        ("delta", object(vec![("stop_reason", stop()), ("text", literal(string()))])),
        ("message", object(vec![("usage", usage), ("stop_reason", stop())])),
        ("messageStop", object(vec![("stopReason", stop())])),
        ("metadata", object(account.clone())),
        ("choices", list(choice)),
        ("amazon-bedrock-invocationMetrics", invocation),
        ("amazon-bedrock-guardrailAction", word(&["INTERVENED", "NONE"])),
    ];
    let whole_answer = object(account.into_iter().chain(more).collect());
    let done = word(&["[DONE]"]);
    let chunk = prop_oneof![6 => whole_answer.clone(), 1 => done, 1 => anything()].boxed();
    prop_oneof![2 => whole_answer, 1 => list(chunk)].boxed()
}

fn body(body: Any) -> Any {
    prop_oneof![6 => body, 1 => literal(string()), 1 => anything()].boxed()
}

fn timestamp() -> Any {
    let parts = (2019u32..2101, 1u32..13, 1u32..31, 0u32..24, 0u32..60, 0u32..61);
    let zone =
        select(&["Z", "Z", "Z", ".5Z", ".123456789Z", "+02:00", "-11:30", "+24:00", "z", ""]);
    let time = (parts, zone).prop_map(|((year, month, day, hour, minute, second), zone)| {
        let date = format!("{year}-{month:02}-{day:02}");
        format!("\"{date}T{hour:02}:{minute:02}:{second:02}{zone}\"")
    });
    let good = Just("\"2026-10-01T02:00:07Z\"".to_owned());
    literal(prop_oneof![6 => good, 3 => time, 1 => string()])
}

/// Members of a record, its timestamp and model among them; `odd` of a hundred are of any kind.
fn members(odd: u32) -> BoxedStrategy<Vec<(String, Json)>> {
    let count = || literal((0u32..200_000).prop_map(|tokens| tokens.to_string()));
    let sometimes = move |value: Any, other: Any| -> Any {
        if odd == 0 { value } else { prop_oneof![100 - odd => value, odd => other].boxed() }
    };
    let counted = move |name: &'static str| {
        let wrong = prop_oneof![literal(number()), anything()].boxed();
        (key(name), sometimes(count(), wrong))
    };
    let name = move |name: &'static str| (key(name), sometimes(literal(string()), anything()));
    let model = word(&["us.anthropic.claude-sonnet-4-6", "amazon.nova-lite-v1:0"]);
    let odd_member =
        move |name: &'static str, value: Any| (key(name), sometimes(value, anything()));
    // Not `object`, whose members are often missing or of a wrong kind: most records shall be good.
    let group = |members: Vec<BoxedStrategy<(String, Json)>>| {
        (members, vec((unknown_key_but_names(), anything()), 0..2))
            .prop_map(|(known, unknown)| known.into_iter().chain(unknown).collect())
            .prop_flat_map(|members: Vec<_>| Just(members).prop_shuffle())
    };
    let input = group(vec![
        counted("inputTokenCount").boxed(),
        counted("cacheReadInputTokenCount").boxed(),
        counted("cacheWriteInputTokenCount").boxed(),
        (key("inputBodyJson"), body(request())).boxed(),
    ]);
    let output = group(vec![
        counted("outputTokenCount").boxed(),
        (key("outputBodyJson"), body(answer())).boxed(),
    ]);
    let metadata = vec((string(), prop_oneof![5 => literal(string()), 1 => anything()]), 0..3);
    let time = if odd == 0 {
        Just(Json::Literal("\"2026-10-01T02:00:07Z\"".to_owned())).boxed()
    } else {
        timestamp()
    };
    group(vec![
        (key("timestamp"), time).boxed(),
        odd_member("modelId", model).boxed(),
        name("accountId").boxed(),
        name("region").boxed(),
        name("requestId").boxed(),
        name("operation").boxed(),
        name("inferenceRegion").boxed(),
        odd_member("errorCode", literal(Just("null".to_owned()))).boxed(),
        odd_member("identity", group(vec![name("arn").boxed()]).prop_map(Json::Object).boxed())
            .boxed(),
        odd_member("requestMetadata", metadata.prop_map(Json::Object).boxed()).boxed(),
        odd_member("input", input.prop_map(Json::Object).boxed()).boxed(),
        odd_member("output", output.prop_map(Json::Object).boxed()).boxed(),
    ])
    .boxed()
}

fn unknown_key_but_names() -> BoxedStrategy<String> {
    select(&["\"schemaType\"", "\"outputVideoSeconds\"", "\"\\ud83e\"", "\"\"", "\"Input\""][..])
        .prop_map(str::to_owned)
        .boxed()
}

/// A record: one in two all good but for its text, the others with some wrong member, some with
/// members missing or told twice.
pub(super) fn record() -> Any {
    let repeated =
        (members(5), any::<Index>(), anything()).prop_map(|(mut members, index, value)| {
            let at = index.index(members.len());
            let key = members[at].0.clone();
            members.push((key, value));
            members
        });
    let missing = (members(2), vec(any::<Index>(), 1..8)).prop_map(|(mut members, indices)| {
        for index in indices {
            if !members.is_empty() {
                members.remove(index.index(members.len()));
            }
        }
        members
    });
    prop_oneof![4 => members(0), 2 => members(8), 1 => repeated, 1 => missing]
        .prop_map(Json::Object)
        .boxed()
}

/// A record all of whose members are good, but that its text may be broken Unicode.
pub(super) fn good_members() -> BoxedStrategy<Vec<(String, Json)>> {
    members(0)
}

/// How records stand in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Lines,
    CrLf,
    CloudWatch,
    Concatenated,
    Pretty,
    Array,
    PrettyArray,
}

pub(super) const LAYOUTS: [Layout; 7] = [
    Layout::Lines,
    Layout::CrLf,
    Layout::CloudWatch,
    Layout::Concatenated,
    Layout::Pretty,
    Layout::Array,
    Layout::PrettyArray,
];

/// The bytes of an object, and the position of each record.
pub(super) fn lay_out(records: &[Json], layout: Layout, bom: bool) -> (Vec<u8>, Vec<u64>) {
    let (style, open, before, between, close) = match layout {
        Layout::Lines => (Style::Compact, "", "", "\n", "\n"),
        Layout::CrLf => (Style::Spaced, "", "", "\r\n", "\r\n"),
        Layout::CloudWatch => (Style::Compact, "", "2026-10-01T02:00:09.123Z ", "\n", "\n"),
        Layout::Concatenated => (Style::Spaced, "", "", "", ""),
        Layout::Pretty => (Style::Pretty, "", "", "\n", ""),
        Layout::Array => (Style::Compact, "[", "", ",", "]"),
        Layout::PrettyArray => (Style::Pretty, "[\n", "  ", ",\n", "\n]\n"),
    };
    let mut text = String::from(if bom { "\u{feff}" } else { "" });
    text.push_str(open);
    let mut positions = Vec::new();
    for (i, record) in records.iter().enumerate() {
        text.push_str(if i > 0 { between } else { "" });
        text.push_str(before);
        positions.push(text.len() as u64);
        text.push_str(&record.render(style));
    }
    text.push_str(close);
    (text.into_bytes(), positions)
}

/// A whole object: its bytes and the position of each record.
pub(super) fn log() -> impl Strategy<Value = (Vec<u8>, Vec<u64>)> {
    (vec(record(), 0..5), select(&LAYOUTS[..]), any::<bool>())
        .prop_map(|(records, layout, bom)| lay_out(&records, layout, bom))
}

/// One act of damage.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index, usize),
    Copy(Index, Index, usize),
    Truncate(Index),
}

/// An object with up to three acts of damage done to it.
pub(super) fn damaged_log() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        || prop_oneof![3 => select(&b"{}[]\",:\\\n0-e. tu\0\x1f\xef\xff"[..]), 1 => any::<u8>()];
    let at = any::<Index>;
    let damage = prop_oneof![
        (at(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        (at(), 1usize..40).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at(), at(), 1usize..60).prop_map(|(from, to, length)| Damage::Copy(from, to, length)),
        at().prop_map(Damage::Truncate),
    ];
    (log(), vec(damage, 1..4)).prop_map(|((mut bytes, _), damages)| {
        for damage in damages {
            if bytes.is_empty() {
                break;
            }
            let length = bytes.len();
            match damage {
                Damage::Set(at, byte) => bytes[at.index(length)] = byte,
                Damage::Insert(at, byte) => bytes.insert(at.index(length), byte),
                Damage::Remove(at, count) => {
                    let from = at.index(length);
                    bytes.drain(from..length.min(from + count));
                }
                Damage::Copy(from, to, count) => {
                    let from = from.index(length);
                    let copy = bytes[from..length.min(from + count)].to_vec();
                    let to = to.index(length);
                    bytes.splice(to..to, copy);
                }
                Damage::Truncate(at) => bytes.truncate(at.index(length)),
            }
        }
        bytes
    })
}

/// Bytes that are no log but have the look of one here and there.
pub(super) fn garbage() -> impl Strategy<Value = Vec<u8>> {
    const SNIPPETS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        ",",
        ":",
        "\n",
        "\r\n",
        " ",
        "\\",
        "\\u00",
        "0",
        "12",
        "-",
        "1.",
        "e5",
        "true",
        "nul",
        "{}",
        "{\"",
        "\":",
        "\"a\":1",
        "\u{feff}",
        "\u{0}",
        "\u{7f}",
        "é",
        "\n{\"timestamp\":\"2026-10-01T00:00:00Z\",\"modelId\":\"m\"}",
        "2026-10-01T00:00:00.000Z ",
        "\n2026-10-01T00:00:00Z",
        "\n2026",
        "\"modelId\":\"x\"",
        "{\"input\":{\"inputTokenCount\":",
        "{\"output\":{\"outputBodyJson\":[",
    ];
    let snippet = prop_oneof![
        8 => select(SNIPPETS).prop_map(|snippet| snippet.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(snippet, 0..60).prop_map(|snippets| snippets.concat())
}
