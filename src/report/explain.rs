//! One workload explained: something to forward to the owner of a service.

use rust_decimal::prelude::ToPrimitive;

use super::blockers::held;
use super::figures::{count, or_unknown, percent, plural, rate, tokens, usd};
use super::layout::{Align, Page};
use super::text::place;
use super::totals::usd_share;
use super::{Report, WorkloadReport};
use crate::savings::{Effect, Mode, Range};
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};

/// Who it is, the verdict with its evidence, the arithmetic and what to do, each line at most
/// `width` columns.
pub fn explain(report: &Report, workload: &WorkloadReport, width: usize) -> String {
    let mut page = Page::new(width);
    who(&mut page, report, workload);
    verdict(&mut page, workload);
    obstacles(&mut page, report, workload);
    arithmetic(&mut page, workload);
    savings(&mut page, report, workload);
    next(&mut page, workload);
    let assumptions = &workload.assessment.assumptions;
    if !assumptions.is_empty() {
        page.heading("Assumed");
        assumptions.iter().for_each(|assumption| page.bullet(assumption));
    }
    page.blank();
    page.paragraph("Prices: ", &report.price_book);
    page.finish()
}

fn who(page: &mut Page, report: &Report, workload: &WorkloadReport) {
    let (key, total) = (&workload.key, &workload.total);
    page.paragraph("", &key.caller);
    page.paragraph("  ", &place(workload));
    let kind = key.caller_kind.as_str().replace('_', " ");
    page.paragraph("  ", &format!("{kind}, account {}, workload {}", key.account, key.id()));
    let window = report.window;
    page.paragraph(
        "  ",
        &format!(
            "{} to {} (UTC): {} calls, {} failed, {} streaming; active in {} minutes and {}, \
             from {} to {}",
            window.from,
            window.to,
            count(total.requests),
            count(total.errors),
            count(total.streaming),
            count(workload.active_minutes),
            plural(workload.judgement.run_count, "run"),
            workload.first,
            workload.last,
        ),
    );
    let kinds = [
        ("input", total.tokens.input),
        ("cache read", total.tokens.cache_read),
        ("cache write", total.tokens.cache_write),
        ("output", total.tokens.output),
    ];
    let used = kinds.iter().filter(|(_, number)| *number > Tokens(0));
    let kinds: Vec<String> =
        used.map(|(kind, number)| format!("{} {kind}", tokens(*number))).collect();
    let all = tokens(total.tokens.total());
    let detail = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    page.paragraph("  ", &format!("{all} tokens{detail}"));
}

fn verdict(page: &mut Page, workload: &WorkloadReport) {
    let judgement = &workload.judgement;
    let meaning = match judgement.verdict {
        Verdict::Tolerant => "nobody waits for its answers",
        Verdict::Hybrid => "nobody waits for a part of its answers",
        Verdict::Interactive => "somebody waits for its answers",
        Verdict::Unclear => "the logs do not say whether anybody waits",
    };
    page.heading(&format!("Verdict: {}, {meaning}", judgement.verdict));
    page.paragraph("  ", &judgement.reason);
    page.paragraph(
        "  ",
        &format!(
            "Probability that nobody waits: {} (log-odds {:+.2}{})",
            percent(judgement.probability),
            judgement.score,
            if judgement.decisive { ", carried by decisive evidence" } else { "" }
        ),
    );
    lanes(page, workload);
    if judgement.evidence.is_empty() {
        page.heading("No rule found evidence either way");
        return;
    }
    page.heading("Evidence, in log-odds (above zero: nobody waits; below: somebody does)");
    for evidence in &judgement.evidence {
        let decisive = if evidence.decisive { " (decisive)" } else { "" };
        let rule = evidence.rule.replace('_', " ");
        page.paragraph(
            &format!("  {:+6.2}  ", evidence.weight),
            &format!("{rule}{decisive}: {}", evidence.sentence),
        );
    }
}

/// The lanes of a hybrid, what each holds and its verdict.
fn lanes(page: &mut Page, workload: &WorkloadReport) {
    if workload.judgement.lanes.is_empty() {
        return;
    }
    page.heading("Lanes, judged apart; only the tolerant ones are eligible");
    for lane in &workload.judgement.lanes {
        let runs = match lane.runs.len() {
            0 => String::new(),
            runs => format!(" in {}", plural(runs, "run")),
        };
        page.bullet(&format!(
            "{}: {}; {} calls{runs}, {} tokens",
            lane.name,
            lane.verdict,
            count(lane.activity.requests),
            tokens(lane.activity.tokens.total()),
        ));
    }
}

