//! Signals from request and response bodies: yes, no or unknown, and two numbers; never a word of
//! text.
//!
//! Both bodies may be any JSON. An object (or, for responses, an array of stream chunks) can be
//! looked into; anything else leaves every signal unknown. Names follow the shapes of Bedrock's
//! Converse API (Nova's own among them), Anthropic's Messages API and OpenAI's chat completions:
//! `request` and `answer` read one side each, what both sides share is here.

mod answer;
mod request;

use super::ends::Ends;
use super::json::{Cursor, Kind, Step};
use super::keys::Keys;
use super::text::Raw;

pub use answer::Measure;
pub(super) use answer::{TELLING, answer};
pub(super) use request::request;

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

/// What the bodies of one call showed. A flag means "seen"; whether "not seen" is "no" or "unknown"
/// is for `has_input` and `has_output` to say.
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
    /// The request carries earlier answers along. The beginning of an answer put into the model's
    /// mouth is none: nothing follows it.
    pub multi_turn: bool,
    /// Optimised latency was asked for.
    pub optimized_latency: bool,
    /// Service tier: what the answer says the call got, else what the request asked for.
    pub tier: Tier,
    /// Milliseconds until the answer was complete.
    pub latency_ms: Option<i64>,
    /// Milliseconds until the first byte of the answer.
    pub first_byte_ms: Option<i64>,
    /// Cache writes with the 1-hour lifetime.
    pub cache_write_1h: Option<i64>,
}

impl Body {
    /// The flags of this and the numbers of `other`.
    pub(super) fn with_numbers_of(self, other: &Self) -> Self {
        let Self { latency_ms, first_byte_ms, cache_write_1h, .. } = *other;
        Self { latency_ms, first_byte_ms, cache_write_1h, ..self }
    }

    /// Whether the call is a turn of a tool loop: it answers a tool, or it will be answered by one.
    /// A forced tool stops for tool use too, but nobody has to answer it.
    pub fn agent_turn(&self) -> bool {
        self.tool_result || (self.tool_stop && !self.forced_tool)
    }
}

/// The service tier, spelled or as an object's `type`.
fn service_tier(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.object(|c, key| match &*key.name() {
            b"type" => tier(c, body),
            _ => c.skip(),
        }),
        _ => tier(cursor, body),
    }
}

fn performance(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    members(cursor, |c, key| match &*key.name() {
        b"latency" => string(c, |latency| body.optimized_latency |= latency.is("optimized")),
        _ => c.skip(),
    })
}

#[inline(always)]
fn tier(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    string(cursor, |name| {
        body.tier = match &*name.name() {
            b"default" | b"standard" => Tier::Standard,
            b"priority" => Tier::Priority,
            b"flex" => Tier::Flex,
            b"reserved" => Tier::Reserved,
            _ => body.tier,
        };
    })
}

/// The members of an object; a value of another kind is stepped over.
#[inline(always)]
fn members<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    member: impl FnMut(&mut Cursor<'a, E>, Raw<'a>) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.object(member),
        _ => cursor.skip(),
    }
}

/// The members of an object with known keys; a value of another kind is stepped over.
#[inline(always)]
fn known<'a, E: Ends, T: Copy, const N: usize>(
    cursor: &mut Cursor<'a, E>,
    keys: &Keys<T, N>,
    member: impl FnMut(&mut Cursor<'a, E>, T) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.known(keys, member),
        _ => cursor.skip(),
    }
}

/// The elements of an array; a value of another kind is stepped over.
#[inline(always)]
fn elements<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    element: impl FnMut(&mut Cursor<'a, E>) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Array => cursor.array(element),
        _ => cursor.skip(),
    }
}

/// A string, looked at in place; a value of another kind is stepped over.
#[inline(always)]
fn string<'a, E: Ends>(cursor: &mut Cursor<'a, E>, look: impl FnOnce(Raw<'a>)) -> Step<()> {
    match cursor.kind()? {
        Kind::String => cursor.string().map(look),
        _ => cursor.skip(),
    }
}
