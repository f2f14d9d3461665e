//! A workload's tokens as its tariff tells them apart: by context length, tier and cache lifetime.

use rust_decimal::Decimal;

use super::tariff::Tariff;
use super::words::count;
use crate::config::CacheLifetime;
use crate::price::rates::Price;
use crate::units::Tokens;
use crate::workload::{Activity, TokenCounts};

/// The tokens of a workload as its tariff tells them apart.
pub(super) struct Volume {
    pub(super) all: TokenCounts,
    /// Below the long-context threshold, or all where no surcharge is known.
    pub(super) standard: TokenCounts,
    /// Above it.
    pub(super) long: TokenCounts,
    /// Of the cache writes, those billed for an hour.
    pub(super) hour_writes: Tokens,
    /// Successful calls, and how many of them asked for the priority and flex tiers.
    pub(super) calls: i64,
    pub(super) priority: i64,
    pub(super) flex: i64,
}

impl Volume {
    pub(super) fn of(total: &Activity, tariff: &Tariff<'_>, notes: &mut Vec<String>) -> Self {
        let all = total.tokens;
        let calls = (total.requests - total.errors).max(0);
        let signals = &total.signals;
        let known = tariff.rates.rate(Price::LongContextInput).is_some();
        let long = if known { within(total.long_context, all) } else { TokenCounts::default() };
        if !known && total.long_context.total() > Tokens(0) {
            notes.push(format!(
                "{} tokens are in calls above the long-context threshold, whose rate here is not \
                 in the book; at the standard rate the cost is a lower bound.",
                count(total.long_context.total().0)
            ));
        }
        if signals.optimized_latency > 0 {
            notes.push(format!(
                "{} calls asked for optimised latency, which the book has no rate for; at the \
                 standard rate the cost is a lower bound.",
                count(signals.optimized_latency)
            ));
        }
        let priority = signals.priority_tier.clamp(0, calls);
        if priority > 0 {
            notes.push(match tariff.rates.rate(Price::PriorityInput) {
                Some(_) => "Calls of the priority tier are priced by their share of calls; their \
                            cache reads and writes at the standard rate."
                    .to_owned(),
                None => "Calls of the priority tier are priced at the standard rate, because the \
                         book has no priority rate here: the cost is a lower bound."
                    .to_owned(),
            });
        }
        let flex = signals.flex_tier.clamp(0, calls - priority);
        Self {
            all,
            standard: minus(all, long),
            long,
            hour_writes: hour_writes(total, calls, tariff, notes),
            calls,
            priority,
            flex,
        }
    }

    /// The part of `tokens` that `share` of all calls have.
    pub(super) fn share(&self, tokens: Tokens, share: i64) -> Tokens {
        portion(tokens, share, self.calls)
    }

    /// Five-minute and one-hour writes of `writes`, which are a part of all cache writes.
    pub(super) fn lifetimes(&self, writes: Tokens) -> (Tokens, Tokens) {
        let hour = portion(writes, self.hour_writes.0, self.all.cache_write.0);
        (writes - hour, hour)
    }
}

/// Cache writes billed for an hour: those known from bodies, and of the rest of calls without a
/// body what the configuration assumes.
fn hour_writes(
    total: &Activity,
    calls: i64,
    tariff: &Tariff<'_>,
    notes: &mut Vec<String>,
) -> Tokens {
    let writes = total.tokens.cache_write;
    let known = Tokens(total.cache_write_1h.0.clamp(0, writes.0));
    let without_body = (calls - total.signals.input_bodies).clamp(0, calls.max(0));
    let untold = portion(writes - known, without_body, calls);
    if untold > Tokens(0) && tariff.rates.usd(Price::CacheWrite5m) != Some(Decimal::ZERO) {
        let assumed = match tariff.config().cache_write_lifetime {
            CacheLifetime::FiveMinutes => {
                "5 minutes; if they live an hour they cost 1.6 times as much"
            }
            CacheLifetime::OneHour => "one hour",
        };
        notes.push(format!(
            "The lifetime of {} cache-write tokens is not in the log; assumed: {assumed}.",
            count(untold.0)
        ));
    }
    match tariff.config().cache_write_lifetime {
        CacheLifetime::FiveMinutes => known,
        CacheLifetime::OneHour => known + untold,
    }
}

/// `tokens` × `part` / `whole`, rounded half up; all of them when `part` reaches `whole`.
pub(super) fn portion(tokens: Tokens, part: i64, whole: i64) -> Tokens {
    if part <= 0 || whole <= 0 {
        return Tokens(0);
    }
    if part >= whole {
        return tokens;
    }
    let (tokens, part, whole) = (i128::from(tokens.0), i128::from(part), i128::from(whole));
    // The quotient is at most `tokens`, so it fits.
    Tokens(((2 * tokens * part + whole) / (2 * whole)) as i64)
}

/// Kind by kind, `part` but no more than `whole`.
fn within(part: TokenCounts, whole: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: part.input.min(whole.input),
        cache_read: part.cache_read.min(whole.cache_read),
        cache_write: part.cache_write.min(whole.cache_write),
        output: part.output.min(whole.output),
    }
}

/// Kind by kind, `whole` without `part`.
pub(super) fn minus(whole: TokenCounts, part: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: whole.input - part.input,
        cache_read: whole.cache_read - part.cache_read,
        cache_write: whole.cache_write - part.cache_write,
        output: whole.output - part.output,
    }
}
