//! Lanes: a stream that is a mixture, split into what keeps a schedule or is a pool, and the rest.
//!
//! Surges and runs are looked through for a schedule; those that keep it are a lane and are judged
//! alone. Up to `MOST` lanes are taken out like that. A workload of which a lane is tolerant and the
//! rest is not is a hybrid, and only what the lane adds to the traffic beside it is eligible.

use std::borrow::Cow;
use std::f64::consts::TAU;

use crate::config::Tolerance;
use crate::tolerance::bursts::{
    Burst, Found, bursts, cut, members, of_another_kind, of_large_calls, sum,
};
use crate::tolerance::evidence::{Facts, collect, share};
use crate::tolerance::judge::{clause, decides, probability, settle, weigh};
use crate::tolerance::runs::Survey;
use crate::tolerance::surges;
use crate::tolerance::timing::{self, Alignment};
use crate::tolerance::{CandidateRun, Evidence, Judgement, Lane, Run, Verdict};
use crate::units::{Minute, Tokens};
use crate::workload::{Activity, SizeHistogram, Window, Workload};

/// Most lanes taken out of one workload: jobs of one role at more times of day than that are one
/// workload by the clock, or need tags.
const MOST: usize = 4;
/// Part of the calls and of the tokens that the rest must reach, the one or the other, to be traffic
/// of its own. Below, it is the stragglers and repeats that every job has.
const REST: f64 = 0.05;
/// The same beside a pool without a schedule, whose small runs are too short to show it.
const REST_OF_POOL: f64 = 0.2;
/// Minutes before and after a lane's runs in which a service that opens shows itself.
const BESIDE: i64 = 60;
/// Rate after a lane's runs in units of the rate before from which a service has opened.
const RUSH_RATIO: f64 = 3.0;
/// Calls of a lane in units of those in the hour after it, at most, where a service opens: fewer calls
/// than a fifth are the stragglers of a job.
const RUSH: f64 = 5.0;

/// Calls of a lane in units of those in the hour before it, at least, where it starts out of silence and
/// is no rush among others.
const SILENCE: f64 = 50.0;

/// A lane before it is judged.
struct Candidate {
    found: Found,
    /// Ascending.
    runs: Vec<Run>,
    /// What the schedule was looked for among.
    starts: Vec<Minute>,
    total: Activity,
}

/// A judged lane.
struct Judged {
    lane: Lane,
    /// Where it keeps to the clock.
    clock: Option<Alignment>,
    score: f64,
    decisive: bool,
    evidence: Vec<Evidence>,
}

/// `whole`, the judgement on all of it, unless the workload is a mixture.
pub(super) fn judge(
    workload: &Workload,
    window: &Window,
    config: &Tolerance,
    survey: &Survey,
    whole: Judgement,
) -> Judgement {
    let total = sum(survey.runs.iter().map(|run| run.activity));
    if total.requests < config.min_requests {
        return whole;
    }
    let none = SizeHistogram::default();
    let mut splitter = Splitter { workload, window, config, survey, none, by_size: false };
    let mut left = bursts(&workload.minutes, survey);
    let mut lanes = splitter.lanes(&mut left, &total);
    if lanes.is_empty() {
        splitter.by_size = true;
        left = of_large_calls(workload, survey, config.gap_minutes);
        lanes = splitter.lanes(&mut left, &total);
    }
    if lanes.is_empty() {
        return whole;
    }
    let rest = splitter.rest(&lanes, &left, total);
    if splitter.is_one(&lanes, &rest, &left, total) {
        return whole;
    }
    splitter.hybrid(lanes, rest, total, whole)
}

/// What every step of the splitting needs.
struct Splitter<'a> {
    workload: &'a Workload,
    window: &'a Window,
    config: &'a Tolerance,
    survey: &'a Survey,
    /// Sizes are known for the whole only: for a lane the rules on sizes keep silent.
    none: SizeHistogram,
    /// Whether the bursts are of large calls.
    by_size: bool,
}

