//! Sums over all workloads of a report.

use super::{Report, WorkloadReport};
use crate::savings::Range;
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};
use crate::workload::TokenCounts;

/// Sums over the workloads of one verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictTotals {
    /// Workloads of the verdict.
    pub workloads: usize,
    /// Their calls.
    pub requests: i64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their cost in the window; `None` when there are some and none is priced.
    pub cost: Option<Usd>,
}

/// Sums over all workloads in the window. Money is of the priced workloads, `None` when there are
/// some and none is priced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls, failed ones included.
    pub requests: i64,
    /// Calls that failed.
    pub errors: i64,
    /// Tokens by kind.
    pub tokens: TokenCounts,
    /// Tokens whose cost is unknown.
    pub unpriced: Tokens,
    /// Workloads with tokens whose cost is unknown.
    pub unpriced_workloads: usize,
    /// Tokens nobody waits for.
    pub eligible: Tokens,
    /// The part of `eligible` that cannot move.
    pub blocked: Tokens,
    /// The part of `eligible` that needs a trial.
    pub pilot: Tokens,
    /// The rest of `eligible`.
    pub addressable: Tokens,
    /// Cost today.
    pub cost: Option<Usd>,
    /// Cost today of the eligible tokens.
    pub eligible_cost: Option<Usd>,
    /// Savings.
    pub savings: Option<Range>,
}

impl Totals {
    /// The sums of `report`.
    pub fn of(report: &Report) -> Self {
        let mut totals = Self::default();
        for workload in &report.workloads {
            totals.add(workload);
        }
        let all = || report.workloads.iter().map(|workload| &workload.assessment);
        totals.cost = sum_of_known(all().map(|assessment| assessment.cost));
        totals.eligible_cost = sum_of_known(all().map(|assessment| assessment.eligible_cost));
        let amount = |pick: fn(Range) -> Usd| {
            sum_of_known(all().map(|assessment| assessment.savings.map(pick)))
        };
        totals.savings = match (amount(|r| r.low), amount(|r| r.expected), amount(|r| r.high)) {
            (Some(low), Some(expected), Some(high)) => Some(Range { low, expected, high }),
            _ => None,
        };
        totals
    }

    fn add(&mut self, workload: &WorkloadReport) {
        self.requests += workload.total.requests;
        self.errors += workload.total.errors;
        self.tokens += workload.total.tokens;
        let assessment = &workload.assessment;
        let tokens = workload.total.tokens.total();
        if assessment.cost.is_none() && tokens > Tokens(0) {
            self.unpriced += tokens;
            self.unpriced_workloads += 1;
        }
        self.eligible += assessment.eligible.total();
        self.blocked += assessment.blocked.total();
        self.pilot += assessment.pilot.total();
        self.addressable += assessment.addressable.total();
    }

    /// Eligible part of the tokens, 0 to 1; `None` without tokens.
    pub fn eligible_share(&self) -> Option<f64> {
        share(self.eligible.0 as f64, self.tokens.total().0 as f64)
    }

    /// Eligible part of the cost, 0 to 1; `None` without a known cost.
    pub fn eligible_cost_share(&self) -> Option<f64> {
        usd_share(self.eligible_cost?, self.cost?)
    }

    /// Part of the cost that `savings` is; `None` without a known cost.
    pub fn savings_share(&self, savings: Usd) -> Option<f64> {
        usd_share(savings, self.cost?)
    }
}

impl VerdictTotals {
    /// The sums over the workloads of `report` that got `verdict`.
    pub fn of(report: &Report, verdict: Verdict) -> Self {
        let all = || report.workloads.iter().filter(|w| w.judgement.verdict == verdict);
        Self {
            workloads: all().count(),
            requests: all().map(|w| w.total.requests).sum(),
            tokens: all().map(|w| w.total.tokens.total()).sum(),
            cost: sum_of_known(all().map(|w| w.assessment.cost)),
        }
    }
}

/// The sum of the known amounts; unknown when there are amounts and none is known.
pub(super) fn sum_of_known(amounts: impl Iterator<Item = Option<Usd>>) -> Option<Usd> {
    let (mut sum, mut known, mut met) = (Usd::ZERO, false, false);
    for amount in amounts {
        met = true;
        if let Some(amount) = amount {
            known = true;
            sum += amount;
        }
    }
    (known || !met).then_some(sum)
}

pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

pub(super) fn usd_share(part: Usd, whole: Usd) -> Option<f64> {
    share(part.micros() as f64, whole.micros() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn unknown_money_is_left_out_and_counted_as_tokens() {
        let totals = Totals::of(&example::report());
        assert_eq!(totals.cost, Some(example::usd("12000")));
        assert_eq!(totals.eligible_cost, Some(example::usd("7200")));
        assert_eq!((totals.unpriced, totals.unpriced_workloads), (Tokens(50_000_001), 1));
        assert_eq!(totals.eligible, totals.blocked + totals.pilot + totals.addressable);
    }

    #[test]
    fn nothing_known_is_not_zero_but_nothing_at_all_is() {
        let mut report = example::report();
        report.workloads.retain(|w| w.assessment.cost.is_none());
        assert_eq!(Totals::of(&report).cost, None);
        assert_eq!(Totals::of(&report).savings, None);
        report.workloads.clear();
        assert_eq!(Totals::of(&report).cost, Some(Usd::ZERO));
        assert_eq!(Totals::of(&report).eligible_share(), None);
    }
}
