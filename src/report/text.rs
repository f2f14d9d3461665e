//! The report as a summary for the terminal.

use super::blind_spots::blind_spots;
use super::blockers::blockers;
use super::figures::{bytes, count, or_unknown, percent, plural, tokens, usd, usd_short};
use super::layout::{Align, Page, escape, fit_middle, pad};
use super::moved::{changes, counted};
use super::totals::{Totals, VerdictTotals, share, usd_share};
use super::{Report, WorkloadReport};
use crate::savings::Effect;
use crate::tolerance::Verdict;
use crate::units::{Tokens, Usd};
use crate::workload::Window;

/// Workloads shown: what fits on a screen with their reasons. The tables have all.
const TOP: usize = 10;

/// Unclear workloads, blockers and assumptions shown.
const TOP_OTHERS: usize = 5;

/// The summary, each line at most `width` columns, a newline at its end.
pub fn render(report: &Report, width: usize) -> String {
    let totals = Totals::of(report);
    let mut page = Page::new(width);
    head(&mut page, report);
    read(&mut page, report);
    spend(&mut page, report, &totals);
    volume(&mut page, report, &totals);
    savings(&mut page, report, &totals);
    moved(&mut page, report);
    workloads(&mut page, report);
    obstacles(&mut page, report);
    unclear(&mut page, report);
    list(&mut page, "Not visible in these logs", &blind_spots(report), usize::MAX);
    list(&mut page, "Assumed", &assumptions(report), TOP_OTHERS);
    page.blank();
    page.paragraph("Prices: ", &report.price_book);
    page.finish()
}

/// Every assumption of every workload once, in the order in which the dearest workloads make them.
pub(super) fn assumptions(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut met = std::collections::BTreeSet::new();
    for workload in &report.workloads {
        for assumption in &workload.assessment.assumptions {
            if met.insert(assumption) {
                all.push(assumption.clone());
            }
        }
    }
    all
}

fn head(page: &mut Page, report: &Report) {
    let window = report.window;
    page.line(&format!(
        "halfrate {}: {} to {} (UTC), {}",
        report.version,
        window.from,
        window.to,
        plural(window.days() as usize, "day"),
    ));
    for source in &report.sources {
        page.line(&format!("  {source}"));
    }
}

fn read(page: &mut Page, report: &Report) {
    let scan = &report.scan;
    page.heading("Read");
    let unreadable = match scan.unreadable {
        0 => "all readable".to_owned(),
        unreadable => format!("{} UNREADABLE", count(unreadable)),
    };
    page.paragraph(
        "  objects  ",
        &format!(
            "{} ({}, {} inflated), {unreadable}",
            count(scan.objects),
            bytes(scan.bytes),
            bytes(scan.inflated_bytes)
        ),
    );
    page.paragraph("  records  ", &reconciliation(report));
    if scan.outside_window > 0 {
        let late = format!(
            "{} of the rows lie outside the window, not counted",
            count(scan.outside_window)
        );
        page.paragraph("           ", &late);
    }
    if !scan.skipped.is_empty() {
        let skipped = |(reason, keys): &(String, u64)| {
            format!("{}: {}", reason.replace('_', " "), count(*keys))
        };
        let skipped: Vec<String> = scan.skipped.iter().map(skipped).collect();
        page.paragraph("  skipped  ", &skipped.join(", "));
    }
    if !report.complete {
        page.paragraph(
            "  INCOMPLETE: ",
            "what is missing is not in the numbers below; tables objects and rejects name it",
        );
    }
}

/// `records = rows + rejects + duplicates`, or what does not add up.
fn reconciliation(report: &Report) -> String {
    let scan = &report.scan;
    let accounted = scan.rows + scan.rejects + scan.duplicates;
    let sum = format!(
        "{} = {} rows + {} rejects + {} duplicates",
        count(scan.records),
        count(scan.rows),
        count(scan.rejects),
        count(scan.duplicates)
    );
    if accounted == scan.records {
        return sum;
    }
    let off = i128::from(scan.records) - i128::from(accounted);
    format!("{sum}: DOES NOT ADD UP, {} unaccounted for", count(off))
}

fn spend(page: &mut Page, report: &Report, totals: &Totals) {
    page.heading("Spend now");
    let month = totals.cost.map(|cost| report.month(cost));
    page.line(&format!(
        "  {} per 30 days ({} in the window)",
        or_unknown(month, usd),
        or_unknown(totals.cost, usd)
    ));
    if totals.unpriced > Tokens(0) {
        page.paragraph(
            "  plus unknown: ",
            &format!(
                "{} tokens of {} have no known rate and are in no amount below",
                tokens(totals.unpriced),
                plural(totals.unpriced_workloads, "workload")
            ),
        );
    }
}

