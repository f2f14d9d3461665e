//! Surges: stretches of calls far above those around them, over a baseline that need not stop.
//!
//! A run ends where nobody calls; where somebody always calls there is one run that never ends. A surge
//! begins where five minutes hold far more calls than the hour before them lets expect, and ends where
//! the rate has fallen back. Surges found by chance do no harm: a lane asks for a schedule or a pool.

use std::ops::RangeInclusive;

use crate::tolerance::Run;
use crate::tolerance::timing::Calls;
use crate::units::{Minute, Tokens};
use crate::workload::{Activity, MinuteFacts, Signals, TokenCounts};

/// Quiet minutes that tell the rate a surge rises above: an hour follows the day's rise and fall.
const BEFORE: usize = 60;
/// Minutes that must hold the rise: shorter, and one person's burst would be one.
const RISE: usize = 5;
/// Calls of a rise above twice the baseline: fewer are no volume.
const LEAST: f64 = 10.0;
/// A rise in units of the baseline. Chat that doubles within five minutes by chance is found, and
/// sorted out by its start.
const TIMES: f64 = 2.0;
/// Minutes that must stay low for a surge to have ended: slow answers leave holes in a job.
const FALL: usize = 10;
/// Height at which a surge begins and ends, as a part of the way from the baseline to its level.
const FOOT: f64 = 0.3;
/// Longest surge in minutes: what lasts longer is the day's work, not a job beside it.
const LONGEST: usize = 360;
/// Minutes after a surge whose stragglers are not taken for the baseline.
const STRAGGLERS: i64 = 10;

/// A stretch far above what is around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surge {
    pub(super) start: Minute,
    pub(super) end: Minute,
}

/// Calls of every minute from the first to the last active one, added up from the left.
struct Sums {
    first: i64,
    sums: Vec<i64>,
}

impl Sums {
    fn of(calls: &Calls) -> Option<Self> {
        let (first, last) = (calls.minutes.first()?.0, calls.minutes.last()?.0);
        let mut sums = Vec::with_capacity((last - first + 2) as usize);
        let mut sum = 0;
        sums.push(0);
        for (minute, calls) in calls.by_minute() {
            sums.resize((minute.0 - first + 1) as usize, sum);
            sum += calls;
            sums.push(sum);
        }
        Some(Self { first, sums })
    }

    fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// Calls in a minute before the end.
    fn one(&self, minute: usize) -> i64 {
        self.sums[minute + 1] - self.sums[minute]
    }

    /// Calls in the minutes `from..to`; those past the end hold none.
    fn calls(&self, from: usize, to: usize) -> f64 {
        let at = |minute: usize| self.sums[minute.min(self.len())];
        (at(to) - at(from)) as f64
    }
}

/// Every surge in the calls by minute, in time order.
pub(super) fn find(calls: &Calls) -> Vec<Surge> {
    let Some(sums) = Sums::of(calls) else { return Vec::new() };
    let mut surges = Vec::new();
    // Calls of the quiet minutes so far, added up.
    let mut quiet = Vec::with_capacity(sums.len() + 1);
    let mut sum = 0_i64;
    quiet.push(sum);
    let mut at = 0;
    while at < sums.len() {
        let rise = sums.calls(at, at + RISE);
        // Most minutes of most workloads need no baseline to be told from a surge.
        if rise >= LEAST {
            let told = (quiet.len() - 1).min(BEFORE);
            let before = (sum - quiet[quiet.len() - 1 - told]) as f64;
            let told = told.max(1) as f64;
            // Against the baseline, `before / told`, without dividing.
            if (rise - LEAST) * told >= TIMES * RISE as f64 * before
                && let Some((start, end)) = follow(&sums, at, before / told)
            {
                let minute = |at: usize| Minute(sums.first + at as i64);
                surges.push(Surge { start: minute(start), end: minute(end) });
                for before in at..start {
                    sum += sums.one(before);
                    quiet.push(sum);
                }
                at = end + 1;
                continue;
            }
        }
        sum += sums.one(at);
        quiet.push(sum);
        at += 1;
    }
    surges
}

