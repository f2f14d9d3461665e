//! Verdict cases of tests/verdicts, each one workload described by what makes its calls.
//!
//! A case is a caller ARN, a number of days, and streams of calls; the numbers inside a stream are drawn
//! from a seeded generator. What is expected: the verdict, a probability, and rules that must or must
//! not fire. Every case runs with several seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::config::Tolerance;
use crate::tolerance::caller;
use crate::tolerance::judge::judge;
use crate::tolerance::lanes;
use crate::tolerance::{Judgement, Verdict};
use crate::units::{Day, Minute, Tokens};
use crate::workload::{
    Activity, CallerKind, MinuteFacts, SizeHistogram, Window, Workload, WorkloadKey,
};

/// Seeds that every case runs with.
const SEEDS: std::ops::Range<u64> = 1..9;

/// First day of every case: a Thursday.
const FIRST_DAY: i32 = 20_727;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case is about.
    about: String,
    /// The caller as the log has it.
    arn: String,
    #[serde(default)]
    tags: String,
    /// Days of the window.
    days: i32,
    /// `[tolerance]` of the case.
    #[serde(default)]
    config: toml::Table,
    stream: Vec<Stream>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    verdict: String,
    /// Bounds of the probability.
    #[serde(default)]
    at_least: f64,
    #[serde(default = "one")]
    at_most: f64,
    #[serde(default)]
    decisive: Option<bool>,
    /// Largest part by which eligible tokens may differ from those of the streams that are jobs.
    #[serde(default)]
    eligible_within: Option<f64>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    not_rules: Vec<String>,
}

/// Calls of one kind. Runs start as `every` and `at` say, or at random where neither is given.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Stream {
    /// Whether nobody waits for it; only asked where `eligible_within` is.
    job: bool,
    /// Minutes between run starts; 0 for once a day.
    every: i64,
    /// Minute of the day (or of the period) of a run start; absent for a random one.
    at: Option<i64>,
    /// Largest delay of a run start, minutes.
    jitter: f64,
    /// Days between days with calls.
    every_days: i32,
    /// Runs a day where they start at random.
    runs_a_day: f64,
    /// Hours of the day for random starts.
    hours: (f64, f64),
    /// Whether it rests on Saturday and Sunday.
    weekdays: bool,
    /// Days of the window with calls, first and last.
    between: (i32, i32),
    /// Calls a run.
    calls: usize,
    /// Callers that make a run's calls, each after its answer.
    workers: usize,
    /// Seconds of a call: median and spread (sigma of a log-normal).
    seconds: (f64, f64),
    /// Seconds between an answer and the next call, mean of an exponential.
    think: f64,
    /// Tokens: median and spread.
    input: (f64, f64),
    output: (f64, f64),
    streaming: f64,
    failing: f64,
    /// Whether bodies tell latencies and signals, and the share of conversations.
    bodies: bool,
    multi_turn: f64,
    priority: f64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            job: false,
            every: 0,
            at: None,
            jitter: 0.0,
            every_days: 1,
            runs_a_day: 1.0,
            hours: (0.0, 24.0),
            weekdays: false,
            between: (0, i32::MAX),
            calls: 1,
            workers: 1,
            seconds: (5.0, 0.5),
            think: 0.0,
            input: (1000.0, 0.6),
            output: (200.0, 0.6),
            streaming: 0.0,
            failing: 0.0,
            bodies: false,
            multi_turn: 0.0,
            priority: 0.0,
        }
    }
}

fn one() -> f64 {
    1.0
}

/// SplitMix64: all that a test needs of chance.
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    fn log_normal(&mut self, (median, sigma): (f64, f64)) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        median * (sigma * normal).exp()
    }
}

impl Stream {
    /// Run starts in seconds since the first day.
    fn starts(&self, days: i32, chance: &mut Chance) -> Vec<f64> {
        let mut starts = Vec::new();
        for day in (0..days).step_by(self.every_days.max(1) as usize) {
            let midnight = f64::from(day) * 86_400.0;
            // The first day is a Thursday, so days 2 and 3 of each week are the weekend.
            if self.weekdays && matches!(day % 7, 2 | 3) || day < self.between.0 {
                continue;
            }
            if day > self.between.1 {
                break;
            }
            match self.at {
                Some(at) => {
                    let period = if self.every > 0 { self.every } else { Minute::PER_DAY };
                    let planned = (at..Minute::PER_DAY).step_by(period as usize);
                    starts.extend(planned.map(|minute| {
                        midnight + (minute as f64 + self.jitter * chance.uniform()) * 60.0
                    }));
                }
                None => {
                    let (from, to) = (self.hours.0 * 3600.0, self.hours.1 * 3600.0);
                    let mut at = from + chance.exponential((to - from) / self.runs_a_day);
                    while at < to {
                        starts.push(midnight + at);
                        at += chance.exponential((to - from) / self.runs_a_day);
                    }
                }
            }
        }
        starts
    }

