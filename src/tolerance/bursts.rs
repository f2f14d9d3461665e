//! Bursts: what a lane may be made of, and which of them a schedule holds.

use crate::tolerance::Run;
use crate::tolerance::evidence::share;
use crate::tolerance::modes;
use crate::tolerance::runs::Survey;
use crate::tolerance::surges::{self, Surge};
use crate::tolerance::timing::{Alignment, Slot};
use crate::units::{Minute, Tokens};
use crate::workload::{Activity, MinuteFacts, Workload};

/// Minutes that a surge of a daily lane may come early or late: the job waited for another.
const EARLY: i64 = 5;
const LATE: i64 = 30;
/// Minutes from the end of one surge of a lane within which the next continues it: a job that paused.
const PAUSE: i64 = 30;
/// A stretch that may belong to a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    /// With the traffic beside it taken off.
    pub(super) run: Run,
    /// Whether it rises above what is around it.
    pub(super) surge: bool,
}

/// What a lane was found by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Daily(Slot),
    Clock(Alignment),
    Pool,
}

/// Surges, and the runs that none of them begins.
pub(super) fn bursts(minutes: &[MinuteFacts], survey: &Survey) -> Vec<Burst> {
    let surges = surges::find(&survey.calls);
    let mut bursts: Vec<Burst> = Vec::new();
    for run in &survey.runs {
        let next = surges.partition_point(|surge| surge.start < run.start);
        let inside = |surge: &Surge| (surge.start..=surge.end).contains(&run.start);
        if surges[..next].last().is_some_and(inside) || surges.get(next).is_some_and(inside) {
            continue;
        }
        let cut = surges.get(next).filter(|surge| surge.start <= run.end);
        let run = match cut {
            None => *run,
            Some(surge) => {
                let end = Minute(surge.start.0 - 1);
                let inside = surges::within(minutes, run.start.0..=end.0);
                Run { start: run.start, end, activity: sum(inside.iter().map(|m| m.activity)) }
            }
        };
        bursts.push(Burst { run, surge: false });
    }
    let net = surges::net(minutes, &survey.calls, &surges);
    bursts.extend(net.into_iter().map(|run| Burst { run, surge: true }));
    bursts.sort_by_key(|burst| burst.run.start);
    bursts
}

/// Stretches of large calls, where sizes fall into two modes.
pub(super) fn of_large_calls(workload: &Workload, survey: &Survey, gap: i64) -> Vec<Burst> {
    let minutes = &workload.minutes;
    let calls: i64 = survey.runs.iter().map(|run| run.activity.requests).sum();
    let rate = calls as f64 / minutes.len().max(1) as f64;
    let Some(modes) = modes::find(&workload.input_sizes, rate) else { return Vec::new() };
    let large = modes::large_calls(minutes, modes);
    let stretches = modes::stretches(&large, gap);
    let net = surges::net(minutes, &survey.calls, &stretches);
    let told = |(mut run, stretch): (Run, &Surge)| {
        // Beside a busy chat their number is told better by sizes than by what is more than usual.
        run.activity.requests = modes::count(&large, stretch);
        run.activity.errors = run.activity.errors.min(run.activity.requests);
        Burst { run, surge: true }
    };
    net.into_iter().zip(&stretches).map(told).collect()
}

pub(super) fn sum(activities: impl Iterator<Item = Activity>) -> Activity {
    activities.fold(Activity::default(), |mut sum, activity| {
        sum += activity;
        sum
    })
}

impl Found {
    pub(super) fn name(self, of: &str) -> String {
        match self {
            Self::Daily(slot) => {
                format!("surges{of} from {:02}:{:02} UTC", slot.minute / 60, slot.minute % 60)
            }
            Self::Clock(found) => match (found.period, found.phase.round() as i64) {
                (60, mark) => format!("surges{of} at :{:02} past the hour", mark % 60),
                (period, mark) => {
                    format!("surges{of} every {period} minutes from :{:02}", mark % period)
                }
            },
            Self::Pool => format!("surges{of}"),
        }
    }
}