fn obstacles(page: &mut Page, report: &Report, workload: &WorkloadReport) {
    let blockers = &workload.assessment.blockers;
    if blockers.is_empty() {
        return;
    }
    page.heading("What stands between it and batch");
    let verdict = workload.judgement.verdict;
    let tolerant = matches!(verdict, Verdict::Tolerant | Verdict::Hybrid);
    for (blocker, held) in blockers.iter().zip(held(workload)) {
        let effect = match (blocker.effect, tolerant) {
            (Effect::Blocked, true) => "blocks",
            (Effect::NeedsPilot, true) => "needs a pilot for",
            (Effect::Blocked, false) => "would block",
            (Effect::NeedsPilot, false) => "would need a pilot for",
        };
        let volume = if tolerant {
            let cost = or_unknown(held.cost.map(|cost| report.month(cost)), usd);
            format!("{} tokens ({cost} per 30 days)", tokens(held.tokens))
        } else {
            or_unknown(blocker.share.to_f64(), percent)
        };
        let name = blocker.name.replace('_', " ");
        page.bullet(&format!("{name} {effect} {volume}: {}", blocker.sentence));
    }
}

fn arithmetic(page: &mut Page, workload: &WorkloadReport) {
    let assessment = &workload.assessment;
    let Some(priced_as) = &assessment.priced_as else {
        page.heading("Cost in the window: unknown");
        let model = &workload.key.model;
        page.paragraph(
            "  ",
            &format!("No rate is known for {model}, which is not the same as free."),
        );
        return;
    };
    page.heading(&format!("Cost of all its tokens in the window, priced as {priced_as}"));
    let mut sources: Vec<&str> = Vec::new();
    let mut rows: Vec<[String; 6]> = Vec::new();
    let modes = [
        ("today", Mode::OnDemand, assessment.cost),
        ("batch", Mode::Batch, assessment.batch_cost),
        ("flex", Mode::Flex, assessment.flex_cost),
    ];
    for (name, mode, total) in modes {
        for line in assessment.lines.iter().filter(|line| line.mode == mode) {
            let source = sources.iter().position(|source| *source == line.source);
            let source = source.unwrap_or_else(|| {
                sources.push(&line.source);
                sources.len() - 1
            });
            rows.push([
                name.to_owned(),
                line.kind.replace('_', " "),
                count(line.tokens.0),
                format!("x {}", rate(line.usd_per_million)),
                format!("= {}", usd(line.amount)),
                format!("[{}]", source + 1),
            ]);
        }
        let total = total.map_or_else(|| "no known price".to_owned(), usd);
        let blank = String::new;
        rows.push([name.to_owned(), "total".into(), blank(), blank(), total, blank()]);
    }
    let right = Align::Right;
    page.columns([Align::Left, Align::Left, right, right, right, Align::Left], &rows);
    page.paragraph("  ", "Rates are US dollars per million tokens:");
    for (number, source) in (1..).zip(sources) {
        page.paragraph(&format!("  [{number}] "), source);
    }
}

fn savings(page: &mut Page, report: &Report, workload: &WorkloadReport) {
    let assessment = &workload.assessment;
    page.heading("Savings per 30 days");
    let (Some(range), Some(cost)) = (assessment.savings, assessment.cost) else {
        page.paragraph("  ", "unknown, because the cost is");
        return;
    };
    if range == Range::default() {
        page.paragraph("  ", "none");
        return;
    }
    let line = |name: &str, amount: Usd| {
        let left = usd(report.month(cost - amount));
        [
            name.to_owned(),
            usd(report.month(amount)),
            or_unknown(usd_share(amount, cost), percent),
            format!("{left} of {} remain", usd(report.month(cost))),
        ]
    };
    page.columns(
        [Align::Left, Align::Right, Align::Right, Align::Left],
        &[line("low", range.low), line("expected", range.expected), line("high", range.high)],
    );
    let eligible = [
        ("can go to batch now", assessment.addressable.total()),
        ("need a pilot", assessment.pilot.total()),
        ("blocked", assessment.blocked.total()),
    ];
    let parts = eligible.iter().filter(|(_, part)| *part > Tokens(0));
    let parts: Vec<String> =
        parts.map(|(name, part)| format!("{} {name}", tokens(*part))).collect();
    if !parts.is_empty() {
        let all = tokens(assessment.eligible.total());
        page.paragraph("  ", &format!("Of {all} eligible tokens: {}.", parts.join(", ")));
    }
}

