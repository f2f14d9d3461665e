//! What stands between eligible and addressable: tokens and money held by each blocker.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::spread::spread;
use super::{Report, WorkloadReport};
use crate::savings::{Blocker, Effect};
use crate::units::{Tokens, Usd};

/// The effect's name in the tables.
pub fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Blocked => "blocked",
        Effect::NeedsPilot => "needs_pilot",
    }
}

/// What one blocker holds of one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Eligible tokens; those of all blockers add up to blocked and pilot tokens.
    pub tokens: Tokens,
    /// Cost today of these tokens; `None` when unpriced.
    pub cost: Option<Usd>,
}

/// What one blocker holds of all workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockerTotals {
    /// The blocker's name.
    pub name: &'static str,
    /// What it does.
    pub effect: Effect,
    /// Workloads of which it holds tokens.
    pub workloads: usize,
    /// Tokens it holds.
    pub tokens: Tokens,
    /// Their cost in the window today, of the priced workloads.
    pub cost: Option<Usd>,
    /// What it says of the workload of which it holds most.
    pub example: String,
}

/// What each of the workload's blockers holds, in their order.
pub fn held(workload: &WorkloadReport) -> Vec<Held> {
    let assessment = &workload.assessment;
    let blockers = &assessment.blockers;
    let mut tokens = vec![0; blockers.len()];
    for (effect, total) in
        [(Effect::Blocked, assessment.blocked), (Effect::NeedsPilot, assessment.pilot)]
    {
        let of_effect = |index: &usize| blockers[*index].effect == effect;
        let indices: Vec<usize> = (0..blockers.len()).filter(of_effect).collect();
        let weights: Vec<i128> = indices.iter().map(|index| weight(&blockers[*index])).collect();
        for (index, part) in indices.iter().zip(spread(i128::from(total.total().0), &weights)) {
            tokens[*index] = part;
        }
    }
    // What no blocker holds takes part in the split of the cost, and is dropped by `zip`.
    let free = i128::from(assessment.eligible.total().0) - tokens.iter().sum::<i128>();
    let weights: Vec<i128> = tokens.iter().copied().chain([free.max(0)]).collect();
    let costs = assessment.eligible_cost.map(|cost| spread(cost.micros(), &weights));
    let held = |(index, tokens): (usize, &i128)| Held {
        tokens: Tokens(i64::try_from(*tokens).unwrap_or(i64::MAX)),
        cost: costs.as_ref().map(|costs| Usd::from_micros(costs[index])),
    };
    tokens.iter().enumerate().map(held).collect()
}

/// The share as a whole number of billionths, for [`spread`].
fn weight(blocker: &Blocker) -> i128 {
    (blocker.share * Decimal::from(1_000_000_000)).to_i128().unwrap_or_default().max(0)
}

/// What the blockers hold of all workloads, most tokens first; those that hold nothing are left
/// out.
pub fn blockers(report: &Report) -> Vec<BlockerTotals> {
    let mut totals: BTreeMap<(&'static str, Effect), (BlockerTotals, Tokens)> = BTreeMap::new();
    for workload in &report.workloads {
        for (blocker, held) in workload.assessment.blockers.iter().zip(held(workload)) {
            if held.tokens == Tokens(0) {
                continue;
            }
            let (total, most) = totals.entry((blocker.name, blocker.effect)).or_insert_with(|| {
                let total = BlockerTotals {
                    name: blocker.name,
                    effect: blocker.effect,
                    workloads: 0,
                    tokens: Tokens(0),
                    cost: None,
                    example: String::new(),
                };
                (total, Tokens(0))
            });
            total.workloads += 1;
            total.tokens += held.tokens;
            total.cost = match (total.cost, held.cost) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
            if held.tokens > *most {
                *most = held.tokens;
                total.example.clone_from(&blocker.sentence);
            }
        }
    }
    let mut totals: Vec<BlockerTotals> = totals.into_values().map(|(total, _)| total).collect();
    // The map hands them over by name, and the sort is stable.
    totals.sort_by_key(|total| std::cmp::Reverse(total.tokens));
    totals
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn blockers_hold_exactly_what_is_blocked_or_needs_a_pilot() {
        for workload in &example::report().workloads {
            let held = held(workload);
            let assessment = &workload.assessment;
            for (effect, total) in
                [(Effect::Blocked, assessment.blocked), (Effect::NeedsPilot, assessment.pilot)]
            {
                let sum: Tokens = assessment
                    .blockers
                    .iter()
                    .zip(&held)
                    .filter(|(blocker, _)| blocker.effect == effect)
                    .map(|(_, held)| held.tokens)
                    .sum();
                assert_eq!(sum, total.total(), "{}", workload.key.caller);
            }
        }
    }

    #[test]
    fn the_largest_blocker_comes_first_with_its_money() {
        let totals = blockers(&example::report());
        let names: Vec<_> = totals.iter().map(|total| (total.name, total.tokens.0)).collect();
        assert_eq!(names, [("guardrail", 60_000_000), ("no_batch_price", 30_000_000)]);
        assert_eq!(totals[0].cost, Some(example::usd("360")));
        assert!(totals[0].example.contains("guardrail"));
    }
}