/// The bursts that a lane found like this holds.
pub(super) fn members(found: Found, bursts: &[Burst]) -> Vec<Run> {
    let on_schedule = |burst: &&Burst| match found {
        Found::Daily(slot) => slot.holds(burst.run.start),
        Found::Clock(clock) => clock.near(burst.run.start) || near(clock, burst.run.start),
        Found::Pool => burst.surge,
    };
    let mut core: Vec<&Burst> = bursts.iter().filter(on_schedule).collect();
    // Beside surges, a run that starts at the same time is somebody else's.
    if core.iter().filter(|burst| burst.surge).count() * 2 >= core.len() {
        core.retain(|burst| burst.surge);
    }
    let mut sizes: Vec<i64> = core.iter().map(|burst| burst.run.activity.requests).collect();
    sizes.sort_unstable();
    let Some(median) = sizes.get(sizes.len() / 2).copied() else { return Vec::new() };
    let mut runs: Vec<Run> = core.iter().map(|burst| burst.run).collect();
    if let Found::Daily(slot) = found {
        let like = |burst: &&Burst| {
            let apart = (burst.run.start.0 - slot.minute + EARLY).rem_euclid(Minute::PER_DAY);
            let size = burst.run.activity.requests;
            burst.surge && apart < EARLY + LATE && size * 3 >= median && size <= median * 3
        };
        let other = bursts.iter().filter(|burst| !slot.holds(burst.run.start));
        runs.extend(other.filter(like).map(|burst| burst.run));
        runs.retain(|run| run.activity.requests * 5 >= median);
        runs.sort_by_key(|run| run.start);
    }
    continued(runs, bursts)
}

/// Whether `start` lies within an eighth of the period of the mark: late by chance rather than off it.
fn near(clock: Alignment, start: Minute) -> bool {
    let apart = (start.0.rem_euclid(clock.period) as f64 - clock.phase).abs();
    apart.min(clock.period as f64 - apart) <= clock.period as f64 / 8.0
}

/// The runs and the surges that go on soon after one of them at a like rate.
fn continued(runs: Vec<Run>, bursts: &[Burst]) -> Vec<Run> {
    let rate = |run: &Run| run.activity.requests as f64 / (run.end.0 - run.start.0 + 1) as f64;
    let mut all = runs;
    for burst in bursts.iter().filter(|burst| burst.surge) {
        let at = all.partition_point(|run| run.start < burst.run.start);
        let known = all.get(at).is_some_and(|run| run.start == burst.run.start);
        let goes_on = at.checked_sub(1).is_some_and(|before| {
            let before = &all[before];
            burst.run.start.0 - before.end.0 <= PAUSE && rate(&burst.run) * 3.0 >= rate(before)
        });
        if !known && goes_on {
            all.insert(at, burst.run);
        }
    }
    all
}

/// `runs` without the minutes of `spans`; both ascend. Activities are left out: no rule on a rest
/// reads them run by run.
pub(super) fn cut(runs: &[Run], spans: &[&Run]) -> Vec<Run> {
    let mut pieces = Vec::new();
    for run in runs {
        let mut start = run.start.0;
        let from = spans.partition_point(|span| span.end < run.start);
        for span in spans[from..].iter().take_while(|span| span.start <= run.end) {
            if span.start.0 > start {
                pieces.push((start, span.start.0 - 1));
            }
            start = span.end.0 + 1;
        }
        if start <= run.end.0 {
            pieces.push((start, run.end.0));
        }
    }
    let piece = |(start, end)| Run {
        start: Minute(start),
        end: Minute(end),
        activity: Activity::default(),
    };
    pieces.into_iter().map(piece).collect()
}

/// Whether the calls of a lane differ from the rest: a rush of the same people does the same as they do
/// at other times, at noon sharp, too.
pub(super) fn of_another_kind(lane: &Activity, rest: &Activity) -> bool {
    let calls = |of: &Activity| (of.requests - of.errors).max(0) as f64;
    let fewest = calls(lane).min(calls(rest));
    if fewest < 1.0 {
        return true;
    }
    let streaming = |of: &Activity| share(of.streaming, of.requests);
    let mean = |tokens: Tokens, of: &Activity| tokens.0.max(1) as f64 / calls(of);
    let apart = (1.0 + SIZE_NOISE / fewest.sqrt()).max(SIZE_APART).ln();
    let differ = |pick: fn(&Activity) -> Tokens| {
        (mean(pick(lane), lane) / mean(pick(rest), rest)).ln().abs() > apart
    };
    (streaming(lane) - streaming(rest)).abs() > STREAMING_APART
        || differ(|of| of.tokens.total_input())
        || differ(|of| of.tokens.output)
}

/// Ratio of mean tokens a call from which a lane's calls are of another kind than the rest.
const SIZE_APART: f64 = 1.2;
/// Three times the variation of sizes in chat (1.5 times their mean), which a mean over n calls keeps
/// by 1/√n.
const SIZE_NOISE: f64 = 4.5;
/// Difference of streaming shares from which a lane's calls are of another kind.
const STREAMING_APART: f64 = 0.3;
