//! Signals from request and response bodies: yes, no or unknown, and two numbers; never a word of text.
//!
//! Both bodies may be any JSON. An object (or, for responses, an array of stream chunks) can be looked
//! into; anything else leaves every signal unknown. Names follow the request shapes of Bedrock's Converse
//! API, Anthropic's Messages API and OpenAI's chat completions.

use super::json::{Cursor, Kind, Raw, Step};

/// The service tier a call asked for or got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Not said.
    #[default]
    Unknown,
    /// `default` or `standard`.
    Standard,
    /// `priority`.
    Priority,
    /// `flex`.
    Flex,
    /// `reserved`.
    Reserved,
}

impl Tier {
    /// The name in the `invocations` table, `None` where not said.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Standard => Some("standard"),
            Self::Priority => Some("priority"),
            Self::Flex => Some("flex"),
            Self::Reserved => Some("reserved"),
        }
    }
}

/// What the bodies of one call showed. A flag means "seen"; whether "not seen" is "no" or "unknown" is
/// for `has_input` and `has_output` to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The request body is in the record and can be looked into.
    pub has_input: bool,
    /// The response body is in the record and can be looked into.
    pub has_output: bool,
    /// Tools were offered.
    pub tools: bool,
    /// Exactly one tool was offered and the model had to use one.
    pub forced_tool: bool,
    /// The request carries a tool's result.
    pub tool_result: bool,
    /// The answer stopped to use a tool.
    pub tool_stop: bool,
    /// Output by a JSON schema was asked for.
    pub json_schema: bool,
    /// A guardrail was asked for or stepped in.
    pub guardrail: bool,
    /// The request carries earlier answers along.
    pub multi_turn: bool,
    /// Optimised latency was asked for.
    pub optimized_latency: bool,
    /// Service tier.
    pub tier: Tier,
    /// Milliseconds until the answer was complete.
    pub latency_ms: Option<i64>,
    /// Milliseconds until the first byte of the answer.
    pub first_byte_ms: Option<i64>,
    /// Cache writes with the 1-hour lifetime.
    pub cache_write_1h: Option<i64>,
}

impl Body {
    /// Whether the call is a turn of a tool loop: it answers a tool, or it will be answered by one. A
    /// forced tool stops for tool use too, but nobody has to answer it.
    pub fn agent_turn(&self) -> bool {
        self.tool_result || (self.tool_stop && !self.forced_tool)
    }
}

/// Looks into a request body and steps over it.
pub(super) fn input(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    body.has_input = true;
    let mut tools = 0usize;
    let mut forced = false;
    cursor.object(|c, key| match key.bytes {
        b"messages" => messages(c, body),
        b"toolConfig" => members(c, |c, key| match key.bytes {
            b"tools" => count_elements(c, &mut tools),
            b"toolChoice" => members(c, |c, key| {
                forced |= key.is("any") || key.is("tool");
                c.skip()
            }),
            _ => c.skip(),
        }),
        b"tools" => count_elements(c, &mut tools),
        b"tool_choice" => tool_choice(c, &mut forced),
        b"outputConfig" | b"output_config" | b"output_format" | b"response_format" => {
            find_json_schema(c, &mut body.json_schema)
        }
        b"guardrailConfig" | b"amazon-bedrock-guardrailConfig" => {
            body.guardrail |= c.kind()? == Kind::Object;
            c.skip()
        }
        _ => either_side(c, key, body),
    })?;
    body.tools |= tools > 0;
    body.forced_tool |= tools == 1 && forced;
    Ok(())
}

/// Looks into a response body, or each of its stream chunks, and steps over it.
pub(super) fn output(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => {
            body.has_output = true;
            output_object(cursor, body)
        }
        Kind::Array => {
            body.has_output = true;
            cursor.array(|c| match c.kind()? {
                Kind::Object => output_object(c, body),
                _ => c.skip(),
            })
        }
        _ => cursor.skip(),
    }
}

