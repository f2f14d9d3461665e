//! The figures that come first.

use maud::{Markup, html};

use super::super::figures::{UNKNOWN, or_unknown, percent, plural, tokens};
use super::super::totals::Totals;
use super::super::{MONTH_DAYS, Report};
use super::{money, year};
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
