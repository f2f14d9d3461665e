//! The response body: how the answer ended, how long it took, what the cache and the guardrail did.

use super::super::balance::Names;
use super::super::ends::Ends;
use super::super::fields::Field;
use super::super::json::{Cursor, Kind, Step};
use super::super::keys::Keys;
use super::super::shapes::Slot;
use super::{Body, elements, known, members, performance, service_tier, string};

/// What a key of an answer means.
#[derive(Clone, Copy, Debug)]
enum Member {
    Invocation,
    GuardrailAction,
    StopReason,
    Message,
    Delta,
    MessageStop,
    Metadata,
    Choices,
    Metrics,
    Usage,
    Trace,
    Tier,
    Performance,
    Other,
}

/// Of a whole answer or of one stream chunk, roughly in the order in which they stand.
static MEMBERS: Keys<Member, 22> = Keys::new(
    [
        ("id", Member::Other),
        ("type", Member::Other),
        ("role", Member::Other),
        ("model", Member::Other),
        ("content", Member::Other),
        ("output", Member::Other),
        ("embedding", Member::Other),
        ("choices", Member::Choices),
        ("message", Member::Message),
        ("delta", Member::Delta),
        ("stopReason", Member::StopReason),
        ("stop_reason", Member::StopReason),
        ("messageStop", Member::MessageStop),
        ("metadata", Member::Metadata),
        ("metrics", Member::Metrics),
        ("usage", Member::Usage),
        ("trace", Member::Trace),
        ("serviceTier", Member::Tier),
        ("service_tier", Member::Tier),
        ("performanceConfig", Member::Performance),
        ("amazon-bedrock-invocationMetrics", Member::Invocation),
        ("amazon-bedrock-guardrailAction", Member::GuardrailAction),
    ],
    Member::Other,
);

/// What an answer tells about itself in `metadata`: the same but for what only stands at the top.
static METADATA: Keys<Member, 6> = Keys::new(
    [
        ("usage", Member::Usage),
        ("metrics", Member::Metrics),
        ("trace", Member::Trace),
        ("serviceTier", Member::Tier),
        ("service_tier", Member::Tier),
        ("performanceConfig", Member::Performance),
    ],
    Member::Other,
);

/// Looks into a response body, or each of its stream chunks, and steps over it.
pub(in crate::decode) fn answer(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => {
            body.has_output = true;
            whole_answer(cursor, body)
        }
        Kind::Array => {
            body.has_output = true;
            cursor.telling(&TELLING, |c| whole_answer(c, body))
        }
        _ => cursor.skip(),
    }
}

/// A whole answer, or a stream chunk that may tell something: most bring a few more words and tell nothing.
#[inline(never)]
fn whole_answer(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    known(cursor, &MEMBERS, |c, key| member(c, key, body))
}

/// The keys without which [`member`] learns nothing.
pub(in crate::decode) static TELLING: Names = Names::new(
    &[
        "cacheDetails",
        "cache_creation",
        "finish_reason",
        "firstByteLatency",
        "guardrail",
        "invocationLatency",
        "latencyMs",
        "performanceConfig",
        "serviceTier",
        "service_tier",
        "stopReason",
        "stop_reason",
    ],
    &["amazon-bedrock-guardrailAction"],
);

