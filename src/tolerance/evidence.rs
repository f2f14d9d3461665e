//! Evidence rules on timing and sizes, and the list of all rules.
//!
//! Each rule is a pure function from [`Facts`] to at most one [`Evidence`]. It has its own smallest
//! sample, and it is silent, never zero, where the sample is smaller.

use std::collections::BTreeSet;

use crate::config::Tolerance;
use crate::tolerance::runs::Survey;
use crate::tolerance::timing::{self, Allan, chance};
use crate::tolerance::{Evidence, Run, stated, weights};
use crate::units::Minute;
use crate::workload::{Activity, SizeHistogram, Window, WorkloadKey};

/// Fewest latencies told for a mean that stands for the workload.
const MIN_LATENCIES: i64 = 20;

/// Calls in the hour before and the hour after a loose daily slot, at most, in units of those inside.
const LOOSE_BESIDE: f64 = 0.25;

/// What the rules look at: a workload, or any part of one that has its own minutes and sizes.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whose calls.
    pub key: &'a WorkloadKey,
    /// What the whole workload's minutes tell.
    pub survey: &'a Survey,
    /// The runs looked at: all of the survey's, or those of a part.
    pub runs: &'a [Run],
    /// The starts among which a schedule is looked for, ascending: those of `runs`, or of a lane and
    /// of everything it was picked from, because what was picked by its schedule keeps to it.
    pub starts: &'a [Minute],
    /// Whether this is a lane. What a lane was picked by (few hours, and dense ones) is no evidence.
    pub lane: bool,
    /// Sums over `runs`.
    pub total: Activity,
    /// Total input per successful call.
    pub input_sizes: &'a SizeHistogram,
    /// Output per successful call.
    pub output_sizes: &'a SizeHistogram,
    /// The audited window.
    pub window: &'a Window,
}

impl Facts<'_> {
    /// What a schedule is made of.
    fn noun(&self) -> &'static str {
        if self.lane { "Surges" } else { "Runs" }
    }

    /// Days from the first to the last call, both counted; 0 without calls.
    pub fn span_days(&self) -> i64 {
        let minutes = &self.survey.calls.minutes;
        match (minutes.first(), minutes.last()) {
            (Some(first), Some(last)) => i64::from(last.day().0 - first.day().0) + 1,
            _ => 0,
        }
    }

    /// Whether the starts that keep to a schedule open a service rather than begin a job: few a day, and
    /// runs cover much of the hours that follow. All of them are asked together, because a threshold on
    /// each would leave those that miss it, on schedule still.
    fn opens_a_service(&self, on_schedule: impl Fn(Minute) -> bool, config: &Tolerance) -> bool {
        let length = config.opening_hours * 60;
        let (mut covered, mut starts, mut days) = (0, 0, BTreeSet::new());
        for (at, run) in self.runs.iter().enumerate().filter(|(_, r)| on_schedule(r.start)) {
            let end = run.start.0 + length;
            let after = self.runs[at..].iter().take_while(|run| run.start.0 < end);
            covered += after.map(|run| end.min(run.end.0 + 1) - run.start.0).sum::<i64>();
            starts += 1;
            days.insert(run.start.day());
        }
        let few = starts <= config.opening_max_a_day * days.len() as i64;
        few && covered as f64 >= config.opening_cover * (starts * length) as f64
    }

    /// Whether the hours before and after a slot of the day hold few calls beside those inside: people
    /// whom something calls together at nine go on after it.
    fn is_alone(&self, slot: timing::Slot) -> bool {
        let (mut inside, mut beside) = (0, 0);
        for (minute, calls) in self.survey.calls.by_minute() {
            let after = (minute.0 - slot.minute).rem_euclid(Minute::PER_DAY);
            if after < slot.length {
                inside += calls;
            } else if after < slot.length + 60 || after >= Minute::PER_DAY - 60 {
                beside += calls;
            }
        }
        beside as f64 <= LOOSE_BESIDE * inside as f64
    }

    /// Mean seconds of a call where enough latencies are told.
    fn told_seconds(&self) -> Option<f64> {
        (self.total.latency_count >= MIN_LATENCIES)
            .then(|| self.total.latency_ms as f64 / self.total.latency_count as f64 / 1e3)
    }

    /// Mean seconds of a call: as told, or as long as its output takes at an assumed speed.
    fn seconds(&self, tokens_per_second: f64) -> f64 {
        self.told_seconds().unwrap_or_else(|| {
            let answered = (self.total.requests - self.total.errors).max(1) as f64;
            self.total.tokens.output.0 as f64 / answered / tokens_per_second
        })
    }

    /// Calls in progress at once at `rate` calls a minute (Little's law).
    fn concurrency(&self, rate: f64, config: &Tolerance) -> f64 {
        rate / 60.0 * self.seconds(config.fast_tokens_per_second)
    }

    /// The Allan factor at the shortest window that is longer than a call, where it can be tested.
    fn allan(&self, config: &Tolerance) -> Option<Allan> {
        // Counting is dear and asks for a rate that most workloads do not reach; half of it leaves room
        // for the edges of runs, which are not counted.
        let length: i64 = self.runs.iter().map(|run| run.end.0 - run.start.0 + 1).sum();
        if (self.total.requests as f64) < config.pool_min_rate / 2.0 * length as f64 {
            return None;
        }
        let call = self.seconds(config.slow_tokens_per_second);
        let window = timing::ALLAN_WINDOWS.into_iter().find(|w| *w as f64 > call)?;
        timing::allan(&self.survey.calls, self.runs, window)
            .filter(|a| a.pairs >= config.pool_min_pairs && a.rate >= config.pool_min_rate)
    }
}

