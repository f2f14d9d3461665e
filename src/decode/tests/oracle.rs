//! The slow and obvious decoder: serde_json finds the boundaries and builds a tree, paths read it.
//!
//! What is no JSON may still be a record, if only what nobody reads is not: there the slow way decides, which
//! other tests hold against the rules.

use std::fmt;

use chrono::{DateTime, Datelike};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::Reject;
use super::super::body::{Body, Tier};
use super::super::ends::Slow;
use super::super::json::{Cursor, Fault};
use super::super::record::{Reader, Record};
use super::super::records::Bounds;
use super::{Event, Row};

/// A JSON value that keeps repeated keys and the order of all.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Null,
    Bool,
    Whole(u64),
    /// Negative, with a fraction or an exponent, or beyond 64 bits.
    Number(f64),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de> Visitor<'de> for Build {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Bool)
            }
            fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
                Ok(Node::Whole(number))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
                Ok(Node::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
                Ok(Node::Number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Node::Array(elements))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Node::Object(members))
            }
        }
        deserializer.deserialize_any(Build)
    }
}

impl Node {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn members(&self) -> &[(String, Node)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    fn elements(&self) -> &[Node] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Calls `look` with the path of every value below `path`, in the order of the text. An
    /// element's part of the path is `*`.
    fn walk<'n>(&'n self, path: &str, look: &mut impl FnMut(&str, &'n Node)) {
        let members = self.members().iter().map(|(key, value)| (key.as_str(), value));
        for (part, value) in members.chain(self.elements().iter().map(|element| ("*", element))) {
            let path = format!("{path}/{part}");
            look(&path[1..], value);
            value.walk(&path, look);
        }
    }
}

/// Everything that decoding `bytes` must yield.
pub(super) fn events(bytes: &[u8], bounds: Bounds) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut at, mut is_first, mut in_array) = (0, true, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let reason = match rest[0] {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'[' if is_first => {
                (at, is_first, in_array) = (at + 1, false, true);
                continue;
            }
            b',' | b']' if in_array => {
                at += 1;
                continue;
            }
            0xef if is_first && rest.starts_with("\u{feff}".as_bytes()) => {
                at += 3;
                continue;
            }
            b'{' => match object(rest, bounds) {
                Ok((length, outcome)) => {
                    events.push(event(at, outcome));
                    (at, is_first) = (at + length, false);
                    continue;
                }
                Err(reason) => reason,
            },
            _ => match time_before_record(rest) {
                Some(length) => {
                    (at, is_first) = (at + length, false);
                    continue;
                }
                None => "not a JSON object",
            },
        };
        events.push(event(at, Err(reason)));
        is_first = false;
        let lines = (at + 1..bytes.len()).filter(|&line| bytes[line - 1] == b'\n');
        let begins =
            |line: &usize| bytes[*line] == b'{' || time_before_record(&bytes[*line..]).is_some();
        at = lines.into_iter().find(begins).unwrap_or(bytes.len());
    }
    events
}

fn event(at: usize, outcome: Result<Row, &'static str>) -> Event {
    let position = at as u64;
    match outcome {
        Ok(row) => Event::Row(Box::new(Row { position, ..row })),
        Err(reason) => Event::Reject(Reject { position, reason }),
    }
}

/// The length of the object that begins `rest`, and what it holds.
fn object(rest: &[u8], bounds: Bounds) -> Result<(usize, Result<Row, &'static str>), &'static str> {
    let window = &rest[..rest.len().min(bounds.max_record_bytes)];
    let mut values = serde_json::Deserializer::from_slice(window).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let length = values.byte_offset();
            let node = serde_json::from_str(&sanitized(&window[..length])).unwrap();
            Ok((length, row(&node, bounds.max_tokens)))
        }
        _ if !is_cut(window) => balanced(rest, window, bounds),
        _ if window.len() < rest.len() => Err("record is longer than the limit"),
        _ => Err("record is cut off"),
    }
}