fn next(page: &mut Page, workload: &WorkloadReport) {
    let mode = workload.assessment.mode.as_str().replace('_', " ");
    page.heading(&format!("Recommended: {mode}"));
    page.paragraph("  ", advice(workload));
    page.heading("What to do");
    for (number, step) in (1..).zip(steps(workload)) {
        page.paragraph(&format!("  {number}. "), &step);
    }
}

/// The reason without the verdict's sentence, which stands further up.
fn advice(workload: &WorkloadReport) -> &str {
    let verdict = workload.judgement.reason.trim().trim_end_matches('.');
    let reason = workload.assessment.reason.trim();
    let said = reason.get(..verdict.len()).is_some_and(|head| head.eq_ignore_ascii_case(verdict));
    let rest = reason.get(verdict.len()..).unwrap_or_default().trim_start_matches('.').trim();
    if said && !rest.is_empty() { rest } else { reason }
}

/// What the owner does next.
fn steps(workload: &WorkloadReport) -> Vec<String> {
    let (judgement, assessment) = (&workload.judgement, &workload.assessment);
    let mut steps = Vec::new();
    if assessment.priced_as.is_none() {
        steps.push(
            "Name the model behind this id: an application profile in halfrate.toml, or a rate of \
             your own with --prices."
                .to_owned(),
        );
    }
    match judgement.verdict {
        Verdict::Interactive => steps.push(
            "Nothing, if that is right. If nobody waits here, say so in halfrate.toml, and the \
             next audit counts it."
                .to_owned(),
        ),
        Verdict::Unclear => {
            steps.extend(judgement.settle.clone());
            steps.push(
                "If you know who waits, say so in halfrate.toml: an owner's word overrides every \
                 rule."
                    .to_owned(),
            );
        }
        Verdict::Tolerant => steps.extend(moves(workload)),
        Verdict::Hybrid => {
            steps.push(
                "Give the tolerant part a role or a requestMetadata tag of its own, so that the \
                 next audit need not tell the two apart by timing."
                    .to_owned(),
            );
            steps.extend(moves(workload));
        }
    }
    steps
}

/// The way of a tolerant workload into its mode.
fn moves(workload: &WorkloadReport) -> Vec<String> {
    let assessment = &workload.assessment;
    let mut steps = Vec::new();
    match assessment.mode {
        Mode::Batch => {
            steps.push(
                "Ask whoever uses the answers whether they may come up to a day later; if not, say \
                 so in halfrate.toml."
                    .to_owned(),
            );
            steps.push(format!(
                "Collect the calls of one run as records in S3, start a batch job with them, and \
                 compare answers and bill with the run before. The whole window needs {}.",
                plural(assessment.jobs.max(0) as usize, "job")
            ));
            if assessment.pilot.total() > Tokens(0) {
                steps.push("Then try the part that needs a pilot; see what stands between.".into());
            }
            steps.push("Move the rest run by run; the next audit shows the difference.".into());
        }
        Mode::Flex => steps.push(
            "Ask for the flex tier in one run's calls, watch how long they take and how many are \
             turned away, and keep it if nobody minds."
                .to_owned(),
        ),
        Mode::Provisioned => steps.push(
            "Compare the hourly price of provisioned throughput with what it costs today."
                .to_owned(),
        ),
        Mode::OnDemand => steps.push(
            "Leave it as it is: nobody waits, but no cheaper way to buy it was found.".to_owned(),
        ),
        Mode::Unknown => {}
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::layout::width_of;
    use super::*;

    #[test]
    fn pages_read_as_approved() {
        let report = example::report();
        let pages = report.workloads.iter().map(|workload| explain(&report, workload, 80));
        let ruler = format!("{}\n", "=".repeat(80));
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!("explain", pages.collect::<Vec<_>>().join(&ruler));
        });
    }

    #[test]
    fn every_kind_of_workload_fits_the_width() {
        for workload in &example::report().workloads {
            for width in [72, 80, 200] {
                let page = explain(&example::report(), workload, width);
                for line in page.lines() {
                    assert!(width_of(line) <= width, "{line}");
                    assert!(!line.ends_with(' ') && !line.ends_with('…'), "{line}");
                }
                assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
            }
        }
    }
}
