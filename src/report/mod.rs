//! The report: plain data of one finished audit, and its renderings as Parquet, text and JSON.
//!
//! Nothing here scans, judges or prices; nothing here opens a file.

pub mod blind_spots;
pub mod blockers;
pub mod evaluation;
pub mod explain;
mod figures;
pub mod html;
pub mod json;
mod layout;
pub mod metrics;
pub mod moved;
mod spread;
pub mod tables;
pub mod text;
pub mod totals;

#[cfg(test)]
pub(crate) mod example;

use rust_decimal::Decimal;

use crate::savings::Assessment;
use crate::tolerance::{Judgement, lanes};
use crate::units::{Day, Minute, Usd};
use crate::workload::{Activity, TokenCounts, Window, Workload, WorkloadKey};

/// Days of the month that amounts are scaled to. Calendar months differ; thirty is what a reader
/// expects of "per month" and what the price of a reserved month assumes.
pub const MONTH_DAYS: i64 = 30;

/// One judged and priced workload.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadReport {
    /// Which workload.
    pub key: WorkloadKey,
    /// Sums over the window.
    pub total: Activity,
    /// Sums by day, ascending, active days only. They add up to `total.tokens`.
    pub days: Vec<(Day, TokenCounts)>,
    /// Eligible tokens of each of `days`, in the same order. They add up to `assessment.eligible`.
    pub eligible_days: Vec<TokenCounts>,
    /// Minutes with at least one call.
    pub active_minutes: i64,
    /// First active minute.
    pub first: Minute,
    /// Last active minute.
    pub last: Minute,
    /// The verdict and its evidence.
    pub judgement: Judgement,
    /// The money.
    pub assessment: Assessment,
    /// Batch jobs that each of `judgement.candidates` needs under the quotas, in the same order. Empty
    /// where the workload cannot be jobs.
    pub run_jobs: Vec<i64>,
}

impl WorkloadReport {
    /// The report on `workload`, or `None` if it was never active, which no scan yields.
    pub fn new(
        workload: &Workload,
        judgement: Judgement,
        assessment: Assessment,
        run_jobs: Vec<i64>,
    ) -> Option<Self> {
        let (first, last) = (workload.minutes.first()?.minute, workload.minutes.last()?.minute);
        let days = by_day(workload);
        let moving = by_day(&lanes::movable(workload, &judgement));
        let eligible = |(day, _): &(Day, TokenCounts)| {
            moving
                .binary_search_by_key(day, |(of, _)| *of)
                .map_or_else(|_| TokenCounts::default(), |at| moving[at].1)
        };
        Some(Self {
            key: workload.key.clone(),
            total: workload.total(),
            eligible_days: days.iter().map(eligible).collect(),
            days,
            active_minutes: workload.minutes.len() as i64,
            first,
            last,
            judgement,
            assessment,
            run_jobs,
        })
    }
}

/// Tokens by day, ascending, active days only.
fn by_day(workload: &Workload) -> Vec<(Day, TokenCounts)> {
    let mut days: Vec<(Day, TokenCounts)> = Vec::new();
    for facts in &workload.minutes {
        match days.last_mut() {
            Some((day, tokens)) if *day == facts.minute.day() => *tokens += facts.activity.tokens,
            _ => days.push((facts.minute.day(), facts.activity.tokens)),
        }
    }
    days
}

/// What the scan read, skipped and could not read. `records = rows + rejects + duplicates`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanTotals {
    /// Objects listed that hold records and lie in the window.
    pub objects: u64,
    /// Of these, objects that could not be read at all (denied, vanished, corrupt).
    pub unreadable: u64,
    /// Bytes fetched, compressed.
    pub bytes: u64,
    /// Bytes after inflating.
    pub inflated_bytes: u64,
    /// Records met, good or bad.
    pub records: u64,
    /// Records that count.
    pub rows: u64,
    /// Records that could not be read.
    pub rejects: u64,
    /// Records whose request id was met before.
    pub duplicates: u64,
    /// The part of `rows` outside the audited window (late or early delivery): read, not counted in
    /// usage.
    pub outside_window: u64,
    /// Keys that were skipped, by reason (`sidecar`, `permission_check`, `foreign`,
    /// `outside_window`).
    pub skipped: Vec<(String, u64)>,
}

/// One finished audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Version of halfrate.
    pub version: String,
    /// Seconds since the epoch when the audit ran; from the caller, because nothing here reads a
    /// clock.
    pub run_at: i64,
    /// What was read, as the user named it.
    pub sources: Vec<String>,
    /// Parameters that change results, as `name=value`, in a fixed order.
    pub parameters: Vec<(String, String)>,
    /// Audited window.
    pub window: Window,
    /// Text of the `halfrate.toml` in force; empty without one.
    pub config_text: String,
    /// Text of the user's price file; empty without one.
    pub prices_text: String,
    /// Names and dates of the price lists in force.
    pub price_book: String,
    /// What was read.
    pub scan: ScanTotals,
    /// Every workload, dearest first (unpriced by tokens after the priced, then by key).
    pub workloads: Vec<WorkloadReport>,
    /// Whether no object was unreadable and rejects stayed under the limit; else the exit code is
    /// 3.
    pub complete: bool,
    /// The audit before this one in the same place; `None` for the first, and where nobody asked.
    pub earlier: Option<moved::Earlier>,
}

impl Report {
    /// An amount of the window, scaled to a month of [`MONTH_DAYS`].
    pub fn month(&self, amount: Usd) -> Usd {
        month(amount, &self.window)
    }
}

/// An amount of a window, scaled to a month of [`MONTH_DAYS`].
fn month(amount: Usd, window: &Window) -> Usd {
    Usd(amount.0 * Decimal::from(MONTH_DAYS) / Decimal::from(window.days()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Tokens;
    use crate::workload::{MinuteFacts, SizeHistogram};

    #[test]
    fn a_workload_is_summed_by_utc_day() {
        let like = example::report().workloads.remove(0);
        let minute = |minute, input| {
            let tokens = TokenCounts { input: Tokens(input), ..TokenCounts::default() };
            let activity = Activity { requests: 1, tokens, ..Activity::default() };
            MinuteFacts { minute: Minute(minute), activity, ..MinuteFacts::default() }
        };
        let mut workload = Workload {
            key: like.key,
            minutes: vec![minute(1438, 5), minute(1439, 6), minute(1440, 7)],
            input_sizes: SizeHistogram::default(),
            output_sizes: SizeHistogram::default(),
        };
        let new = |workload: &Workload| {
            WorkloadReport::new(workload, like.judgement.clone(), like.assessment.clone(), vec![])
        };
        let report = new(&workload).unwrap();
        let days: Vec<_> =
            report.days.iter().map(|(day, tokens)| (day.0, tokens.input.0)).collect();
        assert_eq!(days, [(0, 11), (1, 7)]);
        assert_eq!(
            (report.first, report.last, report.active_minutes),
            (Minute(1438), Minute(1440), 3)
        );
        workload.minutes.clear();
        assert_eq!(new(&workload), None);
    }

    #[test]
    fn a_month_has_thirty_days_whatever_the_window() {
        let mut report = example::report();
        assert_eq!(report.month(example::usd("90")), example::usd("90"));
        report.window.to = Day(report.window.from.0 + 6);
        assert_eq!(report.month(example::usd("7")), example::usd("30"));
    }
}