impl Splitter<'_> {
    /// Takes tolerant lanes out of the bursts until there is none.
    fn lanes(&self, left: &mut Vec<Burst>, total: &Activity) -> Vec<Judged> {
        let mut lanes: Vec<Judged> = Vec::new();
        while lanes.len() < MOST {
            // What the clock's own lane leaves has a hole in it, which is no schedule.
            let clock = lanes.iter().all(|judged| judged.clock.is_none());
            let Some(candidate) = self.pick(left, clock) else { break };
            let judged = self.lane(&candidate, total);
            if judged.lane.verdict != Verdict::Tolerant {
                break;
            }
            left.retain(|burst| {
                let at = candidate.runs.partition_point(|run| run.end < burst.run.start);
                candidate.runs.get(at).is_none_or(|run| burst.run.start < run.start)
            });
            lanes.push(judged);
        }
        lanes
    }

    fn facts<'f>(&'f self, runs: &'f [Run], starts: &'f [Minute], total: Activity) -> Facts<'f> {
        Facts {
            key: &self.workload.key,
            runs,
            survey: self.survey,
            starts,
            lane: true,
            total,
            input_sizes: &self.none,
            output_sizes: &self.none,
            window: self.window,
        }
    }

    /// The most improbable schedule among the bursts, or else a pool among the surges.
    fn pick(&self, bursts: &[Burst], clock: bool) -> Option<Candidate> {
        let config = self.config;
        let mut best: Option<(f64, Found, Vec<Minute>)> = None;
        let mut offer = |ln_p: f64, found: Found, starts: &[Minute]| {
            if best.as_ref().is_none_or(|(least, ..)| ln_p < *least) {
                best = Some((ln_p, found, starts.to_vec()));
            }
        };
        let all: Vec<Minute> = bursts.iter().map(|burst| burst.run.start).collect();
        let surges: Vec<Minute> =
            bursts.iter().filter(|burst| burst.surge).map(|burst| burst.run.start).collect();
        for starts in [&surges, &all] {
            if let Some((slot, ln_p)) = timing::daily_anchor(starts)
                && slot.days >= config.anchor_min_days
                && ln_p < config.anchor_max_p.ln()
            {
                offer(ln_p, Found::Daily(slot), starts);
            }
            if clock
                && starts.len() >= config.clock_min_runs
                && let Some(found) = timing::clock(starts)
                && found.ln_p < config.clock_max_p.ln()
                && found.r > config.clock_min_r
            {
                offer(found.ln_p, Found::Clock(found), starts);
            }
        }
        let (found, starts) = match best {
            Some((_, found, starts)) => (found, starts),
            // How even the calls are is known for all of them, not for large ones alone.
            None if !surges.is_empty() && !self.by_size => (Found::Pool, surges),
            None => return None,
        };
        let runs = members(found, bursts);
        let total = sum(runs.iter().map(|run| run.activity));
        (!runs.is_empty()).then_some(Candidate { found, runs, starts, total })
    }

    fn lane(&self, candidate: &Candidate, whole: &Activity) -> Judged {
        let starts: &[Minute] = match candidate.found {
            // Without a schedule there is none to look for again.
            Found::Pool => &[],
            _ => &candidate.starts,
        };
        let facts = self.facts(&candidate.runs, starts, candidate.total);
        let evidence = collect(&facts, self.config);
        let score = self.config.prior_log_odds + evidence.iter().map(|e| e.weight).sum::<f64>();
        let mut verdict = weigh(&facts, score, &evidence, self.config);
        let decisive = decides(verdict, &evidence);
        // Surges were picked for being dense; only a schedule or a pool says what they are.
        let timing = ["clock", "daily_anchor", "worker_pool"];
        let timed = |e: &Evidence| {
            e.decisive
                && timing.contains(&e.rule)
                && (e.rule == "worker_pool" || !self.is_of_people(candidate, whole))
        };
        if candidate.total.requests < self.config.min_requests || !evidence.iter().any(timed) {
            verdict = Verdict::Unclear;
        }
        let lane = Lane {
            name: candidate.found.name(if self.by_size { " of large calls" } else { "" }),
            verdict,
            probability: probability(score),
            activity: candidate.total,
            runs: candidate.runs.clone(),
        };
        let clock = match candidate.found {
            Found::Clock(clock) => Some(clock),
            Found::Daily(_) | Found::Pool => None,
        };
        Judged { lane, clock, score, decisive, evidence }
    }

    /// Whether the runs of a lane may be the people of the rest: the first rush of a service that opens,
    /// after which the rest goes on at a much higher rate than before, or a rush among others who do the
    /// same.
    fn is_of_people(&self, candidate: &Candidate, whole: &Activity) -> bool {
        let runs = &candidate.runs;
        let rate = |spans: &mut dyn Iterator<Item = (i64, i64)>| {
            let (mut calls, mut length) = (0, 0);
            for (from, to) in spans.filter(|(from, to)| from <= to) {
                let inside = surges::within(&self.workload.minutes, from..=to);
                calls += inside.iter().map(|m| m.activity.requests).sum::<i64>();
                length += to - from + 1;
            }
            calls as f64 / length.max(1) as f64
        };
        let pairs = || runs.iter().zip(runs.iter().skip(1).map(Some).chain([None]));
        let mut ends = pairs().map(|(run, next)| {
            let until = next.map_or(i64::MAX, |next| next.start.0 - 1);
            (run.end.0 + 1, until.min(run.end.0 + BESIDE))
        });
        let mut last = i64::MIN;
        let mut starts = runs.iter().map(|run| {
            let since = last.saturating_add(1).max(run.start.0 - BESIDE);
            last = run.end.0;
            (since, run.start.0 - 1)
        });
        let (before, after) = (rate(&mut starts), rate(&mut ends));
        let calls = candidate.total.requests as f64;
        let in_hours = |rate: f64| rate * BESIDE as f64 * runs.len() as f64;
        let opens = after >= RUSH_RATIO * before && in_hours(after) * RUSH >= calls;
        let from_silence = in_hours(before) * SILENCE <= calls;
        let rest = surges::without(whole, &candidate.total);
        opens || !from_silence && !of_another_kind(&candidate.total, &rest)
    }

    /// What no lane holds, judged alone.
    fn rest(&self, lanes: &[Judged], left: &[Burst], total: Activity) -> (Judged, Option<String>) {
        let taken = sum(lanes.iter().map(|judged| judged.lane.activity));
        let total = surges::without(&total, &taken);
        let mut spans: Vec<&Run> = lanes.iter().flat_map(|judged| &judged.lane.runs).collect();
        spans.sort_by_key(|run| run.start);
        let runs = cut(&self.survey.runs, &spans);
        let starts: Vec<Minute> = left.iter().map(|burst| burst.run.start).collect();
        let facts = self.facts(&runs, &starts, total);
        let evidence = collect(&facts, self.config);
        let score = self.config.prior_log_odds + evidence.iter().map(|e| e.weight).sum::<f64>();
        let verdict = weigh(&facts, score, &evidence, self.config);
        let settle = (verdict == Verdict::Unclear).then(|| settle(&facts, self.config));
        let lane = Lane {
            name: "the rest".into(),
            verdict,
            probability: probability(score),
            activity: total,
            runs: Vec::new(),
        };
        let decisive = decides(verdict, &evidence);
        (Judged { lane, clock: None, score, decisive, evidence }, settle)
    }

    /// Whether the rest is of one kind with the lanes, or too little to be traffic of its own.
    fn is_one(
        &self,
        lanes: &[Judged],
        (rest, _): &(Judged, Option<String>),
        left: &[Burst],
        total: Activity,
    ) -> bool {
        if rest.lane.verdict == Verdict::Tolerant {
            return true;
        }
        let scheduled = lanes.iter().any(|judged| {
            judged.evidence.iter().any(|e| matches!(e.rule, "clock" | "daily_anchor"))
        });
        let least = if scheduled { REST } else { REST_OF_POOL };
        let calls = share(rest.lane.activity.requests, total.requests);
        let tokens = share(rest.lane.activity.tokens.total().0, total.tokens.total().0);
        if calls < least && tokens < least {
            return true;
        }
        // Starts that scatter about the lane's own mark on the clock: late rather than off it.
        left.len() >= self.config.clock_min_runs
            && lanes.iter().filter_map(|judged| judged.clock).any(|clock| {
                let apart = |burst: &Burst| {
                    (TAU * (burst.run.start.0 as f64 - clock.phase) / clock.period as f64).cos()
                };
                left.iter().map(apart).sum::<f64>() > self.config.clock_min_r * left.len() as f64
            })
    }

    fn hybrid(
        &self,
        mut lanes: Vec<Judged>,
        (rest, settle): (Judged, Option<String>),
        total: Activity,
        whole: Judgement,
    ) -> Judgement {
        lanes.sort_by_key(|j| std::cmp::Reverse(j.lane.activity.tokens.total()));
        let told: Vec<String> = lanes.iter().map(|judged| tell(&judged.lane, total)).collect();
        let what = told.join(" and ");
        let main = lanes.swap_remove(0);
        let why = main.evidence.iter().find(|e| e.weight > 0.0).map(clause).unwrap_or_default();
        let beside = match rest.lane.verdict {
            Verdict::Interactive => {
                let against = rest.evidence.iter().find(|e| e.weight < 0.0).map(clause);
                against.map_or_else(
                    || "for the rest somebody seems to wait".into(),
                    |why| format!("for the rest somebody seems to wait: {why}"),
                )
            }
            _ => "who waits for the rest the logs do not say".to_owned(),
        };
        let mut evidence = main.evidence;
        evidence.push(Evidence {
            rule: "lanes",
            value: Some(1.0 - share(rest.lane.activity.requests, total.requests)),
            threshold: None,
            weight: 0.0,
            decisive: false,
            sentence: format!(
                "It is a mixture: {what} are judged apart from the rest; other evidence here is on \
                 the {}.",
                main.lane.name
            ),
        });
        let (score, decisive) = (main.score, main.decisive);
        let mut all = vec![main.lane];
        let mut others: Vec<Lane> = lanes.into_iter().map(|judged| judged.lane).collect();
        others.sort_by_key(|lane| std::cmp::Reverse(lane.activity.tokens.total()));
        all.append(&mut others);
        let candidates = runs_of(&all).into_iter().map(CandidateRun::from).collect();
        all.push(rest.lane);
        Judgement {
            verdict: Verdict::Hybrid,
            score,
            probability: probability(score),
            decisive,
            evidence,
            run_count: whole.run_count,
            candidates,
            lanes: all,
            reason: format!("Nobody seems to wait for {what}: {why}; {beside}."),
            settle,
        }
    }
}