fn output_object(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    cursor.object(|c, key| match key.bytes {
        b"metrics" => members(c, |c, key| match key.bytes {
            b"latencyMs" => milliseconds(c, &mut body.latency_ms),
            _ => c.skip(),
        }),
        b"amazon-bedrock-invocationMetrics" => members(c, |c, key| match key.bytes {
            b"invocationLatency" => milliseconds(c, &mut body.latency_ms),
            b"firstByteLatency" => milliseconds(c, &mut body.first_byte_ms),
            _ => c.skip(),
        }),
        b"stopReason" | b"stop_reason" => stop_reason(c, body),
        b"delta" => members(c, |c, key| match key.bytes {
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        b"message" => members(c, |c, key| match key.bytes {
            b"usage" => usage(c, body),
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        b"usage" => usage(c, body),
        b"trace" => members(c, |c, key| {
            body.guardrail |= key.is("guardrail") && c.kind()? == Kind::Object;
            c.skip()
        }),
        b"amazon-bedrock-guardrailAction" => {
            body.guardrail = true;
            c.skip()
        }
        _ => either_side(c, key, body),
    })
}

/// Keys that requests and responses share.
fn either_side(cursor: &mut Cursor<'_>, key: Raw<'_>, body: &mut Body) -> Step<()> {
    match key.bytes {
        b"serviceTier" | b"service_tier" => match cursor.kind()? {
            Kind::String => tier(cursor, body),
            _ => members(cursor, |c, key| match key.bytes {
                b"type" if c.kind()? == Kind::String => tier(c, body),
                _ => c.skip(),
            }),
        },
        b"performanceConfig" => members(cursor, |c, key| {
            if key.is("latency") && c.kind()? == Kind::String {
                body.optimized_latency |= c.string()?.is("optimized");
                return Ok(());
            }
            c.skip()
        }),
        _ => cursor.skip(),
    }
}

/// The members of an object; a value of another kind is stepped over.
fn members<'a>(
    cursor: &mut Cursor<'a>,
    member: impl FnMut(&mut Cursor<'a>, Raw<'a>) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.object(member),
        _ => cursor.skip(),
    }
}

/// The elements of an array; a value of another kind is stepped over.
fn elements<'a>(
    cursor: &mut Cursor<'a>,
    element: impl FnMut(&mut Cursor<'a>) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Array => cursor.array(element),
        _ => cursor.skip(),
    }
}

fn count_elements(cursor: &mut Cursor<'_>, count: &mut usize) -> Step<()> {
    elements(cursor, |c| {
        *count += 1;
        c.skip()
    })
}

/// Who said what, without the saying: an assistant's turn makes a conversation, a tool's result a loop.
fn messages(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    elements(cursor, |c| {
        members(c, |c, key| match key.bytes {
            b"role" if c.kind()? == Kind::String => {
                let role = c.string()?;
                body.multi_turn |= role.is("assistant");
                body.tool_result |= role.is("tool");
                Ok(())
            }
            b"content" => elements(c, |c| {
                members(c, |c, key| match key.bytes {
                    b"toolResult" => {
                        body.tool_result = true;
                        c.skip()
                    }
                    b"type" if c.kind()? == Kind::String => {
                        body.tool_result |= c.string()?.is("tool_result");
                        Ok(())
                    }
                    _ => c.skip(),
                })
            }),
            _ => c.skip(),
        })
    })
}

/// Anthropic: `{"type": "tool" | "any"}`; OpenAI: `"required"` or `{"type": "function"}`.
fn tool_choice(cursor: &mut Cursor<'_>, forced: &mut bool) -> Step<()> {
    if cursor.kind()? == Kind::String {
        *forced |= cursor.string()?.is("required");
        return Ok(());
    }
    members(cursor, |c, key| {
        if key.is("type") && c.kind()? == Kind::String {
            let choice = c.string()?;
            *forced |= choice.is("tool") || choice.is("any") || choice.is("function");
            return Ok(());
        }
        c.skip()
    })
}

/// How deep an output format is searched: every known shape names the schema within three levels.
const FORMAT_DEPTH: usize = 4;

/// Whether a format names a JSON schema, as a key or as its type.
fn find_json_schema(cursor: &mut Cursor<'_>, found: &mut bool) -> Step<()> {
    fn search(cursor: &mut Cursor<'_>, found: &mut bool, depth: usize) -> Step<()> {
        let names = |raw: Raw<'_>| raw.is("json_schema") || raw.is("jsonSchema");
        match cursor.kind()? {
            Kind::String => {
                *found |= names(cursor.string()?);
                Ok(())
            }
            Kind::Object if depth > 0 => cursor.object(|c, key| {
                *found |= names(key);
                search(c, found, depth - 1)
            }),
            _ => cursor.skip(),
        }
    }
    search(cursor, found, FORMAT_DEPTH)
}

fn stop_reason(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    if cursor.kind()? != Kind::String {
        return cursor.skip();
    }
    let reason = cursor.string()?;
    body.tool_stop |= reason.is("tool_use");
    body.guardrail |= reason.is("guardrail_intervened");
    Ok(())
}

fn tier(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    let name = cursor.string()?;
    body.tier = match name.bytes {
        b"default" | b"standard" => Tier::Standard,
        b"priority" => Tier::Priority,
        b"flex" => Tier::Flex,
        b"reserved" => Tier::Reserved,
        _ => body.tier,
    };
    Ok(())
}

/// Cache writes with the 1-hour lifetime, in Anthropic's or in Converse's words.
fn usage(cursor: &mut Cursor<'_>, body: &mut Body) -> Step<()> {
    members(cursor, |c, key| match key.bytes {
        b"cache_creation" => members(c, |c, key| match key.bytes {
            b"ephemeral_1h_input_tokens" => whole(c, &mut body.cache_write_1h),
            _ => c.skip(),
        }),
        b"cacheDetails" => elements(c, |c| {
            let (mut hour, mut tokens) = (false, None);
            members(c, |c, key| match key.bytes {
                b"ttl" if c.kind()? == Kind::String => {
                    hour = c.string()?.is("1h");
                    Ok(())
                }
                b"inputTokens" => whole(c, &mut tokens),
                _ => c.skip(),
            })?;
            if let (true, Some(tokens)) = (hour, tokens) {
                body.cache_write_1h = Some(tokens);
            }
            Ok(())
        }),
        _ => c.skip(),
    })
}

/// A whole number from 0; anything else leaves the target as it is.
fn whole(cursor: &mut Cursor<'_>, target: &mut Option<i64>) -> Step<()> {
    if cursor.kind()? != Kind::Number {
        return cursor.skip();
    }
    let digits = cursor.number()?;
    if let Some(number) = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok())
        && number >= 0
    {
        *target = Some(number);
    }
    Ok(())
}

/// Longest latency that is believed, in ms: a day, far above any service limit, and small enough that
/// sums over any log stay far inside 63 bits.
const MAX_LATENCY_MS: i64 = 86_400_000;

fn milliseconds(cursor: &mut Cursor<'_>, target: &mut Option<i64>) -> Step<()> {
    let mut told = None;
    whole(cursor, &mut told)?;
    if let Some(ms) = told.filter(|ms| *ms <= MAX_LATENCY_MS) {
        *target = Some(ms);
    }
    Ok(())
}