/// First and last minute of the surge that rises at `at`; `None` if it does not end.
fn follow(sums: &Sums, at: usize, base: f64) -> Option<(usize, usize)> {
    let one = |minute: usize| sums.calls(minute, minute + 1);
    let rate = |minute: usize| sums.calls(minute, minute + RISE) / RISE as f64;
    let level = (at..=at + RISE).map(rate).fold(base, f64::max);
    let foot = base + FOOT * (level - base);
    let mut start = (at..at + 2 * RISE).find(|minute| one(*minute) > foot)?;
    // It may have begun at the end of a minute.
    if start > at && one(start - 1) > TIMES * (base + 1.0) {
        start -= 1;
    }
    let mut end = start;
    loop {
        let next = end + 1;
        if next - start > LONGEST {
            return None;
        }
        if next >= sums.len() {
            break;
        }
        // Another surge begins inside this one: what chat did before a job is no part of it.
        if next - start >= RISE && rate(next) >= TIMES * level + LEAST / RISE as f64 {
            return Some((start, end));
        }
        if sums.calls(next, next + FALL) < FALL as f64 * foot {
            // Somewhere in these minutes it ended.
            let last = (next..next + FALL).rev().find(|minute| one(*minute) > foot);
            end = last.unwrap_or(end).min(sums.len() - 1);
            break;
        }
        end = next;
    }
    // Stragglers: as long as it stays above the baseline, but not for longer than half as long again.
    let most = end + (end + 1 - start) / 2 + RISE;
    let noise = base * RISE as f64;
    while end < most && end + 1 < sums.len() {
        let ahead = sums.calls(end + 1, end + 1 + RISE);
        if ahead <= noise + 2.0 * noise.sqrt() {
            break;
        }
        end += 1;
    }
    while end > start && one(end) == 0.0 {
        end -= 1;
    }
    Some((start, end))
}

/// The surges as runs, each with what the traffic around it lets expect in its minutes taken off.
///
/// `calls` are those of `minutes`.
pub(super) fn net(minutes: &[MinuteFacts], calls: &Calls, surges: &[Surge]) -> Vec<Run> {
    let edges = minutes.first().zip(minutes.last());
    let (first, last) = edges.map_or((0, 0), |(a, b)| (a.minute.0, b.minute.0));
    let sum = |span| total(&minutes[calls.places(&span)]);
    let net = |(at, surge): (usize, &Surge)| {
        // Other surges and their stragglers are no baseline.
        let after_last = at.checked_sub(1).map_or(first, |at| surges[at].end.0 + 1 + STRAGGLERS);
        let before_next = surges.get(at + 1).map_or(last, |next| next.start.0 - 1);
        let before = after_last.max(surge.start.0 - BEFORE as i64)..=surge.start.0 - 1;
        let after = surge.end.0 + 1 + STRAGGLERS
            ..=before_next.min(surge.end.0 + BEFORE as i64 + STRAGGLERS);
        let length = |span: &RangeInclusive<i64>| (span.end() - span.start() + 1).max(0);
        let known = length(&before) + length(&after);
        let mut around = sum(before);
        around += sum(after);
        let gross = sum(surge.start.0..=surge.end.0);
        let span = surge.end.0 - surge.start.0 + 1;
        let (gross, around) = (numbers(&gross), numbers(&around));
        let mut rest = [0; NUMBERS];
        for (rest, (gross, around)) in rest.iter_mut().zip(gross.into_iter().zip(around)) {
            let share = span as f64 / known.max(1) as f64;
            *rest = (gross - (around as f64 * share).round() as i64).max(0);
        }
        Run { start: surge.start, end: surge.end, activity: activity(rest) }
    };
    surges.iter().enumerate().map(net).collect()
}