#[inline]
fn member(cursor: &mut Cursor<'_, impl Ends>, key: Member, body: &mut Body) -> Step<()> {
    match key {
        Member::Invocation => members(cursor, |c, key| match &*key.name() {
            b"invocationLatency" => Measure::Latency.take(c, body),
            b"firstByteLatency" => Measure::FirstByte.take(c, body),
            _ => c.skip(),
        }),
        Member::GuardrailAction => {
            body.guardrail = true;
            cursor.skip()
        }
        Member::StopReason => stop_reason(cursor, body),
        // Anthropic's first and last chunks.
        Member::Message => members(cursor, |c, key| match &*key.name() {
            b"usage" => usage(c, body),
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        Member::Delta => members(cursor, |c, key| match &*key.name() {
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        // The events of ConverseStream, which are Nova's chunks too.
        Member::MessageStop => members(cursor, |c, key| match &*key.name() {
            b"stopReason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        Member::Metadata => known(cursor, &METADATA, |c, key| account(c, key, body)),
        // OpenAI's answers and chunks; Mistral's say `stop_reason`.
        Member::Choices => elements(cursor, |c| {
            members(c, |c, key| match &*key.name() {
                b"finish_reason" | b"stop_reason" => stop_reason(c, body),
                _ => c.skip(),
            })
        }),
        _ => account(cursor, key, body),
    }
}

/// What an answer tells about itself, at its top or in the last event of a stream.
#[inline]
fn account(cursor: &mut Cursor<'_, impl Ends>, key: Member, body: &mut Body) -> Step<()> {
    match key {
        Member::Metrics => members(cursor, |c, key| match &*key.name() {
            b"latencyMs" => Measure::Latency.take(c, body),
            _ => c.skip(),
        }),
        Member::Usage => usage(cursor, body),
        Member::Trace => members(cursor, |c, key| {
            body.guardrail |= key.is("guardrail") && c.kind()? == Kind::Object;
            c.skip()
        }),
        Member::Tier => service_tier(cursor, body),
        Member::Performance => performance(cursor, body),
        _ => cursor.skip(),
    }
}

#[inline(always)]
fn stop_reason(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    string(cursor, |reason| {
        body.tool_stop |= reason.is("tool_use") || reason.is("tool_calls");
        body.guardrail |= reason.is("guardrail_intervened");
    })
}

/// What a key of `usage` means.
#[derive(Clone, Copy, Debug)]
enum Used {
    Creation,
    Details,
    Other,
}

/// In Anthropic's words and in Converse's.
static USAGE: Keys<Used, 9> = Keys::new(
    [
        ("inputTokens", Used::Other),
        ("outputTokens", Used::Other),
        ("totalTokens", Used::Other),
        ("input_tokens", Used::Other),
        ("cache_creation_input_tokens", Used::Other),
        ("cache_read_input_tokens", Used::Other),
        ("cache_creation", Used::Creation),
        ("output_tokens", Used::Other),
        ("cacheDetails", Used::Details),
    ],
    Used::Other,
);

/// Cache writes with the 1-hour lifetime.
#[inline]
fn usage(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    known(cursor, &USAGE, |c, key| match key {
        Used::Creation => members(c, |c, key| match &*key.name() {
            b"ephemeral_1h_input_tokens" => Measure::HourWrites.take(c, body),
            _ => c.skip(),
        }),
        Used::Details => Measure::HourWritesOfDetails.take(c, body),
        Used::Other => c.skip(),
    })
}

/// A number of an answer. Reading one decides nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Milliseconds until the answer was complete.
    Latency,
    /// Milliseconds until its first byte.
    FirstByte,
    /// Cache writes with the 1-hour lifetime,
    HourWrites,
    /// and as Converse lists them by lifetime.
    HourWritesOfDetails,
}

impl Measure {
    /// Reads the value that says it.
    #[inline(always)]
    pub(in crate::decode) fn take(
        self,
        cursor: &mut Cursor<'_, impl Ends>,
        body: &mut Body,
    ) -> Step<()> {
        let from = cursor.start()?;
        match self {
            Self::Latency => milliseconds(cursor, &mut body.latency_ms),
            Self::FirstByte => milliseconds(cursor, &mut body.first_byte_ms),
            Self::HourWrites => whole(cursor, &mut body.cache_write_1h),
            Self::HourWritesOfDetails => cursor.far(|c| details(c, body)),
        }?;
        cursor.note(Slot::Field(Field::Answer(self)), from);
        Ok(())
    }
}

/// Cache writes by lifetime.
fn details(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    elements(cursor, |c| {
        let (mut hour, mut tokens) = (false, None);
        members(c, |c, key| match &*key.name() {
            b"ttl" => string(c, |ttl| hour = ttl.is("1h")),
            b"inputTokens" => whole(c, &mut tokens),
            _ => c.skip(),
        })?;
        if let (true, Some(tokens)) = (hour, tokens) {
            body.cache_write_1h = Some(tokens);
        }
        Ok(())
    })
}

/// A whole number from 0; anything else leaves the target as it is.
#[inline(always)]
fn whole(cursor: &mut Cursor<'_, impl Ends>, target: &mut Option<i64>) -> Step<()> {
    if cursor.kind()? != Kind::Number {
        return cursor.skip();
    }
    if let Some(number) = cursor.number()?.whole() {
        *target = Some(number);
    }
    Ok(())
}

/// Longest latency that is believed, in ms: a day, far above any service limit, and small enough
/// that sums over any log stay far inside 63 bits.
const MAX_LATENCY_MS: i64 = 86_400_000;

#[inline(always)]
fn milliseconds(cursor: &mut Cursor<'_, impl Ends>, target: &mut Option<i64>) -> Step<()> {
    let mut told = None;
    whole(cursor, &mut told)?;
    if let Some(ms) = told.filter(|ms| *ms <= MAX_LATENCY_MS) {
        *target = Some(ms);
    }
    Ok(())
}