/// Tokens and money by verdict, and the eligible part by what can be done with it.
fn volume(page: &mut Page, report: &Report, totals: &Totals) {
    page.heading("Who waits");
    let all = totals.tokens.total();
    let row = |name: &str, part: Tokens, cost: Option<Usd>| {
        let of_cost = cost.zip(totals.cost).and_then(|(part, whole)| usd_share(part, whole));
        [
            name.to_owned(),
            tokens(part),
            or_unknown(share(part.0 as f64, all.0 as f64), percent),
            or_unknown(cost.map(|cost| report.month(cost)), usd_short),
            or_unknown(of_cost, percent),
        ]
    };
    let part = |name: &str, part: Tokens| {
        let share = or_unknown(share(part.0 as f64, all.0 as f64), percent);
        [name.to_owned(), tokens(part), share, String::new(), String::new()]
    };
    let head = ["", "tokens", "of tokens", "per month", "of cost"].map(str::to_owned);
    let interactive = VerdictTotals::of(report, Verdict::Interactive);
    let unclear = VerdictTotals::of(report, Verdict::Unclear);
    let mut rows = vec![
        head,
        row("nobody (eligible)", totals.eligible, totals.eligible_cost),
        part("  batch now", totals.addressable),
        part("  batch after a pilot", totals.pilot),
        part("  blocked from batch", totals.blocked),
        row("somebody (interactive)", interactive.tokens, interactive.cost),
        row("unclear", unclear.tokens, unclear.cost),
        row("all", all, totals.cost),
    ];
    // Of hybrids only a part is eligible.
    let rest = all - totals.eligible - interactive.tokens - unclear.tokens;
    if rest > Tokens(0) {
        rows.insert(6, part("the rest of hybrids", rest));
    }
    page.columns([Align::Left, Align::Right, Align::Right, Align::Right, Align::Right], &rows);
}

fn savings(page: &mut Page, report: &Report, totals: &Totals) {
    page.heading("Savings per 30 days");
    let Some(range) = totals.savings else {
        page.paragraph("  ", "unknown: no workload has a known rate");
        return;
    };
    let lines = [
        ("low", range.low, "decisive evidence, can move now"),
        ("expected", range.expected, "weighted by probability"),
        ("high", range.high, "if all moved that can be moved"),
    ];
    let rows = lines.map(|(name, amount, meaning)| {
        let left = totals.cost.map(|cost| report.month(cost - amount));
        [
            name.to_owned(),
            usd_short(report.month(amount)),
            or_unknown(totals.savings_share(amount), percent),
            format!("new total {}", or_unknown(left, usd_short)),
            meaning.to_owned(),
        ]
    });
    page.columns([Align::Left, Align::Right, Align::Right, Align::Left, Align::Left], &rows);
}

/// The workloads that moved since the audit before; nothing after a first audit.
fn moved(page: &mut Page, report: &Report) {
    /// Columns beside the caller: what became of it and two amounts, each with the space before it.
    const BESIDE: usize = 2 + 27 + 12 + 12;
    let Some((earlier, changes)) = report.earlier.as_ref().zip(changes(report)) else { return };
    let Window { from, to } = earlier.window;
    page.heading(&format!("Moved since the last audit, which was of {from} to {to}"));
    page.paragraph("  ", &counted(&changes));
    if changes.is_empty() {
        return;
    }
    let room = page.width().saturating_sub(BESIDE);
    let mut rows = vec![["eligible cost per 30 days", "", "then", "now"].map(str::to_owned)];
    rows.extend(changes.iter().take(TOP_OTHERS).map(|change| {
        [
            fit_middle(&escape(&change.key.caller), room),
            change.what(),
            or_unknown(change.before, usd_short),
            or_unknown(change.now, usd_short),
        ]
    }));
    page.columns([Align::Left, Align::Left, Align::Right, Align::Right], &rows);
    more(page, changes.len(), TOP_OTHERS);
}

/// Columns of the table of workloads beside the caller: number, tokens, cost, verdict and savings,
/// each with the space before it.
const BESIDE_CALLER: usize = 5 + 9 + 12 + 13 + 12;

fn workloads(page: &mut Page, report: &Report) {
    if report.workloads.is_empty() {
        page.heading("No workload in the window");
        return;
    }
    let shown = report.workloads.len().min(TOP);
    page.heading(&format!(
        "Workloads by cost ({shown} of {}), savings as expected per 30 days",
        count(report.workloads.len() as i128)
    ));
    let room = page.width().saturating_sub(BESIDE_CALLER);
    let line = |number: &str, caller: &str, [tokens, cost, verdict, savings]: [&str; 4]| {
        let caller = pad(&fit_middle(&escape(caller), room), room, Align::Left);
        format!("{number:>3}  {caller} {tokens:>8}  {cost:>10}  {verdict:<11}  {savings:>10}")
    };
    page.line(&line("", "caller", ["tokens", "per month", "verdict", "savings"]));
    for (number, workload) in (1..).zip(&report.workloads).take(TOP) {
        let assessment = &workload.assessment;
        let month = |amount: Option<Usd>| or_unknown(amount.map(|a| report.month(a)), usd_short);
        let row = [
            &tokens(workload.total.tokens.total()),
            &month(assessment.cost),
            workload.judgement.verdict.as_str(),
            &month(assessment.savings.map(|range| range.expected)),
        ];
        page.line(&line(&number.to_string(), &workload.key.caller, row));
        page.paragraph("     ", &place(workload));
        page.paragraph("     ", &assessment.reason);
    }
    let rest = &report.workloads[shown..];
    if !rest.is_empty() {
        let amount = super::totals::sum_of_known(rest.iter().map(|w| w.assessment.cost));
        page.line(&format!(
            "     and {} more: {} tokens, {} per month",
            count(rest.len() as i128),
            tokens(rest.iter().map(|w| w.total.tokens.total()).sum()),
            or_unknown(amount.map(|amount| report.month(amount)), usd_short)
        ));
    }
}