    fn run(&self, start: f64, chance: &mut Chance, into: &mut Facts) {
        let mut free = vec![start; self.workers.max(1)];
        for _ in 0..self.calls {
            let next = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
            let seconds = chance.log_normal(self.seconds);
            into.add(self, free[next], seconds, chance);
            free[next] += seconds;
            if self.think > 0.0 {
                free[next] += chance.exponential(self.think);
            }
        }
    }
}

#[derive(Default)]
struct Facts {
    minutes: BTreeMap<i64, MinuteFacts>,
    input: SizeHistogram,
    output: SizeHistogram,
    /// Tokens of jobs.
    jobs: i64,
}

impl Facts {
    fn add(&mut self, stream: &Stream, at: f64, seconds: f64, chance: &mut Chance) {
        let second = at.floor() as i64 + i64::from(FIRST_DAY) * 86_400;
        let minute = Minute::of_seconds(second);
        let facts = self.minutes.entry(minute.0).or_default();
        facts.minute = minute;
        facts.tens[(second.rem_euclid(60) / 10) as usize] += 1;
        let activity = &mut facts.activity;
        activity.requests += 1;
        activity.streaming += i64::from(chance.uniform() < stream.streaming);
        if chance.uniform() < stream.failing {
            activity.errors += 1;
            return;
        }
        let input = Tokens(chance.log_normal(stream.input) as i64);
        let output = Tokens(chance.log_normal(stream.output) as i64);
        activity.tokens.input += input;
        activity.tokens.output += output;
        self.jobs += if stream.job { (input + output).0 } else { 0 };
        *self.input.bins.entry(SizeHistogram::bin_of(input)).or_default() += 1;
        *self.output.bins.entry(SizeHistogram::bin_of(output)).or_default() += 1;
        if stream.bodies {
            activity.latency_ms += (seconds * 1e3) as i64;
            activity.latency_count += 1;
            activity.signals.input_bodies += 1;
            activity.signals.output_bodies += 1;
            activity.signals.multi_turn += i64::from(chance.uniform() < stream.multi_turn);
            activity.signals.priority_tier += i64::from(chance.uniform() < stream.priority);
        }
    }
}

fn workload(case: &Case, seed: u64) -> (Workload, Window) {
    let (workload, window, _) = mixture(case, seed);
    (workload, window)
}

/// A case's workload and the tokens of its jobs.
fn mixture(case: &Case, seed: u64) -> (Workload, Window, i64) {
    let mut chance = Chance(seed);
    let mut facts = Facts::default();
    for stream in &case.stream {
        for start in stream.starts(case.days, &mut chance) {
            stream.run(start, &mut chance, &mut facts);
        }
    }
    let caller = caller::read(&case.arn);
    let key = WorkloadKey {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        caller: caller.name,
        caller_kind: caller.kind,
        model: "anthropic.claude-haiku-4-5".into(),
        scope: "us".into(),
        operation: "Converse".into(),
        tags: case.tags.clone(),
    };
    let window = Window { from: Day(FIRST_DAY), to: Day(FIRST_DAY + case.days - 1) };
    let inside = |m: &MinuteFacts| m.minute.day() <= window.to;
    let minutes = facts.minutes.into_values().filter(inside).collect();
    let (input_sizes, output_sizes) = (facts.input, facts.output);
    (Workload { key, minutes, input_sizes, output_sizes }, window, facts.jobs)
}

fn wrong(case: &Case, judged: &Judgement) -> Vec<String> {
    let fired: BTreeSet<&str> = judged.evidence.iter().map(|e| e.rule).collect();
    let expect = &case.expect;
    let mut wrong = Vec::new();
    if judged.verdict.as_str() != expect.verdict {
        wrong.push(format!("verdict is {}, not {}", judged.verdict, expect.verdict));
    }
    if !(expect.at_least..=expect.at_most).contains(&judged.probability) {
        wrong.push(format!("probability is {:.4}", judged.probability));
    }
    if expect.decisive.is_some_and(|decisive| decisive != judged.decisive) {
        wrong.push(format!("decisive is {}", judged.decisive));
    }
    let missing = expect.rules.iter().filter(|rule| !fired.contains(rule.as_str()));
    wrong.extend(missing.map(|rule| format!("{rule} did not fire")));
    let surplus = expect.not_rules.iter().filter(|rule| fired.contains(rule.as_str()));
    wrong.extend(surplus.map(|rule| format!("{rule} fired")));
    let settles = judged.settle.is_some();
    if judged.verdict != Verdict::Hybrid
        && settles != (judged.verdict == Verdict::Unclear && !fired.contains("override"))
    {
        wrong.push(format!("settle is {:?}", judged.settle));
    }
    wrong
}

