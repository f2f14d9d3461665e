//! What moved since the audit before: its totals beside these, and the workloads that moved most.

use maud::{Markup, html};

use super::super::figures::{count, or_unknown, percent};
use super::super::moved::{Change, Earlier, changes, counted};
use super::super::totals::{Totals, share};
use super::super::{MONTH_DAYS, Report};
use super::{moment, money, period};
use crate::units::Usd;

/// Workloads that get a row: those that a reader asks about.
const TOP: usize = 12;

/// The last audit beside this one.
pub(super) fn section(report: &Report, totals: &Totals) -> Markup {
    html! {
        section #moved {
            h2 { "What moved since the last audit" }
            @match &report.earlier {
                Some(earlier) => (compared(report, totals, earlier)),
                None => p {
                    "This is the first audit in this place. The next one shows here what moved."
                },
            }
        }
    }
}

fn compared(report: &Report, totals: &Totals, earlier: &Earlier) -> Markup {
    let month = |amount: Option<Usd>| amount.map(|amount| report.month(amount));
    let savings = |pick: fn(crate::savings::Range) -> Usd| month(totals.savings.map(pick));
    let now = [savings(|r| r.low), savings(|r| r.expected), savings(|r| r.high)];
    let eligible = share(earlier.eligible.0 as f64, earlier.tokens.0 as f64);
    let names = ["Savings, low", "Savings, expected", "Savings, high"];
    html! {
        (table("What moved", html! {
            (dollars("Spend", earlier.cost_month, month(totals.cost)))
            (shares(eligible, totals.eligible_share()))
            @for (name, (before, now)) in names.iter().zip(earlier.savings_month.iter().zip(now)) {
                (dollars(name, *before, now))
            }
            (counts("Tokens a day", per_day(earlier.tokens.0, earlier.window.days()),
                per_day(totals.tokens.total().0, report.window.days())))
            (counts("Calls a day", per_day(earlier.requests, earlier.window.days()),
                per_day(totals.requests, report.window.days())))
            (counts("Workloads", earlier.workloads, report.workloads.len() as i64))
        }))
        p.small {
            "The last audit ran on " (moment(earlier.run_at)) " over " (period(&earlier.window)) "."
            @if earlier.window == report.window { " It saw the same days." }
            @if earlier.other_prices { " Its prices were others than now." }
            @if earlier.other_settings { " Its settings were others than now." }
        }
        (workloads(report))
    }
}

/// The workloads that moved, the largest movements with a row each.
fn workloads(report: &Report) -> Markup {
    let Some(changes) = changes(report) else {
        return html! {
            p.small { "By workload they do not compare: this version cannot read the settings of then." }
        };
    };
    html! {
        h3 { "By workload" }
        p {
            (counted(&changes))
            " Below is the spend nobody waits for. Both windows are judged on what is known now, each with its \
             own settings."
        }
        @if !changes.is_empty() {
            (table("Workloads that moved", html! {
                @for change in changes.iter().take(TOP) { (workload(change)) }
            }))
        }
        @if changes.len() > TOP {
            p.small { "And " (count((changes.len() - TOP) as i64)) " more, which moved less." }
        }
    }
}

/// Rows under the audit before and this one.
fn table(label: &str, rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.figures {
                thead { tr {
                    th scope="col" { "per " (MONTH_DAYS) " days" }
                    th.n.narrow scope="col" { "last audit" }
                    th.n scope="col" { "this audit" }
                    th.n scope="col" { "change" }
                } }
                tbody { (rows) }
            }
        }
    }
}

fn workload(change: &Change) -> Markup {
    let key = &change.key;
    html! { tr {
        th scope="row" {
            (key.caller)
            @if !key.tags.is_empty() { span.tag { (key.tags) } }
            span.place { (change.what()) }
            span.place { (key.model) " (" (key.scope) "), " (key.account) ", " (key.region) }
        }
        td.n.narrow { (or_unknown(change.before, money)) }
        td.n { (or_unknown(change.now, money)) }
        td.n { (told(change.by())) }
    } }
}

fn per_day(number: i64, days: i64) -> i64 {
    number / days.max(1)
}

fn dollars(name: &str, before: Option<Usd>, now: Option<Usd>) -> Markup {
    let change = before.zip(now).map(|(before, now)| now - before);
    row(name, [or_unknown(before, money), or_unknown(now, money), told(change)])
}

/// A change of dollars, to the cent.
fn told(change: Option<Usd>) -> String {
    or_unknown(change.map(|change| change.0.round_dp(2)), |change| {
        let sign = if change.is_zero() { 0 } else { 1 - 2 * i64::from(change.is_sign_negative()) };
        signed(sign, money(Usd(change.abs())))
    })
}

fn shares(before: Option<f64>, now: Option<f64>) -> Markup {
    let change = before.zip(now).map(|(before, now)| (now - before) * 100.0);
    let told = or_unknown(change, |change| {
        let sign = if change.abs() < 0.05 { 0 } else { change.signum() as i64 };
        signed(sign, format!("{:.1} points", change.abs()))
    });
    row(
        "Nobody waits for, of tokens",
        [or_unknown(before, percent), or_unknown(now, percent), told],
    )
}

fn counts(name: &str, before: i64, now: i64) -> Markup {
    let change = now - before;
    row(name, [count(before), count(now), signed(change.signum(), count(change.abs()))])
}

/// A change with its sign, or a word for none.
fn signed(sign: i64, amount: String) -> String {
    match sign {
        0 => "no change".to_owned(),
        sign if sign > 0 => format!("+{amount}"),
        _ => format!("\u{2212}{amount}"),
    }
}

fn row(name: &str, cells: [String; 3]) -> Markup {
    let [before, now, change] = cells;
    html! { tr { th scope="row" { (name) } td.n.narrow { (before) } td.n { (now) } td.n { (change) } } }
}
