//! Latency tolerance: from the facts of one workload to evidence, and from evidence to a verdict.
//!
//! Pure: no clock, no environment, no files, no query engine. Doubt is a value ([`Verdict::Unclear`]).

mod bursts;
pub mod caller;
pub mod evidence;
pub mod judge;
pub mod lanes;
mod modes;
pub mod runs;
mod stated;
mod surges;
#[cfg(test)]
mod tests;
pub mod timing;
mod weights;

use std::fmt;

use crate::units::Minute;
use crate::workload::{Activity, TokenCounts};

/// Who waits for a workload's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A machine collects the answers later.
    Tolerant,
    /// Two kinds of traffic under one name, of which a machine collects the one later.
    Hybrid,
    /// A person or a caller waits for each answer.
    Interactive,
    /// The logs do not say.
    Unclear,
}

impl Verdict {
    /// Every verdict, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Tolerant, Self::Hybrid, Self::Interactive, Self::Unclear];

    /// The name in the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tolerant => "tolerant",
            Self::Hybrid => "hybrid",
            Self::Interactive => "interactive",
            Self::Unclear => "unclear",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One rule that fired, as an owner can check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The rule's name in the tables and in docs/inference.md, such as `clock`.
    pub rule: &'static str,
    /// What was measured, in the unit that `sentence` names; `None` where the evidence is not a number.
    pub value: Option<f64>,
    /// What it was held against, same unit.
    pub threshold: Option<f64>,
    /// Signed log-odds (natural logarithm): above zero speaks for tolerant, below for interactive.
    pub weight: f64,
    /// Whether this rule alone may carry a verdict on less than the usual sample.
    pub decisive: bool,
    /// One plain sentence with the numbers in it.
    pub sentence: String,
}

/// Activity with no gap longer than the configured number of empty minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// First active minute.
    pub start: Minute,
    /// Last active minute (included).
    pub end: Minute,
    /// Sums over the run.
    pub activity: Activity,
}

/// A run that nobody waits for: what batch jobs can be made of. Kept for every tolerant workload of an
/// audit, so it holds only what is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateRun {
    /// First active minute.
    pub start: Minute,
    /// Last active minute (included).
    pub end: Minute,
    /// Calls, failed ones included.
    pub requests: i64,
    /// Calls that failed.
    pub errors: i64,
    /// Tokens of all calls.
    pub tokens: TokenCounts,
}

impl From<&Run> for CandidateRun {
    fn from(run: &Run) -> Self {
        let Activity { requests, errors, tokens, .. } = run.activity;
        Self { start: run.start, end: run.end, requests, errors, tokens }
    }
}

/// A part of a workload's stream that is judged by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What is in it, such as `surges at 02:00 UTC` or `the rest`.
    pub name: String,
    /// The verdict on it alone.
    pub verdict: Verdict,
    /// Probability that nobody waits for it, 0 to 1.
    pub probability: f64,
    /// Its sums. Those of all lanes add up to the workload's.
    pub activity: Activity,
    /// Its runs, with what the traffic beside them comes to taken off; empty for the rest.
    pub runs: Vec<Run>,
}

/// What the evidence comes to for one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Sum of the weights and the prior: log-odds that the workload (of a hybrid: its largest
    /// tolerant lane) is tolerant.
    pub score: f64,
    /// The score as a probability that the workload is tolerant, 0 to 1.
    pub probability: f64,
    /// Whether a decisive rule or an owner's override carries the verdict.
    pub decisive: bool,
    /// Every rule that fired, heaviest first (by absolute weight, then by rule name).
    pub evidence: Vec<Evidence>,
    /// Runs of the workload.
    pub run_count: usize,
    /// The runs that nobody waits for, in time order: all of a tolerant workload, those of a hybrid's
    /// tolerant lanes, none of others.
    pub candidates: Vec<CandidateRun>,
    /// Of a hybrid: its lanes, the tolerant ones by tokens and then the rest; empty otherwise.
    pub lanes: Vec<Lane>,
    /// The verdict in one sentence for its owner.
    pub reason: String,
    /// For `Unclear` and for the unclear rest of a `Hybrid`: what would settle it (a longer window, which tag).
    pub settle: Option<String>,
}