/// The record that begins `window`, if what is wrong with it is nothing that is read.
fn balanced(
    rest: &[u8],
    window: &[u8],
    bounds: Bounds,
) -> Result<(usize, Result<Row, &'static str>), &'static str> {
    let (mut cursor, mut record) = (Cursor::new(window, 0, Slow), Record::default());
    match Reader::new(window, bounds.max_tokens, &mut record).read(&mut cursor) {
        Ok(outcome) => Ok((cursor.position(), outcome.map(|()| Row::from(&record)))),
        Err(Fault::Bad) => Err("not well-formed JSON"),
        Err(Fault::Cut) if window.len() < rest.len() => Err("record is longer than the limit"),
        Err(Fault::Cut) => Err("record is cut off"),
    }
}

/// Whether more could follow `bytes`. At the very end serde_json takes a number that stops at a
/// sign, a point or an `e` for wrong, and a `\u` escape with too few digits for cut, whatever they
/// are: more digits show.
fn is_cut(bytes: &[u8]) -> bool {
    let ends_inside = |more: &[u8]| {
        let text = [bytes, more].concat();
        serde_json::from_slice::<IgnoredAny>(&text).is_err_and(|error| error.is_eof())
    };
    let tail = &bytes[bytes.len().saturating_sub(5)..];
    if tail.windows(2).any(|pair| pair == b"\\u") {
        ends_inside(b"0000")
    } else {
        ends_inside(b"") || ends_inside(b"0")
    }
}

/// The object with what a tree cannot hold replaced: bytes that are not UTF-8 and halves of
/// surrogate pairs by U+FFFD, exponents (which may overflow) by zero.
fn sanitized(object: &[u8]) -> String {
    let lossy: Vec<char> = String::from_utf8_lossy(object).chars().collect();
    let unit = |at: usize| -> Option<u32> {
        let escape: String = lossy.get(at..at + 6)?.iter().collect();
        u32::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    let (mut plain, mut at, mut in_string) = (String::new(), 0, false);
    while at < lossy.len() {
        let character = lossy[at];
        let length = match (in_string, character) {
            (true, '\\') => match (unit(at), unit(at + 6)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
                (Some(0xD800..=0xDFFF), _) => {
                    plain.push('\u{fffd}');
                    at += 6;
                    continue;
                }
                (Some(_), _) => 6,
                (None, _) => 2,
            },
            (false, 'e' | 'E') if lossy[at - 1].is_ascii_digit() => {
                plain.push_str("e0");
                at += 1;
                while matches!(lossy[at], '0'..='9' | '+' | '-') {
                    at += 1;
                }
                continue;
            }
            (_, '"') => {
                in_string = !in_string;
                1
            }
            _ => 1,
        };
        plain.extend(&lossy[at..at + length]);
        at += length;
    }
    plain
}

/// The length of the time before a record on its line.
fn time_before_record(line: &[u8]) -> Option<usize> {
    let length = line.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'{')?;
    let is_time = length < 40 && !matches!(line[length], b'\n' | b'\r');
    (is_time && seconds(std::str::from_utf8(&line[..length]).ok()?).is_some()).then_some(length)
}

fn seconds(text: &str) -> Option<i64> {
    // chrono takes more spellings than a log may have.
    if !text.is_ascii() || text.get(10..11) != Some("T") || text.contains('z') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    (2020..2100).contains(&time.year()).then(|| time.timestamp())
}

/// The first thing wrong with a record, in the order of its text.
#[derive(Default)]
struct Problem(Option<&'static str>);

impl Problem {
    fn tell(&mut self, reason: &'static str) {
        self.0 = self.0.or(Some(reason));
    }

    fn text(&mut self, value: &Node, reason: &'static str) -> Option<String> {
        match value {
            Node::Null => None,
            Node::Text(text) if text.contains('\u{fffd}') => {
                self.tell("text is not UTF-8");
                None
            }
            Node::Text(text) => Some(text.clone()),
            _ => {
                self.tell(reason);
                None
            }
        }
    }

    fn count(&mut self, value: &Node, max: i64) -> Option<i64> {
        match value {
            Node::Null => return None,
            Node::Whole(tokens) if *tokens <= max as u64 => return Some(*tokens as i64),
            Node::Whole(_) => self.tell("token count is larger than any model takes"),
            Node::Number(number) if number.is_sign_negative() => {
                self.tell("token count is negative");
            }
            Node::Number(number) if *number > 1e19 => {
                self.tell("token count is larger than any model takes");
            }
            Node::Number(_) => self.tell("token count is not a whole number"),
            _ => self.tell("token count is not a number"),
        }
        None
    }
}

fn row(record: &Node, max: i64) -> Result<Row, &'static str> {
    let (mut row, mut timestamp, mut problem) = (Row::default(), None, Problem::default());
    for (key, value) in record.members() {
        let p = &mut problem;
        match key.as_str() {
            "timestamp" => timestamp = p.text(value, "timestamp is not a string"),
            "accountId" => {
                row.account = p.text(value, "accountId is not a string").unwrap_or_default();
            }
            "region" => row.region = p.text(value, "region is not a string").unwrap_or_default(),
            "requestId" => {
                row.request_id = p.text(value, "requestId is not a string").unwrap_or_default();
            }
            "operation" => {
                row.operation = p.text(value, "operation is not a string").unwrap_or_default();
            }
            "modelId" => {
                row.model_id = p.text(value, "modelId is not a string").unwrap_or_default();
            }
            "inferenceRegion" => {
                row.inference_region = p.text(value, "inferenceRegion is not a string");
            }
            "errorCode" => row.error_code = p.text(value, "errorCode is not a string"),
            "requestMetadata" => match value {
                Node::Null => row.metadata.clear(),
                Node::Object(pairs) => row.metadata = metadata(pairs),
                _ => p.tell("requestMetadata is not an object"),
            },
            "identity" | "input" | "output" => match value {
                Node::Null => {}
                Node::Object(members) => side(key, members, &mut row, p, max),
                _ => p.tell(match key.as_str() {
                    "identity" => "identity is not an object",
                    "input" => "input is not an object",
                    _ => "output is not an object",
                }),
            },
            _ => {}
        }
    }
    if let Some(reason) = problem.0 {
        return Err(reason);
    }
    row.timestamp = seconds(&timestamp.ok_or("no timestamp")?)
        .ok_or("timestamp is not a time of the form YYYY-MM-DDTHH:MM:SSZ since 2020")?;
    if row.model_id.is_empty() { Err("no modelId") } else { Ok(row) }
}

fn metadata(pairs: &[(String, Node)]) -> Vec<(String, String)> {
    let pairs =
        pairs.iter().filter_map(|(key, value)| Some((key.clone(), value.text()?.to_owned())));
    pairs.filter(|(key, value)| !format!("{key}{value}").contains('\u{fffd}')).collect()
}

fn side(name: &str, members: &[(String, Node)], row: &mut Row, problem: &mut Problem, max: i64) {
    for (key, value) in members {
        match (name, key.as_str()) {
            ("identity", "arn") => {
                let arn = problem.text(value, "identity.arn is not a string");
                row.arn = arn.unwrap_or_default();
            }
            ("input", "inputTokenCount") => row.input_tokens = problem.count(value, max),
            ("input", "cacheReadInputTokenCount") => {
                row.cache_read_tokens = problem.count(value, max);
            }
            ("input", "cacheWriteInputTokenCount") => {
                row.cache_write_tokens = problem.count(value, max);
            }
            ("output", "outputTokenCount") => row.output_tokens = problem.count(value, max),
            ("input", "inputBodyJson") if value.is_object() => request(value, &mut row.body),
            ("output", "outputBodyJson") => answer(value, &mut row.body),
            _ => {}
        }
    }
}

fn request(request: &Node, body: &mut Body) {
    body.has_input = true;
    let (mut tools, mut forced, mut asked) = (0, false, Tier::Unknown);
    request.walk("", &mut |path, value| {
        let text = value.text();
        match path {
            "toolConfig/tools/*" | "tools/*" => {
                tools += usize::from(!value.members().iter().any(|(key, _)| key == "cachePoint"));
            }
            "toolConfig/toolChoice/any" | "toolConfig/toolChoice/tool" => forced = true,
            "tool_choice" => forced |= text == Some("required"),
            "tool_choice/type" => forced |= matches!(text, Some("tool" | "any" | "function")),
            "messages" => {
                let says = |message: &&Node| {
                    let mut members = message.members().iter();
                    members.any(|(key, value)| key == "role" && value.text() == Some("assistant"))
                };
                let before_last = value.elements().iter().rev().skip(1);
                body.multi_turn |= before_last.filter(says).count() > 0;
            }
            "messages/*/role" => body.tool_result |= text == Some("tool"),
            "messages/*/content/*/toolResult" => body.tool_result = true,
            "messages/*/content/*/type" => body.tool_result |= text == Some("tool_result"),
            "guardrailConfig" | "amazon-bedrock-guardrailConfig" => {
                body.guardrail |= value.is_object();
            }
            "outputConfig" | "output_config" | "output_format" | "response_format" => {
                body.json_schema |= names_schema(value, 4);
            }
            _ => either_side(path, value, body, &mut asked),
        }
    });
    body.tools |= tools > 0;
    body.forced_tool |= tools == 1 && forced;
    if body.tier == Tier::Unknown {
        body.tier = asked;
    }
}

fn names_schema(value: &Node, depth: usize) -> bool {
    let is_name = |text: &str| matches!(text, "json_schema" | "jsonSchema");
    let inside = |(key, value): &(String, Node)| is_name(key) || names_schema(value, depth - 1);
    value.text().is_some_and(is_name) || (depth > 0 && value.members().iter().any(inside))
}

fn either_side(path: &str, value: &Node, body: &mut Body, tier: &mut Tier) {
    match path {
        "serviceTier" | "service_tier" | "serviceTier/type" | "service_tier/type" => {
            *tier = match value.text() {
                Some("default" | "standard") => Tier::Standard,
                Some("priority") => Tier::Priority,
                Some("flex") => Tier::Flex,
                Some("reserved") => Tier::Reserved,
                _ => *tier,
            };
        }
        "performanceConfig/latency" => body.optimized_latency |= value.text() == Some("optimized"),
        _ => {}
    }
}

fn answer(answer: &Node, body: &mut Body) {
    let is_chunks = matches!(answer, Node::Array(_));
    if !is_chunks && !answer.is_object() {
        return;
    }
    body.has_output = true;
    let mut tier = body.tier;
    let milliseconds = |value: &Node, known| value.whole().filter(|ms| *ms <= 86_400_000).or(known);
    answer.walk("", &mut |path, value| {
        let path = if is_chunks {
            let Some(path) = path.strip_prefix("*/") else { return };
            path
        } else {
            path
        };
        match path {
            "amazon-bedrock-invocationMetrics/invocationLatency"
            | "metrics/latencyMs"
            | "metadata/metrics/latencyMs" => {
                body.latency_ms = milliseconds(value, body.latency_ms);
            }
            "amazon-bedrock-invocationMetrics/firstByteLatency" => {
                body.first_byte_ms = milliseconds(value, body.first_byte_ms);
            }
            "amazon-bedrock-guardrailAction" => body.guardrail = true,
            "trace/guardrail" | "metadata/trace/guardrail" => body.guardrail |= value.is_object(),
            "stopReason"
            | "stop_reason"
            | "message/stop_reason"
            | "delta/stop_reason"
            | "messageStop/stopReason"
            | "choices/*/finish_reason"
            | "choices/*/stop_reason" => {
                body.tool_stop |= matches!(value.text(), Some("tool_use" | "tool_calls"));
                body.guardrail |= value.text() == Some("guardrail_intervened");
            }
            "usage" | "message/usage" | "metadata/usage" => usage(value, body),
            _ => {
                either_side(path.strip_prefix("metadata/").unwrap_or(path), value, body, &mut tier)
            }
        }
    });
    body.tier = tier;
}

fn usage(usage: &Node, body: &mut Body) {
    usage.walk("", &mut |path, value| match path {
        "cache_creation/ephemeral_1h_input_tokens" => {
            body.cache_write_1h = value.whole().or(body.cache_write_1h);
        }
        "cacheDetails/*" => {
            let last = |name: &str, of: fn(&Node) -> bool| {
                let mut members = value.members().iter().rev();
                members.find(|(key, value)| key == name && of(value)).map(|(_, value)| value)
            };
            let ttl = last("ttl", |value| value.text().is_some()).and_then(Node::text);
            let tokens = last("inputTokens", |value| value.whole().is_some()).and_then(Node::whole);
            if ttl == Some("1h") {
                body.cache_write_1h = tokens.or(body.cache_write_1h);
            }
        }
        _ => {}
    });
}
