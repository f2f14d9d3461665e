//! The figures that come first, and what moved since the audit before.

use maud::{Markup, html};

use super::super::figures::{UNKNOWN, count, or_unknown, percent, plural, tokens};
use super::super::totals::{Totals, share};
use super::super::{MONTH_DAYS, Report};
use super::{Earlier, moment, money, period, year};
use crate::units::{Tokens, Usd};

/// Spend, eligible share and savings, as large as they deserve.
pub(super) fn cards(report: &Report, totals: &Totals) -> Markup {
    let month = |amount: Usd| money(report.month(amount));
    let range = totals.savings.map(|range| (range.low, range.high));
    html! {
        section.cards aria-label="Headline" {
            div.card {
                h2 { "Spend now" }
                p.figure { (or_unknown(totals.cost, month)) }
                p { "per " (MONTH_DAYS) " days, at list prices and your discounts" }
                @if let Some(cost) = totals.cost {
                    p.small { (money(cost)) " in the window, " (money(year(report, cost))) " a year" }
                }
                @if totals.unpriced > Tokens(0) {
                    p.small.caution {
                        "Not in it: " (tokens(totals.unpriced)) " tokens of "
                        (plural(totals.unpriced_workloads, "workload")) " without a known rate"
                    }
                }
            }
            div.card {
                h2 { "Nobody waits for" }
                p.figure { (or_unknown(totals.eligible_share(), percent)) }
                p { "of tokens, " (or_unknown(totals.eligible_cost_share(), percent)) " of spend" }
                p.small {
                    (tokens(totals.eligible)) " of " (tokens(totals.tokens.total())) " tokens; "
                    (tokens(totals.addressable)) " can move to batch as they are"
                }
            }
            div.card.accent {
                h2 { "Savings" }
                @match range {
                    Some((low, high)) => {
                        p.figure { (span(month(low), month(high))) }
                        p { "per " (MONTH_DAYS) " days; expected "
                            (or_unknown(totals.savings.map(|range| range.expected), month)) }
                        p.small {
                            (span(money(year(report, low)), money(year(report, high)))) " a year, "
                            (span(share_of(totals, low), share_of(totals, high))) " of spend"
                        }
                    }
                    None => { p.figure { (UNKNOWN) } p { "no workload has a known rate" } }
                }
            }
        }
    }
}

fn share_of(totals: &Totals, amount: Usd) -> String {
    or_unknown(totals.savings_share(amount), percent)
}

/// `low to high`, or one of them where they are the same.
fn span(low: String, high: String) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

/// The last audit beside this one.
pub(super) fn moved(report: &Report, totals: &Totals, earlier: Option<&Earlier>) -> Markup {
    html! {
        section #moved {
            h2 { "What moved since the last audit" }
            @match earlier {
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
        div.scroll tabindex="0" role="region" aria-label="What moved" {
            table.figures {
                thead { tr {
                    th scope="col" { "per " (MONTH_DAYS) " days" }
                    th.n.narrow scope="col" { "last audit" }
                    th.n scope="col" { "this audit" }
                    th.n scope="col" { "change" }
                } }
                tbody {
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
                }
            }
        }
        p.small {
            "The last audit ran on " (moment(earlier.run_at)) " over " (period(&earlier.window)) "."
            @if earlier.window == report.window { " It saw the same days." }
            @if earlier.other_prices { " Its prices were others than now." }
            @if earlier.other_settings { " Its settings were others than now." }
        }
    }
}

fn per_day(number: i64, days: i64) -> i64 {
    number / days.max(1)
}

fn dollars(name: &str, before: Option<Usd>, now: Option<Usd>) -> Markup {
    let change = before.zip(now).map(|(before, now)| (now - before).0.round_dp(2));
    let told = or_unknown(change, |change| {
        let sign = if change.is_zero() { 0 } else { 1 - 2 * i64::from(change.is_sign_negative()) };
        signed(sign, money(Usd(change.abs())))
    });
    row(name, [or_unknown(before, money), or_unknown(now, money), told])
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
