//! The table of workloads: sortable and filterable, each with its evidence and arithmetic folded in.

use std::collections::BTreeMap;

use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;

use super::super::blockers::held;
use super::super::figures::{UNKNOWN, count, or_unknown, percent, plural, rate, tokens, usd};
use super::super::{MONTH_DAYS, Report, WorkloadReport};
use super::{Week, money};
use crate::savings::{Effect, Line, Mode};
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};

/// Workloads that get a row, the dearest first: more would make the page too large to mail.
pub(super) const SHOWN: usize = 1500;

/// Bytes that all rows together may take, about, so that the page stays below two megabytes. The details of
/// the cheapest workloads go first.
const ROWS_BYTES: usize = 1_600_000;

/// Bytes of a row without its details, about.
const ROW_BYTES: usize = 600;

pub(super) fn section(report: &Report, weeks: &BTreeMap<String, Week>) -> Markup {
    let shown = &report.workloads[..report.workloads.len().min(SHOWN)];
    let mut sources: Vec<String> = Vec::new();
    let mut left = ROWS_BYTES.saturating_sub(shown.len() * ROW_BYTES);
    let mut rows = Vec::with_capacity(shown.len());
    for workload in shown {
        let details = details(report, workload, &mut sources, weeks);
        let size = details.0.len();
        let fits = size <= left;
        left = if fits { left - size } else { 0 };
        rows.push(row(report, workload, fits.then_some(details)));
    }
    let whole = shown.len() == report.workloads.len();
    html! {
        section #workloads {
            h2 { "Workloads" }
            p {
                "A workload is one caller using one model in one way. Dearest first; open one for the evidence and \
                 the arithmetic, whose rates are US dollars per million tokens."
                @if !whole {
                    " The " (count(shown.len() as i64)) " dearest of " (count(report.workloads.len() as i64))
                    "; the table " code { "workloads" } " has all."
                }
            }
            (controls())
            div.scroll tabindex="0" role="region" aria-label="Workloads" {
                table.workloads {
                    (columns())
                    @for row in rows { (row) }
                }
            }
            p.more hidden { button type="button" #all-rows { "Show all" } }
            @if !sources.is_empty() {
                details.data {
                    summary { "Where the rates come from" }
                    ol.sources { @for source in &sources { li { (source) } } }
                }
            }
        }
    }
}

fn controls() -> Markup {
    html! {
        form.controls.needs-script role="search" aria-label="Filter workloads" {
            label for="search" { "Find" }
            input #search type="search" placeholder="caller, model, region, tag" autocomplete="off";
            label for="verdict" { "Verdict" }
            select #verdict {
                option value="" { "any" }
                @for verdict in Verdict::ALL { option value=(verdict.as_str()) { (verdict.as_str()) } }
            }
            label for="mode" { "Recommended" }
            select #mode {
                option value="" { "any" }
                @for mode in [Mode::Batch, Mode::Flex, Mode::OnDemand, Mode::Provisioned, Mode::Unknown] {
                    option value=(mode.as_str()) { (mode.as_str().replace('_', " ")) }
                }
            }
            output #shown for="search verdict mode" {}
        }
    }
}

fn columns() -> Markup {
    let columns = [
        ("caller", "", "caller"),
        ("verdict", "", "verdict"),
        ("recommended", "narrow", "mode"),
        ("tokens", "n narrow", "tokens"),
        ("spend", "n", "cost"),
        ("savings, expected", "n", "savings"),
    ];
    html! {
        thead { tr {
            @for (name, class, key) in columns {
                th scope="col" class=(class) data-key=(key) aria-sort=[(key == "cost").then_some("descending")] {
                    (name)
                }
            }
        } }
    }
}

/// One workload, as a body of its own, so that sorting keeps its rows together.
fn row(report: &Report, workload: &WorkloadReport, details: Option<Markup>) -> Markup {
    let (key, assessment) = (&workload.key, &workload.assessment);
    let verdict = workload.judgement.verdict.as_str();
    let month = |amount: Option<Usd>| amount.map(|amount| report.month(amount));
    let cost = month(assessment.cost);
    let savings = assessment.savings;
    let expected = month(savings.map(|range| range.expected));
    let number = |amount: Option<Usd>| amount.map(|amount| amount.0.round_dp(6).normalize());
    html! {
        tbody data-verdict=(verdict) data-mode=(assessment.mode.as_str())
            data-tokens=(workload.total.tokens.total().0)
            data-cost=[number(cost)] data-savings=[number(expected)] {
            tr {
                th scope="row" {
                    (key.caller)
                    @if !key.tags.is_empty() { span.tag { (key.tags) } }
                    span.place { (key.model) " (" (key.scope) "), " (key.account) ", " (key.region) }
                }
                td { span class={ "badge " (verdict) } { (verdict) } }
                td.narrow { (assessment.mode.as_str().replace('_', " ")) }
                td.n.narrow { (tokens(workload.total.tokens.total())) }
                td.n { (or_unknown(cost, money)) }
                td.n {
                    (or_unknown(expected, money))
                    @if let Some(range) = savings.filter(|range| range.low != range.high) {
                        span.place { (money(report.month(range.low))) " to " (money(report.month(range.high))) }
                    }
                }
            }
            tr.more { td colspan="6" {
                @match details {
                    Some(details) => details { summary { "Evidence and arithmetic" } (details) },
                    None => p.small { (assessment.reason) " " code { "halfrate explain " (key.id()) } },
                }
            } }
        }
    }
}

