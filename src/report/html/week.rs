//! The heat map of a week: in which hours of which days a workload's tokens run.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::super::Report;
use super::super::figures::{plural, tokens};
use super::workloads::SHOWN;
use crate::units::{Day, Tokens};
use crate::workload::Window;

/// Hours of a week.
const HOURS: usize = 7 * 24;

/// Workloads offered in the list; the page adds another when its row asks for it.
const LISTED: usize = 200;

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One character for each level of the map, zero first: a level is told within the page by one byte.
const LEVELS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Tokens of one workload by hour of the week, UTC, Monday 00:00 first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week {
    hours: [i64; HOURS],
}

impl Default for Week {
    fn default() -> Self {
        Self { hours: [0; HOURS] }
    }
}

impl Week {
    /// Adds tokens of an hour (0 to 23) of `day`; others are left out.
    pub fn add(&mut self, day: Day, hour: usize, tokens: Tokens) {
        if hour < 24 {
            self.hours[weekday(day) * 24 + hour] += tokens.0;
        }
    }

    fn plus(&mut self, other: &Self) {
        for (sum, hour) in self.hours.iter_mut().zip(other.hours) {
            *sum += hour;
        }
    }

    /// Mean tokens of each hour in `window`, which may hold some weekdays more often than others.
    fn means(&self, window: &Window) -> [f64; HOURS] {
        let mut met = [0.0_f64; 7];
        for day in window.from.0..=window.to.0.max(window.from.0) {
            met[weekday(Day(day))] += 1.0;
        }
        let mut means = [0.0; HOURS];
        for (index, (mean, sum)) in means.iter_mut().zip(self.hours).enumerate() {
            *mean = sum as f64 / met[index / 24].max(1.0);
        }
        means
    }

    /// The level of each hour against the busiest; only an hour without tokens is at zero.
    fn levels(&self, window: &Window) -> Vec<usize> {
        let means = self.means(window);
        let most = means.iter().copied().fold(0.0, f64::max);
        let highest = LEVELS.len() - 1;
        let level = |mean: f64| match mean {
            mean if mean <= 0.0 => 0,
            mean => ((mean / most * highest as f64).round() as usize).clamp(1, highest),
        };
        means.into_iter().map(level).collect()
    }
}

/// Days since Monday: 1 January 1970 was a Thursday.
fn weekday(day: Day) -> usize {
    (day.0 + 3).rem_euclid(7) as usize
}

/// The map of all workloads, with a choice of one of them.
pub(super) fn section(report: &Report, weeks: &BTreeMap<String, Week>) -> Markup {
    if weeks.is_empty() {
        return html! {};
    }
    let mut all = Week::default();
    weeks.values().for_each(|week| all.plus(week));
    let busiest = all.means(&report.window).into_iter().fold(0.0, f64::max);
    let first = report.workloads.iter().take(LISTED);
    let listed = first.map(|workload| (workload.key.id(), workload));
    let known = listed.filter(|(id, _)| weeks.contains_key(id));
    html! {
        section #week {
            h2 { "When it runs" }
            p {
                "Mean tokens by hour of the week (UTC), against the busiest hour. Work that nobody waits for tends \
                 to stand in columns or to fill nights; people come in working hours."
            }
            p.controls {
                label for="week-of" { "Workload" }
                select #week-of {
                    option value="" { "all " (plural(report.workloads.len(), "workload")) }
                    @for (id, workload) in known {
                        option value=(id) {
                            (workload.key.caller)
                            @if !workload.key.tags.is_empty() { " [" (workload.key.tags) "]" }
                            " · " (workload.key.model)
                        }
                    }
                }
            }
            (grid(&all.levels(&report.window)))
            p.small {
                "All workloads together: " (tokens(Tokens(busiest.round() as i64))) " tokens in the busiest hour."
            }
            script type="application/json" id="weeks" { (PreEscaped(levels(report, &all, weeks))) }
        }
    }
}

fn grid(levels: &[usize]) -> Markup {
    let per_cent = |level: usize| level * 100 / (LEVELS.len() - 1);
    html! {
        table.heat {
            caption.vh { "Share of the busiest hour, per cent, by day of the week and hour" }
            thead { tr {
                td {}
                @for hour in 0..24 {
                    th scope="col" { span.wide[hour % 6 != 0] { (format!("{hour:02}")) } }
                }
            } }
            tbody {
                @for (day, levels) in WEEKDAYS.iter().zip(levels.chunks(24)) {
                    tr {
                        th scope="row" { abbr title=(day) { (&day[..3]) } }
                        @for level in levels {
                            td style={ "--l:" (per_cent(*level)) } { span { (per_cent(*level)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A JSON object of workload id and levels. Ids are hexadecimal and levels are of [`LEVELS`], so nothing in
/// it could end the script it lies in.
fn levels(report: &Report, all: &Week, weeks: &BTreeMap<String, Week>) -> String {
    let text = |week: &Week| -> String {
        week.levels(&report.window).into_iter().map(|level| char::from(LEVELS[level])).collect()
    };
    let mut members = vec![format!("\"\":\"{}\"", text(all))];
    for workload in report.workloads.iter().take(SHOWN) {
        let id = workload.key.id();
        if let Some(week) = weeks.get(&id) {
            members.push(format!("\"{id}\":\"{}\"", text(week)));
        }
    }
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_its_days_count_once_each() {
        let monday = Day(20_731);
        assert_eq!(monday.to_string(), "2026-10-05");
        let mut week = Week::default();
        week.add(monday, 0, Tokens(100));
        week.add(Day(monday.0 + 7), 0, Tokens(100));
        week.add(Day(monday.0 + 6), 23, Tokens(50));
        week.add(monday, 24, Tokens(1_000_000));
        // Two Mondays, one Sunday.
        let window = Window { from: monday, to: Day(monday.0 + 7) };
        let means = week.means(&window);
        assert_eq!((means[0], means[167]), (100.0, 50.0));
        let levels = week.levels(&window);
        assert_eq!((levels[0], levels[167], levels[1]), (61, 31, 0));
    }

    #[test]
    fn the_least_traffic_is_told_from_none() {
        let mut week = Week::default();
        week.add(Day(0), 5, Tokens(1));
        week.add(Day(0), 6, Tokens(1_000_000));
        let levels = week.levels(&Window { from: Day(0), to: Day(0) });
        assert_eq!((levels[3 * 24 + 5], levels[3 * 24 + 6], levels[0]), (1, 61, 0));
        assert_eq!(Week::default().levels(&Window { from: Day(0), to: Day(6) }), vec![0; HOURS]);
    }
}
