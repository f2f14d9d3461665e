//! Savings: from a judged workload and its rates to blockers, a mode and a range of money.
//!
//! Pure. Amounts are for the audited window; [`crate::report`] scales them to a month of 30 days.

pub mod assess;
mod bill;
pub mod blockers;
pub mod modes;
mod tariff;
#[cfg(test)]
mod tests;
mod volume;
mod words;

pub use assess::assess;

use std::fmt;

use rust_decimal::Decimal;

use crate::units::{Tokens, Usd};
use crate::workload::TokenCounts;

/// How a workload should be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// As today, per call.
    OnDemand,
    /// Batch inference jobs.
    Batch,
    /// The flex tier: synchronous, low priority, keeps caching and tools.
    Flex,
    /// Provisioned throughput, by the hour.
    Provisioned,
    /// No rate is known, so nothing can be recommended.
    Unknown,
}

impl Mode {
    /// The name in the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Provisioned => "provisioned",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a blocker does to the volume it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The volume cannot move to batch as things are.
    Blocked,
    /// The volume could move after a trial: a rewrite or a missing fact stands between.
    NeedsPilot,
}

/// One reason why part of a tolerant workload, or of one that may prove tolerant, cannot simply move.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocker {
    /// Its name in the tables, such as `no_batch_price`.
    pub name: &'static str,
    /// What it does.
    pub effect: Effect,
    /// The part of the workload's (of a hybrid: its tolerant lanes') volume it holds, 0 to 1, after the blockers before it took theirs.
    pub share: Decimal,
    /// What was measured, where it is a number.
    pub value: Option<f64>,
    /// What it was held against, same unit.
    pub threshold: Option<f64>,
    /// One plain sentence with the numbers in it.
    pub sentence: String,
}

/// One line of the arithmetic: tokens times rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which mode the line prices.
    pub mode: Mode,
    /// Token kind, such as `input` or `cache_read`.
    pub kind: &'static str,
    /// How many.
    pub tokens: Tokens,
    /// USD per million tokens after discounts.
    pub usd_per_million: Decimal,
    /// Their product.
    pub amount: Usd,
    /// Where the rate is from: price-book source and date, or the user's file; a discount is named here.
    pub source: String,
}

/// Low, expected and high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Decisive evidence and addressable now.
    pub low: Usd,
    /// Weighted by the probability of tolerance and, for what needs a pilot, of the pilot.
    pub expected: Usd,
    /// Upper bound: all that is not interactive and not blocked moved.
    pub high: Usd,
}

/// What moving one workload comes to, in the audited window.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The price-book model the rates are of; `None` when unpriced.
    pub priced_as: Option<String>,
    /// Cost today; `None` when unpriced.
    pub cost: Option<Usd>,
    /// Cost of the whole volume by batch; `None` when there is no known batch price.
    pub batch_cost: Option<Usd>,
    /// Cost of the whole volume by the flex tier; `None` when the model has none.
    pub flex_cost: Option<Usd>,
    /// Tolerant volume: all of the workload, the tolerant lanes of a hybrid, or nothing.
    pub eligible: TokenCounts,
    /// Part of `eligible` that blockers hold.
    pub blocked: TokenCounts,
    /// Part of `eligible` that needs a pilot.
    pub pilot: TokenCounts,
    /// The rest of `eligible`: can move now. `eligible = blocked + pilot + addressable`, exactly.
    pub addressable: TokenCounts,
    /// Cost today of the eligible volume; `None` when unpriced.
    pub eligible_cost: Option<Usd>,
    /// Every blocker that holds, in the order they were applied.
    pub blockers: Vec<Blocker>,
    /// The recommended mode.
    pub mode: Mode,
    /// Savings; `None` when unpriced (unknown, not zero).
    pub savings: Option<Range>,
    /// Batch jobs that the volume which is not blocked needs in the window under the quotas; 0 when another
    /// mode than batch is recommended.
    pub jobs: i64,
    /// The arithmetic behind `cost` and, where they exist, `batch_cost` and `flex_cost`.
    pub lines: Vec<Line>,
    /// What was assumed to price it (cache lifetimes, no caching in batch, long context …), a sentence each.
    pub assumptions: Vec<String>,
    /// Verdict, blockers and mode in one or two sentences for the owner.
    pub reason: String,
}