/// How far eligible tokens are from the truth, where that is asked for.
fn miscounted(case: &Case, workload: &Workload, judged: &Judgement, jobs: i64) -> Option<String> {
    let bound = case.expect.eligible_within?;
    let eligible = lanes::movable(workload, judged).total().tokens.total().0;
    let off = eligible as f64 / jobs as f64 - 1.0;
    (off.abs() > bound).then(|| format!("{eligible} eligible tokens, not {jobs} ({off:+.3})"))
}

/// Every case with its file's name and its configuration.
fn cases() -> Vec<(String, Case, Tolerance)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verdicts"));
    let mut files: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let case = |file: &PathBuf| {
        let name = file.file_name().unwrap().display().to_string();
        let text = std::fs::read_to_string(file).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let config = Tolerance::deserialize(case.config.clone()).unwrap();
        (name, case, config)
    };
    files.iter().map(case).collect()
}

#[test]
fn every_case_is_judged_as_its_file_expects() {
    let cases = cases();
    let mut failures = String::new();
    let show = std::env::var_os("HALFRATE_SHOW_VERDICTS").is_some();
    for (name, case, config) in &cases {
        for seed in SEEDS {
            let (workload, window, jobs) = mixture(case, seed);
            let judged = judge(&workload, &window, config);
            let mut wrong = wrong(case, &judged);
            wrong.extend(miscounted(case, &workload, &judged, jobs));
            if !wrong.is_empty() || show && seed == SEEDS.start {
                let about = &case.about;
                let wrong = wrong.join(", ");
                failures +=
                    &format!("\n{name}, seed {seed}: {wrong}\n  {about}\n  {}", told(&judged));
                // One seed tells what is wrong; eight only bury it.
                break;
            }
        }
    }
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    assert!(failures.is_empty(), "{failures}");
}

fn told(judged: &Judgement) -> String {
    let lines =
        judged.evidence.iter().map(|e| format!("  {:+.1} {}: {}", e.weight, e.rule, e.sentence));
    let mut lines: Vec<String> = lines.collect();
    lines.insert(0, format!("{:.4} {}", judged.probability, judged.reason));
    lines.extend(judged.settle.iter().map(|s| format!("  settle: {s}")));
    lines.join("\n  ")
}

#[test]
fn judging_depends_on_the_facts_alone() {
    let text = include_str!("../../tests/verdicts/nightly_neutral.toml");
    let case: Case = toml::from_str(text).unwrap();
    let (workload, window) = workload(&case, 1);
    let config = Tolerance::default();
    let judged = judge(&workload, &window, &config);
    assert_eq!(judged, judge(&workload.clone(), &window, &config));
    let sum: f64 = judged.evidence.iter().map(|e| e.weight).sum();
    assert!((judged.score - config.prior_log_odds - sum).abs() < 1e-12);
    assert_eq!(judged.candidates.iter().map(|run| run.requests).sum::<i64>(), 30 * 200);

    // A night can be missing and a night can be moved; the schedule stays.
    let (mut minutes, holiday) = (workload.minutes.clone(), window.from.0 + 9);
    minutes.retain(|facts| facts.minute.day().0 != holiday);
    let thinner = Workload { minutes, ..workload };
    assert_eq!(judge(&thinner, &window, &config).verdict, Verdict::Tolerant);
}

#[test]
fn nothing_is_judged_unclear() {
    let key = WorkloadKey {
        account: String::new(),
        region: String::new(),
        caller: "r".into(),
        caller_kind: CallerKind::Program,
        model: String::new(),
        scope: String::new(),
        operation: String::new(),
        tags: String::new(),
    };
    let empty = Workload {
        key,
        minutes: Vec::new(),
        input_sizes: SizeHistogram::default(),
        output_sizes: SizeHistogram::default(),
    };
    let window = Window { from: Day(0), to: Day(0) };
    let judged = judge(&empty, &window, &Tolerance::default());
    assert_eq!((judged.verdict, judged.evidence.len()), (Verdict::Unclear, 0));
    assert!(judged.settle.is_some());
}

