//! The report as one page of HTML that needs nothing but itself: no network, no font, no library.
//!
//! Templates escape every value; what comes from logs is never part of a script or a style. The page's own
//! content policy lets nothing run but the one script that is part of it, named by its hash, and lets
//! nothing be fetched.

mod days;
mod headline;
mod moved;
mod notes;
mod waterfall;
mod week;
mod workloads;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::figures::{count, plural, usd};
use super::totals::Totals;
use super::{Report, ScanTotals};
use crate::units::{Day, Usd};
use crate::workload::Window;

pub use week::Week;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The page; `weeks` tells when each workload's tokens run, by its id.
pub fn render(report: &Report, weeks: &BTreeMap<String, Week>) -> String {
    let totals = Totals::of(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Bedrock traffic that could wait, " (period(&report.window)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#workloads" { "Skip to the workloads" }
                (head(report))
                main {
                    (headline::cards(report, &totals))
                    (moved::section(report, &totals))
                    (waterfall::section(report, &totals))
                    (days::section(report))
                    (week::section(report, weeks))
                    (workloads::section(report, weeks))
                    (notes::sections(report))
                }
                (foot(report))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Nothing is fetched, and nothing runs but the page's own script.
fn policy() -> String {
    let hash = base64_simd::STANDARD.encode_to_string(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; \
         form-action 'none'"
    )
}

fn head(report: &Report) -> Markup {
    let days = plural(report.window.days() as usize, "day");
    html! {
        header.top {
            p.brand { "halfrate" }
            h1 { "Bedrock traffic that could wait" }
            p.lead {
                (period(&report.window)) " (" (days) ", UTC)"
                @for source in &report.sources { " · " code { (source) } }
            }
            @if !report.complete {
                p.warning role="note" {
                    strong { "Incomplete. " }
                    (missing(&report.scan))
                    " What is missing is not in the numbers below."
                }
            }
        }
    }
}

fn missing(scan: &ScanTotals) -> String {
    format!(
        "{} could not be read and {} rejected.",
        plural(scan.unreadable as usize, "log object"),
        match scan.rejects {
            1 => "1 record was".to_owned(),
            rejects => format!("{} records were", count(rejects)),
        }
    )
}

fn foot(report: &Report) -> Markup {
    html! {
        footer {
            p {
                "halfrate " (report.version) ", audit of " (moment(report.run_at)) ". Every figure is in the \
                 tables of the audit; " code { "halfrate sql --reports" } " lists the queries that lead \
                 there, " code { "halfrate explain CALLER" } " has one caller's arithmetic."
            }
        }
    }
}

/// Two days with the word between them.
fn period(window: &Window) -> String {
    if window.from == window.to {
        return long_day(window.from);
    }
    format!("{} to {}", long_day(window.from), long_day(window.to))
}

/// `1 October 2026`
fn long_day(day: Day) -> String {
    day.date().format("%-d %B %Y").to_string()
}

/// `2 Oct`
fn short_day(day: Day) -> String {
    day.date().format("%-d %b").to_string()
}

fn moment(seconds: i64) -> String {
    match chrono::DateTime::from_timestamp(seconds, 0) {
        Some(time) => time.format("%-d %B %Y, %H:%M UTC").to_string(),
        None => seconds.to_string(),
    }
}

/// Whole dollars from a thousand on, cents below; what is less than a cent is said to be so.
fn money(amount: Usd) -> String {
    let size = amount.0.abs();
    if size >= Decimal::ONE_THOUSAND {
        super::figures::usd_short(amount)
    } else if size < Decimal::new(1, 2) && !size.is_zero() {
        "<$0.01".to_owned()
    } else {
        usd(amount)
    }
}

/// An amount of the window, scaled to a year of 365 days.
fn year(report: &Report, amount: Usd) -> Usd {
    Usd(amount.0 * Decimal::from(365) / Decimal::from(report.window.days()))
}

/// A share of one as per cent with three decimals, for positions in a drawing.
fn position(share: f64) -> String {
    format!("{:.3}", (share * 100.0).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests;