/// `part / whole`, 0 for an empty whole.
pub(super) fn share(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}

/// Everything the rules find, heaviest first. Overrides are not among it.
pub fn collect(facts: &Facts<'_>, config: &Tolerance) -> Vec<Evidence> {
    let allan = facts.allan(config);
    let found = [
        size_regularity(facts, config),
        round_the_clock(facts, allan, config),
        stated::streaming(facts, config),
        stated::conversation(facts, config),
        stated::priority(facts, config),
        stated::flex(facts, config),
        stated::identity(facts, config),
        stated::name_hint(facts, config),
        stated::declared_tag(facts, config),
    ];
    let mut evidence = machine_timing(facts, allan, config);
    evidence.extend(found.into_iter().flatten());
    sort(&mut evidence);
    evidence
}

/// Heaviest first, then by name.
pub(super) fn sort(evidence: &mut [Evidence]) {
    evidence
        .sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then_with(|| a.rule.cmp(b.rule)));
}

/// What timing says for a machine. One rule keeps its weight and the others a rest of theirs, because
/// they err together: where somebody waits for a machine's calls, all of them are wrong at once.
fn machine_timing(facts: &Facts<'_>, allan: Option<Allan>, config: &Tolerance) -> Vec<Evidence> {
    let others = [worker_pool(facts, allan, config), sparse_dense(facts, config)];
    let mut found = schedule(facts, config);
    found.extend(others.into_iter().flatten().map(|evidence| (0.0, evidence)));
    // By p where weights tie, so that the plainer sentence tells the schedule.
    found.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight).then(a.0.total_cmp(&b.0)));
    for (_, evidence) in found.iter_mut().skip(1) {
        evidence.weight *= weights::BESIDE;
    }
    found.into_iter().map(|(_, evidence)| evidence).collect()
}

/// Clock and daily anchor with their ln p; weak, both of them, where they show a service that opens.
fn schedule(facts: &Facts<'_>, config: &Tolerance) -> Vec<(f64, Evidence)> {
    let rules = [clock(facts, facts.starts, config), daily_anchor(facts, facts.starts, config)];
    // The more improbable of the two is the schedule; the other is how it looks from elsewhere.
    let main = rules.iter().flatten().min_by(|a, b| a.ln_p.total_cmp(&b.ln_p));
    let opens = main.is_some_and(|scheduled| scheduled.opens);
    let found = rules.into_iter().flatten().map(|Scheduled { ln_p, mut evidence, .. }| {
        if opens {
            evidence.weight = weights::SCHEDULE_OPENING;
            evidence.decisive = false;
            let sentence = evidence.sentence.trim_end_matches('.');
            evidence.sentence =
                format!("{sentence}, but activity goes on for hours, as where a service opens.");
        }
        (ln_p, evidence)
    });
    found.collect()
}

