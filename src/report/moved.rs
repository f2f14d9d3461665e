//! What moved between two audits: their totals, and each workload's verdict and eligible cost.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::figures::plural;
use super::{Report, WorkloadReport};
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};
use crate::workload::{Window, WorkloadKey};

/// Dollars per 30 days below which a workload that keeps its verdict has not moved.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// The figures of an earlier audit, as the table `audits` has them, and its workloads judged again.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// Seconds since the epoch when it ran.
    pub run_at: i64,
    /// Its window.
    pub window: Window,
    /// Workloads in it.
    pub workloads: i64,
    /// Calls in it.
    pub requests: i64,
    /// Tokens in it.
    pub tokens: Tokens,
    /// Those nobody waits for.
    pub eligible: Tokens,
    /// Cost per 30 days; `None` when nothing was priced.
    pub cost_month: Option<Usd>,
    /// Low, expected and high savings per 30 days.
    pub savings_month: [Option<Usd>; 3],
    /// Whether prices in force then were others than now.
    pub other_prices: bool,
    /// Whether configuration or parameters then were others than now.
    pub other_settings: bool,
    /// Its workloads: its window judged with its settings, on what is known now. `None` where this version
    /// cannot read its settings.
    pub standings: Option<Vec<Standing>>,
}

/// Where a workload stands in one audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Which workload.
    pub key: WorkloadKey,
    /// Who waits.
    pub verdict: Verdict,
    /// Cost per 30 days of the tokens nobody waits for; `None` without a known rate.
    pub eligible_month: Option<Usd>,
}

impl Standing {
    /// Where `workload` stands in an audit of `window`.
    pub fn of(workload: &WorkloadReport, window: &Window) -> Self {
        Self {
            key: workload.key.clone(),
            verdict: workload.judgement.verdict,
            eligible_month: workload
                .assessment
                .eligible_cost
                .map(|cost| super::month(cost, window)),
        }
    }
}

/// A workload that is new, gone, judged otherwise, or has another eligible cost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Which workload.
    pub(super) key: WorkloadKey,
    /// Verdict in the earlier audit; `None` for a new workload.
    pub(super) was: Option<Verdict>,
    /// Verdict now; `None` for a workload that is gone.
    pub(super) is: Option<Verdict>,
    /// Eligible cost per 30 days in the earlier audit; zero for a new workload, `None` if unknown.
    pub(super) before: Option<Usd>,
    /// Eligible cost per 30 days now; zero for a workload that is gone, `None` if unknown.
    pub(super) now: Option<Usd>,
}

impl Change {
    /// By how many dollars the eligible cost moved.
    pub(super) fn by(&self) -> Option<Usd> {
        self.before.zip(self.now).map(|(before, now)| now - before)
    }

    /// What became of it: `new, tolerant`; `gone, was unclear`; `tolerant, was unclear`; `tolerant`.
    pub(super) fn what(&self) -> String {
        match (self.was, self.is) {
            (None, Some(is)) => format!("new, {}", is.as_str()),
            (Some(was), None) => format!("gone, was {}", was.as_str()),
            (Some(was), Some(is)) if was != is => format!("{}, was {}", is.as_str(), was.as_str()),
            (_, is) => is.map_or("", Verdict::as_str).to_owned(),
        }
    }

    fn counts(&self) -> bool {
        let same_knowledge = self.before.is_some() == self.now.is_some();
        let moved = self.by().map_or(!same_knowledge, |by| by.0.abs() >= LEAST);
        self.was != self.is || moved
    }
}

/// Every workload that moved, the largest movement of eligible cost first and unknown ones last; `None`
/// where there is nothing to compare with.
pub(super) fn changes(report: &Report) -> Option<Vec<Change>> {
    let before = report.earlier.as_ref()?.standings.as_ref()?;
    let now: Vec<Standing> =
        report.workloads.iter().map(|each| Standing::of(each, &report.window)).collect();
    let mut both: BTreeMap<&WorkloadKey, [Option<&Standing>; 2]> = BTreeMap::new();
    for (side, standings) in [before, &now].into_iter().enumerate() {
        for standing in standings {
            both.entry(&standing.key).or_default()[side] = Some(standing);
        }
    }
    let change = |(key, [before, now]): (&WorkloadKey, [Option<&Standing>; 2])| {
        let eligible = |side: Option<&Standing>| side.map_or(Some(Usd::ZERO), |s| s.eligible_month);
        Change {
            key: key.clone(),
            was: before.map(|standing| standing.verdict),
            is: now.map(|standing| standing.verdict),
            before: eligible(before),
            now: eligible(now),
        }
    };
    let mut changes: Vec<Change> = both.into_iter().map(change).filter(Change::counts).collect();
    // The sort is stable: by key among equals.
    changes.sort_by_key(|change| {
        let by = change.by().map(|by| by.0.abs());
        (by.is_none(), Reverse(by))
    });
    Some(changes)
}

/// How many of each kind: `2 new, 1 gone, 1 judged otherwise, 3 with another eligible cost`.
pub(super) fn counted(changes: &[Change]) -> String {
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    let kinds = [
        (count(|c| c.was.is_none()), "new"),
        (count(|c| c.is.is_none()), "gone"),
        (count(|c| c.was.is_some() && c.is.is_some() && c.was != c.is), "judged otherwise"),
        (count(|c| c.was == c.is), "with another eligible cost"),
    ];
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, kind)| format!("{} {kind}", super::figures::count(number as i64)))
        .collect();
    match told.is_empty() {
        true => "No workload moved by a cent.".to_owned(),
        false => format!("{} moved: {}.", plural(changes.len(), "workload"), told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn new_gone_judged_otherwise_and_dearer_are_told_apart() {
        let mut report = example::report();
        let standings: Vec<Standing> =
            report.workloads.iter().map(|each| Standing::of(each, &report.window)).collect();
        let earlier = example::earlier(&report, standings.clone());
        report.earlier = Some(earlier);
        assert_eq!(changes(&report), Some(vec![]), "the same audit twice");
        assert_eq!(counted(&[]), "No workload moved by a cent.");

        let mut before = standings.clone();
        before[0].key.caller = "left-us".into();
        before[1].verdict = Verdict::Unclear;
        before[2].eligible_month = Some(example::usd("1000000"));
        report.earlier = Some(example::earlier(&report, before));
        let found = changes(&report).unwrap();
        let told: Vec<String> = found.iter().map(Change::what).collect();
        assert_eq!(found[0].key, report.workloads[2].key, "the largest movement first");
        assert!(told.contains(&"gone, was interactive".to_owned()), "{told:?}");
        assert!(told.contains(&"new, interactive".to_owned()), "{told:?}");
        assert!(told.iter().any(|what| what.ends_with(", was unclear")), "{told:?}");
        assert_eq!(
            counted(&found),
            "4 workloads moved: 1 new, 1 gone, 1 judged otherwise, 1 with another eligible cost."
        );
        // Unknown is never zero: an amount that nobody knows moved by nobody knows what.
        let mut before = standings;
        before[0].eligible_month = None;
        report.earlier = Some(example::earlier(&report, before));
        let found = changes(&report).unwrap();
        assert_eq!((found.len(), found[0].by()), (1, None));
    }

    #[test]
    fn settings_that_cannot_be_read_compare_with_nothing() {
        let mut report = example::report();
        let earlier = example::earlier(&report, Vec::new());
        report.earlier = Some(Earlier { standings: None, ..earlier });
        assert_eq!(changes(&report), None);
    }
}
