//! Size modes: large calls told from small ones where a workload's sizes fall into two.
//!
//! A job beside a busy chat need not raise the number of calls; where its calls are of another size it
//! shows in the tokens of a minute. Sizes are known by histogram for the window and by sum for each
//! minute, which is enough: two modes far apart make the sum tell how many calls are of the larger one.

use crate::tolerance::surges::{self, Surge};
use crate::tolerance::timing::Calls;
use crate::units::Tokens;
use crate::workload::{MinuteFacts, SizeHistogram};

/// Bins nearly without calls that part two modes: a factor of e^½ = 1.65, more than the middle half of a
/// batch job's sizes spans.
const GAP_BINS: i32 = 8;
/// Calls inside the gap in units of those in the smaller mode, at most: the tail of a chat a hundred
/// times as large as the job reaches into it.
const IN_GAP: f64 = 0.1;
/// Fewest calls of the smaller mode: quartiles of fewer are not told either.
const FEWEST: i64 = 50;
/// Standard deviation of the tokens of a minute's small calls, in units of what makes a call large, at
/// most: a minute without large calls is then taken for one with them once in 30 (half a call, two
/// deviations), and a run needs many such minutes.
const NOISE: f64 = 0.25;

/// Fewest large calls of a run: people hand in a long document now and then, also at the same time each
/// day, but not twenty.
const A_RUN: i64 = 20;

/// Mean total input of a small and of a large call, tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Modes {
    small: f64,
    large: f64,
}

/// The two modes of `sizes`, if they are far enough apart for minutes of `calls_a_minute` small calls.
pub(super) fn find(sizes: &SizeHistogram, calls_a_minute: f64) -> Option<Modes> {
    let total = sizes.count();
    let bins: Vec<(i32, i64)> = sizes.bins.iter().map(|(bin, n)| (*bin, *n)).collect();
    let mut best: Option<(i32, usize, usize)> = None;
    let mut below = 0;
    for (at, (bin, calls)) in bins.iter().enumerate() {
        below += calls;
        // The gap opens behind this bin and reaches as far as nearly nothing lies in it.
        let (mut inside, mut end) = (0, at + 1);
        while let Some((_, more)) = bins.get(end) {
            let smaller = below.min(total - below - inside - more);
            if (inside + more) as f64 > IN_GAP * smaller as f64 {
                break;
            }
            inside += more;
            end += 1;
        }
        let Some((next, _)) = bins.get(end) else { continue };
        let width = next - bin - 1;
        let enough = below.min(total - below - inside) >= FEWEST;
        if enough && width >= GAP_BINS && best.is_none_or(|(widest, ..)| width > widest) {
            best = Some((width, at + 1, end));
        }
    }
    let (_, small_end, large_start) = best?;
    let (small, spread) = moments(&bins[..small_end]);
    let (large, _) = moments(&bins[large_start..]);
    let noise = spread * calls_a_minute.max(1.0).sqrt();
    (noise <= NOISE * (large - small)).then_some(Modes { small, large })
}

/// Mean and standard deviation of the tokens in `bins`.
fn moments(bins: &[(i32, i64)]) -> (f64, f64) {
    let middle =
        |bin: i32| SizeHistogram::lower_bound(bin) * (0.5 / SizeHistogram::BINS_PER_E).exp();
    let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
        bins.iter().map(|(bin, calls)| *calls as f64 * of(middle(*bin))).sum()
    };
    let calls = sum(&|_| 1.0);
    let mean = sum(&|tokens| tokens) / calls;
    (mean, (sum(&|tokens| (tokens - mean).powi(2)) / calls).sqrt())
}

/// The large calls of `minutes`, as many as their tokens ask for; when in the minute is not known.
pub(super) fn large_calls(minutes: &[MinuteFacts], modes: Modes) -> Calls {
    let mut large = Calls::default();
    for facts in minutes {
        let of = &facts.activity;
        let answered = (of.requests - of.errors).max(0);
        let Tokens(input) = of.tokens.total_input();
        let beyond = input as f64 - answered as f64 * modes.small;
        let calls = (beyond / (modes.large - modes.small)).round() as i64;
        if calls > 0 {
            large.push(facts.minute, [calls.min(answered), 0, 0, 0, 0, 0]);
        }
    }
    large
}