/// A schedule that was found.
struct Scheduled {
    /// Natural logarithm of p.
    ln_p: f64,
    /// Whether its starts look like those of a service that opens at a fixed hour.
    opens: bool,
    evidence: Evidence,
}

/// Run starts aligned with the clock.
fn clock(facts: &Facts<'_>, starts: &[Minute], config: &Tolerance) -> Option<Scheduled> {
    if starts.len() < config.clock_min_runs {
        return None;
    }
    let found = timing::clock(starts)?;
    if found.ln_p >= config.clock_max_p.ln() || found.r <= config.clock_min_r {
        return None;
    }
    let days = timing::distinct_days(starts.iter().copied());
    let decisive = days >= config.clock_min_days;
    let mark = found.phase.round() as i64 % found.period;
    let again = match found.period {
        60 => String::new(),
        period => format!(" and every {period} minutes from there"),
    };
    let evidence = Evidence {
        rule: "clock",
        value: Some(found.r),
        threshold: Some(config.clock_min_r),
        weight: if decisive { weights::SCHEDULE } else { weights::SCHEDULE_SHORT },
        decisive,
        sentence: format!(
            "{} keep to the clock: {} of {} start within {:.1} minutes of :{mark:02} past the \
             hour{again}, on {days} {}; by chance {}.",
            facts.noun(),
            starts.iter().filter(|start| found.near(**start)).count(),
            starts.len(),
            timing::ANCHOR_SLOT as f64 / 2.0,
            if days == 1 { "day" } else { "days" },
            chance(found.ln_p)
        ),
    };
    let opens = facts.opens_a_service(|start| found.near(start), config);
    Some(Scheduled { ln_p: found.ln_p, opens, evidence })
}

/// A run start in the same five minutes of the day.
fn daily_anchor(facts: &Facts<'_>, starts: &[Minute], config: &Tolerance) -> Option<Scheduled> {
    let keeps = |(slot, ln_p): &(timing::Slot, f64)| {
        slot.days >= config.anchor_min_days && *ln_p < config.anchor_max_p.ln()
    };
    // What rises above other traffic at about the same time each day may be people.
    let loose = || if facts.lane { None } else { timing::loose_anchor(starts).filter(keeps) };
    let (slot, ln_p) = timing::daily_anchor(starts).filter(keeps).or_else(loose)?;
    let strict = slot.length == timing::ANCHOR_SLOT;
    if !strict && !facts.is_alone(slot) {
        return None;
    }
    let last = (slot.minute + slot.length - 1) % Minute::PER_DAY;
    let evidence = Evidence {
        rule: "daily_anchor",
        value: Some(slot.hits as f64 / slot.days as f64),
        threshold: None,
        weight: if strict { weights::SCHEDULE } else { weights::SCHEDULE_LOOSE },
        decisive: strict,
        sentence: format!(
            "{} start between {:02}:{:02} and {:02}:{:02} UTC on {} of {} days; by chance {}.",
            facts.noun(),
            slot.minute / 60,
            slot.minute % 60,
            last / 60,
            last % 60,
            slot.hits,
            slot.days,
            chance(ln_p)
        ),
    };
    let opens = facts.opens_a_service(|start| slot.holds(start), config);
    Some(Scheduled { ln_p, opens, evidence })
}