/// The workload with every minute moved as `to` says.
fn moved(workload: &Workload, to: impl Fn(Minute) -> i64) -> Workload {
    let mut minutes: BTreeMap<i64, MinuteFacts> = BTreeMap::new();
    for facts in &workload.minutes {
        let minute = Minute(to(facts.minute));
        // Minutes that fall on each other where a clock is set back add up.
        let entry = minutes.entry(minute.0).or_insert(MinuteFacts { minute, ..Default::default() });
        entry.activity += facts.activity;
        for (sum, tens) in entry.tens.iter_mut().zip(facts.tens) {
            *sum += tens;
        }
    }
    Workload { minutes: minutes.into_values().collect(), ..workload.clone() }
}

/// About half of the calls, drawn at random.
fn thinned(workload: &Workload, chance: &mut Chance) -> Workload {
    let mut half = |number: i64| (0..number).filter(|_| chance.uniform() < 0.5).count() as i64;
    let mut minutes = Vec::new();
    for facts in &workload.minutes {
        let tens = facts.tens.map(&mut half);
        let left: i64 = tens.iter().sum();
        if left == 0 {
            continue;
        }
        let part = |number: i64| number * left / facts.activity.requests;
        let all = facts.activity;
        let mut activity = Activity {
            requests: left,
            errors: part(all.errors),
            streaming: part(all.streaming),
            latency_ms: part(all.latency_ms),
            latency_count: part(all.latency_count),
            ..Activity::default()
        };
        activity.tokens.input = Tokens(part(all.tokens.input.0));
        activity.tokens.output = Tokens(part(all.tokens.output.0));
        activity.signals.input_bodies = part(all.signals.input_bodies);
        activity.signals.output_bodies = part(all.signals.output_bodies);
        activity.signals.multi_turn = part(all.signals.multi_turn);
        activity.signals.priority_tier = part(all.signals.priority_tier);
        minutes.push(MinuteFacts { minute: facts.minute, tens, activity });
    }
    let mut sizes = |sizes: &SizeHistogram| SizeHistogram {
        bins: sizes.bins.iter().map(|(bin, count)| (*bin, half(*count))).collect(),
    };
    let (input_sizes, output_sizes) = (sizes(&workload.input_sizes), sizes(&workload.output_sizes));
    Workload { key: workload.key.clone(), minutes, input_sizes, output_sizes }
}

/// Whether one verdict makes volume eligible and the other says that somebody waits.
fn flips(a: Verdict, b: Verdict) -> bool {
    let called = |verdict| matches!(verdict, Verdict::Tolerant | Verdict::Hybrid);
    called(a) && b == Verdict::Interactive || called(b) && a == Verdict::Interactive
}

#[test]
fn verdicts_hold_when_clocks_differ_and_only_weaken_when_calls_are_missing() {
    let mut failures = String::new();
    for (name, case, config) in cases() {
        let (workload, window) = workload(&case, 3);
        let verdict = judge(&workload, &window, &config).verdict;
        let wider = Window { from: Day(window.from.0 - 1), to: Day(window.to.0 + 1) };
        let mut hold = |what: &str, other: &Workload, same: bool| {
            let found = judge(other, &wider, &config).verdict;
            // A tolerant or a hybrid verdict may come or go at a threshold, never against the other side.
            if flips(verdict, found) || same && found != verdict {
                failures += &format!("\n{name}: {verdict}, but {found} {what}");
            }
        };
        // The same log as an account would see it whose clock runs in another zone.
        for minutes in [-11 * 60, -330, 60, 5 * 60 + 45] {
            let other = moved(&workload, |minute| minute.0 + minutes);
            hold(&format!("in a zone {minutes} minutes off"), &other, true);
        }
        let middle = i64::from((window.from.0 + window.to.0) / 2) * Minute::PER_DAY;
        for hour in [-60, 60] {
            let set = |minute: Minute| minute.0 + if minute.0 < middle { 0 } else { hour };
            hold("after the clock was set", &moved(&workload, set), false);
        }
        for seed in 1..4 {
            hold("with half of its calls", &thinned(&workload, &mut Chance(seed)), false);
        }
        // A window that begins and ends some hours later.
        let from = Minute(window.from.start().0 + 7 * 60);
        let mut later = workload.clone();
        later.minutes.retain(|facts| facts.minute >= from);
        hold("in a window that begins hours later", &later, false);
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn thinning_never_makes_somebody_who_waits_tolerant() {
    let mut failures = String::new();
    for (name, case, config) in cases() {
        if case.expect.verdict != "interactive" && case.expect.verdict != "unclear" {
            continue;
        }
        let (workload, window) = workload(&case, 5);
        for seed in 10..14 {
            let thin = thinned(&workload, &mut Chance(seed));
            let found = judge(&thin, &window, &config).verdict;
            let interactive = case.expect.verdict == "interactive";
            if interactive && matches!(found, Verdict::Tolerant | Verdict::Hybrid) {
                failures += &format!("\n{name}: {found} with half of its calls");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
