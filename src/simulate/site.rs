//! One account and region over time: its workloads' calls in the order of their delivery.

use super::arrivals::Arrivals;
use super::call::Call;
use super::fleet::{Fleet, Member, Quirks};
use super::objects::Delivery;
use super::record::Place;
use super::{Spec, Truth, hours};
use crate::units::Tokens;
use crate::workload::TokenCounts;

const HOUR_MS: i64 = 3_600_000;

/// A second copy comes a little over a minute after the first.
const AGAIN_MS: i64 = 61_000;

/// One workload at work.
struct Desk {
    arrivals: Arrivals,
    budget: Option<Budget>,
    truth: Truth,
}

/// Draws turned into shares of a fixed total: after the last call the shares add up to `target`
/// exactly.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Input and output tokens to give away.
    target: [u64; 2],
    /// What all draws add up to.
    drawn: [u64; 2],
    /// What the draws so far add up to, never above `drawn`.
    seen: [u64; 2],
}

impl Budget {
    fn share(&mut self, tokens: TokenCounts) -> TokenCounts {
        let mut shares = [0i64; 2];
        for (i, count) in [tokens.input, tokens.output].into_iter().enumerate() {
            let given = |seen: u64| {
                let product = u128::from(seen) * u128::from(self.target[i]);
                (product / u128::from(self.drawn[i].max(1))) as i64
            };
            let before = given(self.seen[i]);
            self.seen[i] += count.0 as u64;
            shares[i] = given(self.seen[i]) - before;
        }
        TokenCounts { input: Tokens(shares[0]), output: Tokens(shares[1]), ..tokens }
    }
}

/// Everything that happens in one place.
pub(crate) struct Site {
    desks: Vec<Desk>,
    quirks: Quirks,
    /// Calls not delivered yet, each with its number for a stable order.
    pending: Vec<(u64, Delivery)>,
    /// Calls so far.
    calls: u64,
    /// End of the window, milliseconds: calls later than that do not happen, deliveries are
    /// hastened.
    end_ms: i64,
}

impl Site {
    pub(crate) fn new(spec: &Spec, place: &Place, fleet: &Fleet) -> Self {
        let end_ms = hours(spec).end * HOUR_MS;
        let desks = fleet
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| Desk {
                arrivals: member.arrivals(spec, place, index),
                budget: member.budget.map(|target| {
                    let drawn = drawn(spec, member, member.arrivals(spec, place, index), end_ms);
                    Budget { target: target.into(), drawn, seen: [0; 2] }
                }),
                truth: Truth {
                    name: member.name,
                    account: place.account.clone(),
                    region: place.region.clone(),
                    label: member.label,
                    arns: member.arn_patterns(),
                    requests: 0,
                    errors: 0,
                    tokens: TokenCounts::default(),
                },
            })
            .collect();
        Self { desks, quirks: fleet.quirks, pending: Vec::new(), calls: 0, end_ms }
    }

    /// What is delivered in `hour` (hours since the epoch), in order. Hours must come one after
    /// another.
    pub(crate) fn deliveries(&mut self, hour: i64) -> Vec<Delivery> {
        let mut fresh = Vec::new();
        for desk in &mut self.desks {
            desk.arrivals.hour(hour, &mut fresh);
            for mut call in fresh.drain(..).filter(|call| call.at_ms < self.end_ms) {
                desk.truth.requests += 1;
                match &mut call.outcome {
                    Ok(tokens) => {
                        if let Some(budget) = &mut desk.budget {
                            *tokens = budget.share(*tokens);
                        }
                        desk.truth.tokens += *tokens;
                    }
                    Err(_) => desk.truth.errors += 1,
                }
                let number = self.calls;
                self.calls += 1;
                deliver(call, number, self.quirks, self.end_ms, &mut self.pending);
            }
        }
        self.pending.sort_by_key(|(number, d)| (d.call.delivered_ms, *number));
        let end = (hour + 1) * HOUR_MS;
        let due = self.pending.partition_point(|(_, d)| d.call.delivered_ms < end);
        self.pending.drain(..due).map(|(_, delivery)| delivery).collect()
    }

    /// The truth about each workload so far.
    pub(crate) fn truths(self) -> impl Iterator<Item = Truth> {
        self.desks.into_iter().map(|desk| desk.truth)
    }
}

/// Puts a call and, now and then, a second copy among the pending ones.
fn deliver(
    mut call: Call,
    number: u64,
    quirks: Quirks,
    end_ms: i64,
    pending: &mut Vec<(u64, Delivery)>,
) {
    let strikes = |every: u64| every > 0 && number % every == every / 2;
    if strikes(quirks.late) {
        call.delivered_ms += HOUR_MS + (call.seed % 3_000_000) as i64;
    }
    call.delivered_ms = call.delivered_ms.min(end_ms - 1);
    if strikes(quirks.duplicate) && !call.offloaded {
        let mut copy = call.clone();
        copy.delivered_ms = (call.delivered_ms + AGAIN_MS).min(end_ms - 1);
        pending.push((number, Delivery { call: copy, pretty: false, joined: false, again: true }));
    }
    let (pretty, joined) = (strikes(quirks.pretty), strikes(quirks.joined));
    pending.push((number, Delivery { call, pretty, joined, again: false }));
}

/// What a workload draws in all, before its budget is applied.
fn drawn(spec: &Spec, member: &Member, mut arrivals: Arrivals, end_ms: i64) -> [u64; 2] {
    debug_assert!(!member.template.features.cache, "a budget knows no cached tokens");
    let (mut calls, mut sum) = (Vec::new(), [0; 2]);
    for hour in hours(spec) {
        arrivals.hour(hour, &mut calls);
        for call in calls.drain(..).filter(|call| call.at_ms < end_ms) {
            let tokens = call.outcome.unwrap_or_default();
            sum[0] += tokens.input.0 as u64;
            sum[1] += tokens.output.0 as u64;
        }
    }
    sum
}