/// Model, scope, region, operation and tags.
pub(super) fn place(workload: &WorkloadReport) -> String {
    let key = &workload.key;
    let tags = if key.tags.is_empty() { String::new() } else { format!(", {}", key.tags) };
    format!("{} ({}), {}, {}{tags}", key.model, key.scope, key.region, key.operation)
}

fn obstacles(page: &mut Page, report: &Report) {
    let blockers = blockers(report);
    if blockers.is_empty() {
        return;
    }
    page.heading("What stands between eligible tokens and batch");
    for total in blockers.iter().take(TOP_OTHERS) {
        let effect = match total.effect {
            Effect::Blocked => "blocks",
            Effect::NeedsPilot => "needs a pilot for",
        };
        page.paragraph(
            "  - ",
            &format!(
                "{} {effect} {} tokens ({} per month) of {}: {}",
                total.name.replace('_', " "),
                tokens(total.tokens),
                or_unknown(total.cost.map(|cost| report.month(cost)), usd_short),
                plural(total.workloads, "workload"),
                total.example
            ),
        );
    }
    more(page, blockers.len(), TOP_OTHERS);
}

fn unclear(page: &mut Page, report: &Report) {
    let of_unclear = |workload: &&WorkloadReport| workload.judgement.verdict == Verdict::Unclear;
    let mut unclear: Vec<&WorkloadReport> = report.workloads.iter().filter(of_unclear).collect();
    if unclear.is_empty() {
        return;
    }
    // By tokens, not money: an unpriced giant is the first thing to settle. The sort is stable.
    unclear.sort_by_key(|workload| std::cmp::Reverse(workload.total.tokens.total()));
    page.heading("Unclear, and what would settle it");
    for workload in unclear.iter().take(TOP_OTHERS) {
        let cost = workload.assessment.cost.map(|cost| report.month(cost));
        let caller = fit_middle(&escape(&workload.key.caller), page.width() / 2);
        let settle = workload.judgement.settle.as_ref().unwrap_or(&workload.judgement.reason);
        page.bullet(&format!(
            "{caller}: {} tokens, {} per month. {settle}",
            tokens(workload.total.tokens.total()),
            or_unknown(cost, usd_short),
        ));
    }
    more(page, unclear.len(), TOP_OTHERS);
}

fn list(page: &mut Page, title: &str, sentences: &[String], shown: usize) {
    if sentences.is_empty() {
        return;
    }
    page.heading(title);
    for sentence in sentences.iter().take(shown) {
        page.bullet(sentence);
    }
    more(page, sentences.len(), shown);
}

fn more(page: &mut Page, all: usize, shown: usize) {
    if all > shown {
        page.line(&format!("  - and {} more", count((all - shown) as i128)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::layout::width_of;
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        for width in [72, 80, 100, 120, 200] {
            let page = render(&example::report(), width);
            for line in page.lines() {
                assert!(width_of(line) <= width, "{} columns: {line}", width_of(line));
                assert_eq!(line.trim_end(), line);
            }
            assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
        }
    }

    #[test]
    fn the_summary_reads_as_approved() {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!("summary", render(&example::report(), 80));
        });
    }

    #[test]
    fn records_that_do_not_add_up_are_shouted_about() {
        let mut report = example::report();
        assert!(reconciliation(&report).ends_with("205,000 rows + 8 rejects + 2 duplicates"));
        report.scan.rows -= 5;
        assert!(reconciliation(&report).ends_with("DOES NOT ADD UP, 5 unaccounted for"));
    }

    #[test]
    fn nothing_priced_is_unknown_and_nothing_at_all_is_said() {
        let mut report = example::report();
        report.workloads.retain(|workload| workload.assessment.cost.is_none());
        let page = render(&report, 80);
        assert!(page.contains("unknown per 30 days (unknown in the window)"), "{page}");
        assert!(
            page.contains("  all                     50.0 M    100.0 %    unknown  unknown"),
            "{page}"
        );
        assert!(page.contains("unknown: no workload has a known rate"), "{page}");
        report.workloads.clear();
        assert!(render(&report, 80).contains("No workload in the window"));
    }
}