/// The runs of the tolerant ones among `lanes`, in time order.
fn runs_of(lanes: &[Lane]) -> Vec<&Run> {
    let tolerant = lanes.iter().filter(|lane| lane.verdict == Verdict::Tolerant);
    let mut runs: Vec<&Run> = tolerant.flat_map(|lane| &lane.runs).collect();
    runs.sort_by_key(|run| run.start);
    runs
}

fn tell(lane: &Lane, total: Activity) -> String {
    format!(
        "{} {} ({:.1} % of the calls, {:.1} % of the tokens)",
        lane.runs.len(),
        lane.name,
        100.0 * share(lane.activity.requests, total.requests),
        100.0 * share(lane.activity.tokens.total().0, total.tokens.total().0)
    )
}

/// The part of `workload` that nobody waits for: all of a tolerant one, of a hybrid its tolerant lanes
/// with the traffic beside them taken off, and nothing of others. Size histograms stay those of the whole.
pub fn movable<'w>(workload: &'w Workload, judgement: &Judgement) -> Cow<'w, Workload> {
    let minutes = match judgement.verdict {
        Verdict::Tolerant => return Cow::Borrowed(workload),
        Verdict::Interactive | Verdict::Unclear => Vec::new(),
        Verdict::Hybrid => {
            let runs = runs_of(&judgement.lanes);
            let dealt = runs.into_iter().flat_map(|run| surges::deal(&workload.minutes, run));
            dealt
                .filter(|m| m.activity.requests > 0 || m.activity.tokens.total() > Tokens(0))
                .collect()
        }
    };
    Cow::Owned(Workload {
        key: workload.key.clone(),
        minutes,
        input_sizes: workload.input_sizes.clone(),
        output_sizes: workload.output_sizes.clone(),
    })
}
