//! What the numbers rest on: what is unclear, what is not visible, what was assumed, method and prices.

use maud::{Markup, html};

use super::super::blind_spots::blind_spots;
use super::super::figures::{bytes, count, or_unknown, plural, tokens};
use super::super::text::assumptions;
use super::super::{MONTH_DAYS, Report, WorkloadReport};
use super::money;
use crate::tolerance::Verdict;

/// Unclear workloads told; the table has all.
const UNCLEAR: usize = 10;

pub(super) fn sections(report: &Report) -> Markup {
    html! {
        (unclear(report))
        section #blind-spots {
            h2 { "Not visible in these logs" }
            ul { @for spot in blind_spots(report) { li { (spot) } } }
        }
        (assumed(report))
        (method())
        (provenance(report))
    }
}

fn unclear(report: &Report) -> Markup {
    let is_unclear = |workload: &&WorkloadReport| workload.judgement.verdict == Verdict::Unclear;
    let mut unclear: Vec<&WorkloadReport> = report.workloads.iter().filter(is_unclear).collect();
    if unclear.is_empty() {
        return html! {};
    }
    // By tokens, not money: an unpriced giant is the first thing to settle. The sort is stable.
    unclear.sort_by_key(|workload| std::cmp::Reverse(workload.total.tokens.total()));
    let month = |workload: &WorkloadReport| workload.assessment.cost.map(|cost| report.month(cost));
    html! {
        section #unclear {
            h2 { "Unclear, and what would settle it" }
            ul {
                @for workload in unclear.iter().take(UNCLEAR) {
                    li {
                        strong { (workload.key.caller) } ": " (tokens(workload.total.tokens.total())) " tokens, "
                        (or_unknown(month(workload), money)) " per " (MONTH_DAYS) " days. "
                        (workload.judgement.settle.as_ref().unwrap_or(&workload.judgement.reason))
                    }
                }
            }
            @if unclear.len() > UNCLEAR {
                p { "And " (plural(unclear.len() - UNCLEAR, "smaller one")) ": filter the table for unclear." }
            }
        }
    }
}

fn assumed(report: &Report) -> Markup {
    let assumptions = assumptions(report);
    if assumptions.is_empty() {
        return html! {};
    }
    html! {
        section #assumed {
            h2 { "Assumed" }
            details.data {
                summary { (plural(assumptions.len(), "assumption")) " behind the amounts" }
                ul { @for assumption in &assumptions { li { (assumption) } } }
            }
        }
    }
}

fn method() -> Markup {
    html! {
        section #method {
            h2 { "How it is worked out" }
            p {
                "Whether anybody waits is inferred from who calls and when: runs that keep to the clock, start at the \
                 same time of day, or work through a queue speak for a machine that collects answers later; \
                 streaming, growing conversations and people's identities speak for somebody who waits. Each rule \
                 adds its weight, the log of the odds; a workload is called tolerant only when they add up to \
                 far more than chance explains, because calling traffic tolerant that somebody waits for is the \
                 dear mistake. Prompts and answers are never read for it."
            }
            dl {
                dt { "Low" }
                dd { "decisive evidence, and nothing stands against moving it now" }
                dt { "Expected" }
                dd { "what nobody waits for, weighted by the probability of that and of pilots that are needed" }
                dt { "High" }
                dd { "all that is not known to be waited for and not blocked; an upper bound" }
            }
            p {
                "Amounts per " (MONTH_DAYS) " days scale the audited window; a year is 365 days of it. Batch is priced \
                 by the model's own rates, prompt-cache reads and writes as plain input; flex where the model has it."
            }
        }
    }
}

fn provenance(report: &Report) -> Markup {
    let scan = &report.scan;
    html! {
        section #prices {
            h2 { "Prices and logs" }
            p { "Prices: " (report.price_book) "." }
            @if scan.objects > 0 {
                p {
                    (count(scan.objects)) " log objects (" (bytes(scan.bytes)) ", " (bytes(scan.inflated_bytes))
                    " inflated), " (count(scan.unreadable)) " unreadable. " (count(scan.records)) " records = "
                    (count(scan.rows)) " counted + " (count(scan.rejects)) " rejected + "
                    (count(scan.duplicates)) " duplicates"
                    @if scan.outside_window > 0 {
                        "; " (count(scan.outside_window)) " of the counted lie outside the window"
                    }
                    "."
                }
            }
            @let told: Vec<_> = report.parameters.iter().filter(|(_, value)| !value.is_empty()).collect();
            @if !told.is_empty() {
                p {
                    "Settings: "
                    @for (index, (name, value)) in told.iter().enumerate() {
                        @if index > 0 { ", " }
                        (name.replace('_', " ")) " " code { (value) }
                    }
                    @if !report.config_text.is_empty() { ", and a configuration file" }
                    @if !report.prices_text.is_empty() { ", and a price file of your own" }
                    "."
                }
            }
        }
    }
}