/// Stretches of at least [`A_RUN`] large calls: surges of them, and runs beside the surges.
pub(super) fn stretches(calls: &Calls, gap: i64) -> Vec<Surge> {
    let mut found = surges::find(calls);
    let mut runs: Vec<Surge> = Vec::new();
    for minute in &calls.minutes {
        match runs.last_mut() {
            Some(run) if minute.0 - run.end.0 - 1 <= gap => run.end = *minute,
            _ => runs.push(Surge { start: *minute, end: *minute }),
        }
    }
    let overlaps = |run: &Surge| {
        let at = found.partition_point(|surge| surge.end < run.start);
        found.get(at).is_some_and(|surge| surge.start <= run.end)
    };
    runs.retain(|run| !overlaps(run));
    found.append(&mut runs);
    found.retain(|surge| count(calls, surge) >= A_RUN);
    found.sort_by_key(|surge| surge.start);
    found
}

/// Large calls of a stretch.
pub(super) fn count(calls: &Calls, stretch: &Surge) -> i64 {
    let places = calls.places(&(stretch.start.0..=stretch.end.0));
    calls.tens[places].iter().map(|tens| i64::from(tens[0])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Minute;
    use crate::workload::Activity;

    fn sizes(calls: &[(i64, i64)]) -> SizeHistogram {
        let bin = |(tokens, calls): &(i64, i64)| (SizeHistogram::bin_of(Tokens(*tokens)), *calls);
        SizeHistogram { bins: calls.iter().map(bin).collect() }
    }

    #[test]
    fn two_sizes_are_two_modes_where_they_lie_apart() {
        let near = |found: f64, wanted: f64| assert!((found / wanted).ln().abs() < 0.07, "{found}");
        let modes = find(&sizes(&[(1000, 900), (1200, 900), (50_000, 60)]), 4.0).unwrap();
        near(modes.small, 1100.0);
        near(modes.large, 50_000.0);
        // A tail that fills the gap, too few of one size, sizes too near, a minute too busy to tell.
        let tail: Vec<_> =
            (0..12).map(|n| ((1000.0 * 1.4_f64.powi(n)) as i64, 900 - 70 * i64::from(n))).collect();
        for (calls, rate) in [
            (&tail[..], 4.0),
            (&[(1000, 900), (50_000, 49)], 4.0),
            (&[(1000, 900), (1500, 900)], 4.0),
            (&[(100, 900), (120, 900), (700, 900), (6000, 60)], 100_000.0),
        ] {
            assert_eq!(find(&sizes(calls), rate), None, "{calls:?}");
        }
    }

    #[test]
    fn tokens_tell_how_many_calls_are_large() {
        let minute = |at: i64, requests: i64, errors: i64, input: i64| {
            let mut activity = Activity { requests, errors, ..Activity::default() };
            activity.tokens.input = Tokens(input);
            MinuteFacts { minute: Minute(at), tens: [requests, 0, 0, 0, 0, 0], activity }
        };
        let modes = Modes { small: 1000.0, large: 41_000.0 };
        let minutes = [
            minute(0, 10, 0, 12_000),
            minute(1, 10, 0, 90_000),
            minute(2, 3, 1, 400_000),
            minute(3, 0, 0, 0),
        ];
        let large = large_calls(&minutes, modes);
        assert_eq!(large.minutes, [Minute(1), Minute(2)]);
        assert_eq!(large.tens.iter().map(|tens| tens[0]).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn a_stretch_needs_twenty_large_calls() {
        let mut calls = Calls::default();
        (0..10).for_each(|at| calls.push(Minute(at), [2, 0, 0, 0, 0, 0]));
        (100..109).for_each(|at| calls.push(Minute(at), [2, 0, 0, 0, 0, 0]));
        let found = stretches(&calls, 5);
        let spans: Vec<_> = found.iter().map(|s| (s.start.0, s.end.0)).collect();
        assert_eq!(spans, [(0, 9)]);
        assert_eq!(count(&calls, &found[0]), 20);
    }
}