/// Counts inside runs that are too even for independent people.
fn worker_pool(facts: &Facts<'_>, allan: Option<Allan>, config: &Tolerance) -> Option<Evidence> {
    let allan = allan?;
    let concurrency = facts.concurrency(allan.rate, config);
    let throttled = share(facts.total.errors, facts.total.requests) > config.pool_max_errors;
    if allan.factor >= config.pool_max_allan
        || allan.p >= config.pool_max_p
        || concurrency < config.min_concurrency
        || throttled
    {
        return None;
    }
    Some(Evidence {
        rule: "worker_pool",
        value: Some(allan.factor),
        threshold: Some(config.pool_max_allan),
        weight: weights::WORKER_POOL,
        decisive: true,
        sentence: format!(
            "Calls follow each other evenly, as from a fixed pool of workers: at {:.0} calls a minute \
             the Allan factor over {} pairs of {}-second windows is {:.2}, and independent people stay \
             at 1 or above; by chance {}.",
            allan.rate,
            allan.pairs,
            allan.window,
            allan.factor,
            chance(allan.p.max(f64::MIN_POSITIVE).ln())
        ),
    })
}

/// Few hours, and busy ones.
fn sparse_dense(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let days = facts.span_days();
    let active = facts.survey.days;
    if facts.lane || days < config.min_days || active < config.sparse_min_days {
        return None;
    }
    // Quiet time before the first and after the last call counts, but not more of it than there was
    // time between them: a service that was launched or retired inside a long window is not sparse.
    let hours = facts.window.days().clamp(days, 2 * days) * 24;
    let share = facts.survey.hours as f64 / hours as f64;
    let rate = facts.total.requests as f64 / facts.survey.calls.minutes.len() as f64;
    if share >= config.sparse_max_hours || rate < config.sparse_min_rate {
        return None;
    }
    let overlapping = rate >= config.sparse_overlap_rate
        || facts.concurrency(rate, config) >= config.min_concurrency;
    let dense = rate >= config.sparse_dense_rate && overlapping;
    Some(Evidence {
        rule: "sparse_dense",
        value: Some(rate),
        threshold: Some(if dense { config.sparse_dense_rate } else { config.sparse_min_rate }),
        weight: if dense { weights::SPARSE_DENSE } else { weights::SPARSE },
        decisive: false,
        sentence: format!(
            "It is active in {:.1} % of the hours, on {active} days, and then makes {rate:.1} calls \
             a minute{}.",
            share * 100.0,
            if dense { ", several at a time" } else { "" }
        ),
    })
}

/// How much input sizes vary.
fn size_regularity(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    if facts.input_sizes.count() < config.min_requests {
        return None;
    }
    let spread = timing::spread(facts.input_sizes)?;
    let output = timing::spread(facts.output_sizes)?;
    let (weight, threshold, says) = if spread > config.size_varied {
        (weights::SIZE_VARIED, config.size_varied, "vary as people's do")
    } else if spread < config.size_constant && output < config.size_constant {
        (weights::SIZE_CONSTANT, config.size_constant, "are constant, and so are outputs")
    } else if spread < config.size_regular {
        (weights::SIZE_REGULAR, config.size_regular, "are regular")
    } else {
        return None;
    };
    Some(Evidence {
        rule: "size_regularity",
        value: Some(spread),
        threshold: Some(threshold),
        weight,
        decisive: false,
        sentence: format!(
            "Input sizes {says}: the middle half lies within a factor of {:.2}.",
            spread.exp()
        ),
    })
}

/// Active most hours of day and night, as uneven as people.
fn round_the_clock(
    facts: &Facts<'_>,
    allan: Option<Allan>,
    config: &Tolerance,
) -> Option<Evidence> {
    let (allan, days) = (allan?, facts.span_days());
    let share = facts.survey.hours as f64 / (days * 24) as f64;
    let by_day_and_night = facts.survey.hours_of_day >= 20;
    if facts.lane
        || days < config.min_days
        || share < config.round_clock_min_hours
        || !by_day_and_night
        || allan.factor < config.round_clock_min_allan
    {
        return None;
    }
    Some(Evidence {
        rule: "round_the_clock",
        value: Some(share),
        threshold: Some(config.round_clock_min_hours),
        weight: weights::ROUND_THE_CLOCK,
        decisive: false,
        sentence: format!(
            "It is active in {:.0} % of the hours, by day and by night, and as uneven as people's \
             calls (Allan factor {:.2} over {}-second windows).",
            share * 100.0,
            allan.factor,
            allan.window
        ),
    })
}