fn details(
    report: &Report,
    workload: &WorkloadReport,
    sources: &mut Vec<String>,
    weeks: &BTreeMap<String, Week>,
) -> Markup {
    let judgement = &workload.judgement;
    let id = workload.key.id();
    html! {
        div.inside {
            p { (workload.assessment.reason) }
            (evidence(workload))
            @if !judgement.lanes.is_empty() {
                h3 { "Lanes, judged apart" }
                ul { @for lane in &judgement.lanes { li {
                    (lane.name) ": " (lane.verdict.as_str()) "; " (count(lane.activity.requests)) " calls, "
                    (tokens(lane.activity.tokens.total())) " tokens"
                } } }
            }
            (blockers(report, workload))
            (arithmetic(workload, sources))
            @if let Some(settle) = &judgement.settle {
                h3 { "What would settle it" }
                p { (settle) }
            }
            p.small {
                (count(workload.total.requests)) " calls, " (count(workload.total.errors)) " failed, in "
                (count(workload.active_minutes)) " minutes and " (plural(judgement.run_count, "run"))
                "; " (workload.key.operation) ", workload " code { (id) }
                @if weeks.contains_key(&id) { ". " a href="#week" data-week=(id) { "When it runs" } }
            }
        }
    }
}

fn evidence(workload: &WorkloadReport) -> Markup {
    let judgement = &workload.judgement;
    html! {
        h3 { "Evidence: nobody waits with probability " (percent(judgement.probability)) }
        @if judgement.evidence.is_empty() { p { "No rule found evidence either way." } } @else {
            ul.evidence { @for evidence in &judgement.evidence { li {
                span class={ @if evidence.weight < 0.0 { "weight against" } @else { "weight" } } {
                    (format!("{:+.1}", evidence.weight).replace('-', "\u{2212}"))
                }
                " " (evidence.sentence)
                @if evidence.decisive { strong { " Decisive." } }
            } } }
        }
    }
}

fn blockers(report: &Report, workload: &WorkloadReport) -> Markup {
    let blockers = &workload.assessment.blockers;
    let tolerant = matches!(workload.judgement.verdict, Verdict::Tolerant | Verdict::Hybrid);
    if blockers.is_empty() {
        return html! {};
    }
    html! {
        h3 { "What stands between it and batch" }
        ul { @for (blocker, held) in blockers.iter().zip(held(workload)) { li {
            strong { (blocker.name.replace('_', " ")) } " "
            (match (blocker.effect, tolerant) {
                (Effect::Blocked, true) => "blocks ",
                (Effect::NeedsPilot, true) => "needs a pilot for ",
                (Effect::Blocked, false) => "would block ",
                (Effect::NeedsPilot, false) => "would need a pilot for ",
            })
            @if tolerant {
                (tokens(held.tokens)) " tokens ("
                (or_unknown(held.cost.map(|cost| report.month(cost)), money)) " per " (MONTH_DAYS) " days): "
            } @else { (or_unknown(blocker.share.to_f64(), percent)) ": " }
            (blocker.sentence)
        } } }
    }
}

/// Tokens times rate for each way of buying; sources are told once for all workloads.
fn arithmetic(workload: &WorkloadReport, sources: &mut Vec<String>) -> Markup {
    let assessment = &workload.assessment;
    let Some(priced_as) = &assessment.priced_as else {
        return html! {
            h3 { "Cost in the window: " (UNKNOWN) }
            p { "No rate is known for " (workload.key.model) ", which is not the same as free." }
        };
    };
    let modes = [
        ("today", Mode::OnDemand, assessment.cost),
        ("batch", Mode::Batch, assessment.batch_cost),
        ("flex", Mode::Flex, assessment.flex_cost),
    ];
    let lines = |mode: Mode| assessment.lines.iter().filter(move |line| line.mode == mode);
    html! {
        h3 { "Cost of all its tokens in the window, priced as " (priced_as) }
        ul.sum {
            @for (name, mode, total) in modes {
                @if lines(mode).next().is_some() || total.is_some() {
                    li {
                        b { (name) } " "
                        @for (index, line) in lines(mode).enumerate() {
                            @if index > 0 { " + " }
                            (count(line.tokens.0)) " " (line.kind.replace('_', " ")) " × " (rate(line.usd_per_million))
                        }
                        " = " b { (total.map_or_else(|| "no known price".to_owned(), usd)) }
                        " [" (numbers(lines(mode), sources)) "]"
                    }
                } @else {
                    li { b { (name) } " no known price" }
                }
            }
        }
        @let parts = [
            (assessment.addressable.total(), "can move to batch now"),
            (assessment.pilot.total(), "need a pilot"),
            (assessment.blocked.total(), "are blocked"),
        ];
        @if assessment.eligible.total() > Tokens(0) {
            p {
                "Of " (tokens(assessment.eligible.total())) " eligible tokens "
                (parts.iter().filter(|(part, _)| *part > Tokens(0))
                    .map(|(part, what)| format!("{} {what}", tokens(*part)))
                    .collect::<Vec<_>>().join(", ")) "."
            }
        }
    }
}

/// The numbers of the lines' sources in the list below the table, each once.
fn numbers<'l>(lines: impl Iterator<Item = &'l Line>, sources: &mut Vec<String>) -> String {
    let mut numbers: Vec<usize> = Vec::new();
    for line in lines {
        let known = sources.iter().position(|known| *known == line.source);
        let number = known.unwrap_or_else(|| {
            sources.push(line.source.clone());
            sources.len() - 1
        });
        if !numbers.contains(&(number + 1)) {
            numbers.push(number + 1);
        }
    }
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(", ")
}