/// The minutes of `span`, both ends included.
pub(super) fn within(minutes: &[MinuteFacts], span: RangeInclusive<i64>) -> &[MinuteFacts] {
    let from = minutes.partition_point(|facts| facts.minute.0 < *span.start());
    let rest = &minutes[from..];
    &rest[..rest.partition_point(|facts| facts.minute.0 <= *span.end())]
}

fn total(minutes: &[MinuteFacts]) -> Activity {
    minutes.iter().fold(Activity::default(), |mut sum, facts| {
        sum += facts.activity;
        sum
    })
}

/// `run`'s minutes, its activity dealt out in proportion to theirs: they add up to it exactly.
pub(super) fn deal(minutes: &[MinuteFacts], run: &Run) -> Vec<MinuteFacts> {
    let inside = within(minutes, run.start.0..=run.end.0);
    let wanted = numbers(&run.activity);
    let whole = numbers(&total(inside));
    let mut seen = [0_i64; NUMBERS];
    let mut given = [0_i64; NUMBERS];
    let mut dealt = Vec::with_capacity(inside.len());
    for facts in inside {
        let mut part = numbers(&facts.activity);
        for (at, part) in part.iter_mut().enumerate() {
            seen[at] += *part;
            let due = i128::from(seen[at]) * i128::from(wanted[at]);
            // At most `wanted`, so it fits.
            let due = (due / i128::from(whole[at].max(1))) as i64;
            *part = due - given[at];
            given[at] = due;
        }
        let activity = activity(part);
        let tens = [activity.requests, 0, 0, 0, 0, 0];
        dealt.push(MinuteFacts { minute: facts.minute, tens, activity });
    }
    dealt
}

/// What `whole` holds beyond `part`.
pub(super) fn without(whole: &Activity, part: &Activity) -> Activity {
    let (mut rest, part) = (numbers(whole), numbers(part));
    for (rest, part) in rest.iter_mut().zip(part) {
        *rest -= part;
    }
    activity(rest)
}

/// Numbers of an [`Activity`].
const NUMBERS: usize = 25;

fn numbers(of: &Activity) -> [i64; NUMBERS] {
    let (tokens, long, signals) = (&of.tokens, &of.long_context, &of.signals);
    [
        of.requests,
        of.errors,
        of.streaming,
        tokens.input.0,
        tokens.cache_read.0,
        tokens.cache_write.0,
        tokens.output.0,
        of.cache_write_1h.0,
        long.input.0,
        long.cache_read.0,
        long.cache_write.0,
        long.output.0,
        of.latency_ms,
        of.latency_count,
        signals.input_bodies,
        signals.output_bodies,
        signals.tools,
        signals.agent_turns,
        signals.forced_tool,
        signals.json_schema,
        signals.guardrail,
        signals.multi_turn,
        signals.priority_tier,
        signals.flex_tier,
        signals.optimized_latency,
    ]
}

fn activity(n: [i64; NUMBERS]) -> Activity {
    let tokens = |at: usize| TokenCounts {
        input: Tokens(n[at]),
        cache_read: Tokens(n[at + 1]),
        cache_write: Tokens(n[at + 2]),
        output: Tokens(n[at + 3]),
    };
    Activity {
        requests: n[0],
        errors: n[1],
        streaming: n[2],
        tokens: tokens(3),
        cache_write_1h: Tokens(n[7]),
        long_context: tokens(8),
        latency_ms: n[12],
        latency_count: n[13],
        signals: Signals {
            input_bodies: n[14],
            output_bodies: n[15],
            tools: n[16],
            agent_turns: n[17],
            forced_tool: n[18],
            json_schema: n[19],
            guardrail: n[20],
            multi_turn: n[21],
            priority_tier: n[22],
            flex_tier: n[23],
            optimized_latency: n[24],
        },
    }
}
