//! The response body: how the answer ended, how long it took, what the cache and the guardrail did.

use super::super::balance::Names;
use super::super::ends::Ends;
use super::super::json::{Cursor, Kind, Step};
use super::super::text::{self, Raw};
use super::{Body, either_side, elements, members, string};

/// Looks into a response body, or each of its stream chunks, and steps over it.
pub(in crate::decode) fn answer(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => {
            body.has_output = true;
            cursor.object(|c, key| member(c, key, body))
        }
        Kind::Array => {
            body.has_output = true;
            cursor.telling(&TELLING, |c| chunk(c, body))
        }
        _ => cursor.skip(),
    }
}

/// A stream chunk that may tell something. Most bring a few more words and tell nothing.
fn chunk(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    members(cursor, |c, key| member(c, key, body))
}

/// The keys without which [`member`] learns nothing.
static TELLING: Names = Names::new(
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

/// A member of a whole answer or of one stream chunk.
#[inline]
fn member(cursor: &mut Cursor<'_, impl Ends>, key: Raw<'_>, body: &mut Body) -> Step<()> {
    match &*key.name() {
        b"amazon-bedrock-invocationMetrics" => members(cursor, |c, key| match &*key.name() {
            b"invocationLatency" => milliseconds(c, &mut body.latency_ms),
            b"firstByteLatency" => milliseconds(c, &mut body.first_byte_ms),
            _ => c.skip(),
        }),
        b"amazon-bedrock-guardrailAction" => {
            body.guardrail = true;
            cursor.skip()
        }
        b"stopReason" | b"stop_reason" => stop_reason(cursor, body),
        // Anthropic's first and last chunks.
        b"message" => members(cursor, |c, key| match &*key.name() {
            b"usage" => usage(c, body),
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        b"delta" => members(cursor, |c, key| match &*key.name() {
            b"stop_reason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        // The events of ConverseStream, which are Nova's chunks too.
        b"messageStop" => members(cursor, |c, key| match &*key.name() {
            b"stopReason" => stop_reason(c, body),
            _ => c.skip(),
        }),
        b"metadata" => members(cursor, |c, key| account(c, key, body)),
        // OpenAI's answers and chunks; Mistral's say `stop_reason`.
        b"choices" => elements(cursor, |c| {
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
fn account(cursor: &mut Cursor<'_, impl Ends>, key: Raw<'_>, body: &mut Body) -> Step<()> {
    match &*key.name() {
        b"metrics" => members(cursor, |c, key| match &*key.name() {
            b"latencyMs" => milliseconds(c, &mut body.latency_ms),
            _ => c.skip(),
        }),
        b"usage" => usage(cursor, body),
        b"trace" => members(cursor, |c, key| {
            body.guardrail |= key.is("guardrail") && c.kind()? == Kind::Object;
            c.skip()
        }),
        _ => either_side(cursor, key, body),
    }
}

#[inline(always)]
fn stop_reason(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    string(cursor, |reason| {
        body.tool_stop |= reason.is("tool_use") || reason.is("tool_calls");
        body.guardrail |= reason.is("guardrail_intervened");
    })
}

/// Cache writes with the 1-hour lifetime, in Anthropic's or in Converse's words.
#[inline]
fn usage(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    members(cursor, |c, key| match &*key.name() {
        b"cache_creation" => members(c, |c, key| match &*key.name() {
            b"ephemeral_1h_input_tokens" => whole(c, &mut body.cache_write_1h),
            _ => c.skip(),
        }),
        b"cacheDetails" => elements(c, |c| {
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
        }),
        _ => c.skip(),
    })
}

/// A whole number from 0; anything else leaves the target as it is.
#[inline(always)]
fn whole(cursor: &mut Cursor<'_, impl Ends>, target: &mut Option<i64>) -> Step<()> {
    if cursor.kind()? != Kind::Number {
        return cursor.skip();
    }
    if let Some(number) = text::whole(cursor.number()?) {
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
