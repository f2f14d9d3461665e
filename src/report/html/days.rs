//! The chart of tokens by day: what nobody waits for, what somebody waits for, and what is not clear.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::super::Report;
use super::super::figures::{or_unknown, percent, tokens};
use super::super::totals::share;
use super::{long_day, position, short_day};
use crate::tolerance::Verdict;
use crate::units::{Day, Tokens};

/// Tokens of one day.
#[derive(Clone, Copy, Default)]
struct Tally {
    eligible: i64,
    interactive: i64,
    unclear: i64,
}

impl Tally {
    fn total(self) -> i64 {
        self.eligible + self.interactive + self.unclear
    }
}

/// Every day of the window, those without calls as zeros.
fn tallies(report: &Report) -> Vec<(Day, Tally)> {
    let (from, to) = (report.window.from.0, report.window.to.0.max(report.window.from.0));
    let mut tallies: Vec<(Day, Tally)> =
        (from..=to).map(|day| (Day(day), Tally::default())).collect();
    for workload in &report.workloads {
        // What a hybrid's lanes leave is its last lane.
        let judgement = &workload.judgement;
        let rest = judgement.lanes.last().map_or(judgement.verdict, |lane| lane.verdict);
        for ((day, all), eligible) in workload.days.iter().zip(&workload.eligible_days) {
            let index = usize::try_from(day.0 - from).ok();
            let Some((_, tally)) = index.and_then(|index| tallies.get_mut(index)) else { continue };
            let (all, eligible) = (all.total().0, eligible.total().0);
            tally.eligible += eligible;
            match rest {
                Verdict::Unclear => tally.unclear += all - eligible,
                _ => tally.interactive += all - eligible,
            }
        }
    }
    tallies
}

/// Class, name and tokens of one part of a bar.
type Part = (&'static str, &'static str, fn(&Tally) -> i64);

/// The three parts, from the bottom up.
const PARTS: [Part; 3] = [
    ("eligible", "nobody waits", |tally| tally.eligible),
    ("interactive", "somebody waits", |tally| tally.interactive),
    ("unclear", "unclear", |tally| tally.unclear),
];

pub(super) fn section(report: &Report) -> Markup {
    let days = tallies(report);
    let top = ceiling(days.iter().map(|(_, tally)| tally.total()).max().unwrap_or_default());
    let (first, last) = (report.window.from, days.last().map_or(report.window.to, |(day, _)| *day));
    let middle = days[days.len() / 2].0;
    html! {
        section #days {
            h2 { "Tokens by day" }
            ul.legend {
                @for (class, name, _) in PARTS { li { span class={ "key " (class) } {} (name) } }
            }
            div.chart role="img" aria-label=(spoken(&days)) {
                div.scale aria-hidden="true" {
                    @for quarter in (0..=4).rev() {
                        span { (tokens(Tokens(top / 4 * quarter))) }
                    }
                }
                (bars(&days, top))
                div.axis aria-hidden="true" {
                    span { (short_day(first)) }
                    @if days.len() > 2 { span { (short_day(middle)) } }
                    @if days.len() > 1 { span { (short_day(last)) } }
                }
            }
            (table(&days))
        }
    }
}

/// What a reader who does not see the chart should know of it.
fn spoken(days: &[(Day, Tally)]) -> String {
    let sum = |pick: fn(&Tally) -> i64| Tokens(days.iter().map(|(_, tally)| pick(tally)).sum());
    let busiest = days.iter().max_by_key(|(_, tally)| tally.total());
    let busiest = busiest.map_or(String::new(), |(day, tally)| {
        format!(" Busiest: {}, {}.", long_day(*day), tokens(Tokens(tally.total())))
    });
    format!(
        "Stacked bars of tokens by day: nobody waits for {}, somebody for {}, {} unclear.{busiest} The \
         table below has every day.",
        tokens(sum(|t| t.eligible)),
        tokens(sum(|t| t.interactive)),
        tokens(sum(|t| t.unclear)),
    )
}

/// The bars, stretched by the page to the width it has.
fn bars(days: &[(Day, Tally)], top: i64) -> Markup {
    let mut svg = String::from(
        "<svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">",
    );
    for quarter in 0..=4 {
        let y = f64::from(quarter) * 25.0;
        let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100\" y1=\"{y}\" y2=\"{y}\"/>");
    }
    let step = 1.0 / days.len() as f64;
    for (index, (day, tally)) in days.iter().enumerate() {
        let x = position((index as f64 + 0.1) * step);
        let width = position(step * 0.8);
        // Only numbers and dates of ours go in here, so nothing needs escaping.
        let _ = write!(svg, "<g><title>{}: ", long_day(*day));
        let parts = PARTS.map(|(_, name, pick)| format!("{} {name}", tokens(Tokens(pick(tally)))));
        let _ = write!(svg, "{}</title>", parts.join(", "));
        let mut below = 0;
        for (class, _, pick) in PARTS {
            let part = pick(tally);
            below += part;
            if part > 0 {
                let y = position(1.0 - below as f64 / top as f64);
                let height = position(part as f64 / top as f64);
                let _ = write!(
                    svg,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
                );
            }
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    PreEscaped(svg)
}

/// The least round number of which a quarter is round too: 1, 2, 4 or 8 times a power of ten.
fn ceiling(most: i64) -> i64 {
    let mut power = 4;
    while power < most {
        for factor in [1, 2, 3, 5] {
            if power * factor >= most {
                return power * factor;
            }
        }
        power *= 10;
    }
    power
}

fn table(days: &[(Day, Tally)]) -> Markup {
    html! {
        details.data {
            summary { "The same as a table" }
            div.scroll tabindex="0" role="region" aria-label="Tokens by day as a table" {
                table.figures {
                    thead { tr {
                        th scope="col" { "day" }
                        @for (_, name, _) in PARTS { th.n scope="col" { (name) } }
                        th.n scope="col" { "all" }
                        th.n scope="col" { "nobody waits, share" }
                    } }
                    tbody {
                        @for (day, tally) in days {
                            tr {
                                th scope="row" { (day.to_string()) }
                                @for (_, _, pick) in PARTS { td.n { (tokens(Tokens(pick(tally)))) } }
                                td.n { (tokens(Tokens(tally.total()))) }
                                td.n { (or_unknown(
                                    share(tally.eligible as f64, tally.total() as f64), percent)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number_above_the_highest_bar() {
        for most in [0, 1, 4, 5, 39, 40, 41, 400, 401, 999, 1_234_567, 8_000_000_001] {
            let top = ceiling(most);
            assert!(top >= most && top % 4 == 0 && (top <= 4 || top < 3 * most), "{most}: {top}");
        }
        assert_eq!((ceiling(700), ceiling(1_300_000)), (800, 2_000_000));
    }
}
