//! The waterfall from all traffic to what can move now, with everything that stands between.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::super::blockers::blockers;
use super::super::figures::{or_unknown, percent, tokens};
use super::super::totals::{Totals, VerdictTotals, share, sum_of_known, usd_share};
use super::super::{MONTH_DAYS, Report};
use super::{money, position};
use crate::savings::Effect;
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};

/// One bar: what is left, or what goes.
struct Step {
    name: String,
    about: String,
    class: &'static str,
    tokens: Tokens,
    cost: Option<Usd>,
    /// Whether it is what is left at this point; otherwise it is taken off.
    level: bool,
}

pub(super) fn section(report: &Report, totals: &Totals) -> Markup {
    let steps = steps(report, totals);
    let by_cost = totals.cost.is_some_and(|cost| cost > Usd::ZERO);
    let what = if by_cost { "spend" } else { "tokens" };
    html! {
        section #waterfall {
            h2 { "From all traffic to what can move now" }
            p {
                "Bars show " (what) ". Each step takes off what stays where it is; what is left at the end can \
                 go to batch as it is. Flex, where a model has it, takes calls as they are."
            }
            div.scroll tabindex="0" role="region" aria-label="From all traffic to what can move" {
                table.figures.waterfall {
                    thead { tr {
                        th scope="col" { "step" }
                        th.bar scope="col" { span.vh { "bar" } }
                        th.n.narrow scope="col" { "tokens" }
                        th.n.narrow scope="col" { "share" }
                        th.n scope="col" { "per " (MONTH_DAYS) " days" }
                    } }
                    tbody { (rows(report, totals, &steps, by_cost)) }
                }
            }
        }
    }
}

fn rows(report: &Report, totals: &Totals, steps: &[Step], by_cost: bool) -> Markup {
    let size = |step: &Step| {
        if by_cost {
            step.cost
                .zip(totals.cost)
                .and_then(|(part, whole)| usd_share(part, whole))
                .unwrap_or(0.0)
        } else {
            share(step.tokens.0 as f64, totals.tokens.total().0 as f64).unwrap_or(0.0)
        }
    };
    let mut left = 1.0;
    let bars: Vec<(f64, f64)> = steps
        .iter()
        .map(|step| {
            let width = size(step);
            left = if step.level { width } else { left - width };
            (if step.level { 0.0 } else { left }, width)
        })
        .collect();
    html! {
        @for (step, (start, width)) in steps.iter().zip(bars) {
            tr.level[step.level] {
                th scope="row" {
                    @if !step.level { span.minus { "\u{2212} " } }
                    (step.name)
                    @if !step.about.is_empty() { span.about { (step.about) } }
                }
                td.bar { (bar(step.class, start, width)) }
                td.n.narrow { (tokens(step.tokens)) }
                td.n.narrow { (or_unknown(share(step.tokens.0 as f64, totals.tokens.total().0 as f64), percent)) }
                td.n { (or_unknown(step.cost.map(|cost| report.month(cost)), money)) }
            }
        }
    }
}

fn bar(class: &str, start: f64, width: f64) -> Markup {
    let mut svg = String::from(
        "<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">",
    );
    let (x, width) = (position(start), position(width));
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"10\"/></svg>"
    );
    PreEscaped(svg)
}

fn steps(report: &Report, totals: &Totals) -> Vec<Step> {
    let gone = |name: &str, class, tokens, cost| Step {
        name: name.to_owned(),
        about: String::new(),
        class,
        tokens,
        cost,
        level: false,
    };
    let level =
        |name: &str, class, tokens, cost| Step { level: true, ..gone(name, class, tokens, cost) };
    let all = totals.tokens.total();
    let interactive = VerdictTotals::of(report, Verdict::Interactive);
    let unclear = VerdictTotals::of(report, Verdict::Unclear);
    let mut steps = vec![
        level("All traffic", "all", all, totals.cost),
        gone("Somebody waits", "interactive", interactive.tokens, interactive.cost),
    ];
    // Of hybrids only a part is eligible; unpriced workloads are in no amount.
    let rest = all - totals.eligible - interactive.tokens - unclear.tokens;
    if rest > Tokens(0) {
        let hybrids = || report.workloads.iter().filter(|w| w.judgement.verdict == Verdict::Hybrid);
        let cost = sum_of_known(hybrids().map(|w| {
            w.assessment.cost.zip(w.assessment.eligible_cost).map(|(all, part)| all - part)
        }));
        steps.push(gone("Somebody waits, in hybrids", "interactive", rest, cost));
    }
    if unclear.tokens > Tokens(0) {
        steps.push(gone("Unclear", "unclear", unclear.tokens, unclear.cost));
    }
    steps.push(level("Nobody waits", "eligible", totals.eligible, totals.eligible_cost));
    let mut left = totals.eligible_cost;
    for total in blockers(report) {
        left = left.zip(total.cost).map(|(left, held)| left - held).or(left);
        let effect = match total.effect {
            Effect::Blocked => "blocked",
            Effect::NeedsPilot => "needs a pilot",
        };
        steps.push(Step {
            about: total.example.clone(),
            ..gone(
                &format!("{}: {}", total.name.replace('_', " "), effect),
                if total.effect == Effect::Blocked { "blocked" } else { "pilot" },
                total.tokens,
                total.cost,
            )
        });
    }
    // Blockers hold whole micro-dollars; what that rounding leaves is no money that could move.
    let nothing = totals.addressable == Tokens(0);
    let left = left.map(|left| if nothing { Usd::ZERO } else { left.max(Usd::ZERO) });
    steps.push(level("Can move to batch now", "addressable", totals.addressable, left));
    steps
}
