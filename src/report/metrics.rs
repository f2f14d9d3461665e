//! Metrics of one run in the Prometheus text format, for the textfile collector of node_exporter.
//!
//! Everything is a gauge of the last run: a scheduled command that ends has no counters to scrape. What
//! a run did not come to know is left out, because unknown is not zero.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::Report;
use super::totals::Totals;
use crate::savings::Range;
use crate::units::Usd;

/// The sample that the next run carries over when it does not succeed.
const LAST_SUCCESS: &str = "halfrate_audit_last_success_timestamp_seconds";

/// What a run has to tell, whether it succeeded or not.
#[derive(Clone, Debug, Default)]
pub struct Metrics<'a> {
    /// Version of halfrate.
    pub version: &'a str,
    /// The process's exit code.
    pub exit_code: u8,
    /// Seconds since the epoch at the end of the run.
    pub ended_at: i64,
    /// The last end with exit code 0, in seconds since the epoch: this one or one before.
    pub last_success_at: Option<i64>,
    /// How long each stage took, in the order in which they ran.
    pub stages: Vec<(&'static str, Duration)>,
    /// Requests to S3 that were tried again, by what they did.
    pub retries: Vec<(&'static str, u64)>,
    /// What this run itself read; none where it did not come to read.
    pub read: Option<Read>,
    /// The report on the window, where the run came to one.
    pub report: Option<&'a Report>,
}

/// What a run read, as against what it found already known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Objects read and committed.
    pub objects: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
    /// Records met in them.
    pub records: u64,
    /// Objects that are still to be read.
    pub left: u64,
}

/// The text of the metrics file.
pub fn render(metrics: &Metrics<'_>) -> String {
    let mut page = Page::default();
    page.one("audit_info", "Version of halfrate that ran", &[("version", metrics.version)], 1);
    page.one(
        "audit_exit_code",
        "Exit code: 0 complete, 1 failed, 3 incomplete",
        &[],
        metrics.exit_code,
    );
    page.one("audit_end_timestamp_seconds", "When the last run ended", &[], metrics.ended_at);
    if let Some(at) = metrics.last_success_at {
        let name = LAST_SUCCESS.trim_start_matches("halfrate_");
        page.one(name, "When a run last ended with exit code 0", &[], at);
    }
    let stages = metrics.stages.iter().map(|(stage, took)| (*stage, took.as_secs_f64()));
    page.all("audit_stage_seconds", "Time by stage of the run", "stage", stages);
    let retries = metrics.retries.iter().copied();
    page.all("audit_retries", "Requests to S3 that were tried again", "request", retries);
    if let Some(read) = metrics.read {
        page.one("audit_read_objects", "Objects this run read", &[], read.objects);
        page.one("audit_read_bytes", "Compressed bytes this run read", &[], read.bytes);
        page.one("audit_read_records", "Records this run met", &[], read.records);
        page.one("audit_left_objects", "Objects this run left to the next", &[], read.left);
    }
    if let Some(report) = metrics.report {
        page.report(report);
    }
    page.text
}

/// When a run last succeeded, by the file that it left.
pub fn last_success(text: &str) -> Option<i64> {
    text.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS)?.trim().parse().ok())
}

/// The text while it grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn one(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, help);
        self.sample(name, labels, value);
    }

    /// One sample for each value of a label; nothing where there are none.
    fn all<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.head(name, help);
        }
        for (of, value) in samples {
            self.sample(name, &[(label, of)], value);
        }
    }

    fn head(&mut self, name: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "# HELP halfrate_{name} {help}.\n# TYPE halfrate_{name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let told: Vec<String> =
            labels.iter().map(|(label, of)| format!("{label}=\"{}\"", escaped(of))).collect();
        let told = if told.is_empty() { String::new() } else { format!("{{{}}}", told.join(",")) };
        let _ = writeln!(self.text, "halfrate_{name}{told} {value}");
    }

    fn report(&mut self, report: &Report) {
        let (scan, totals) = (&report.scan, Totals::of(report));
        let objects =
            [("readable", scan.objects - scan.unreadable), ("unreadable", scan.unreadable)];
        self.all("window_objects", "Log objects of the audited window", "state", objects);
        self.one("window_days", "Days of the audited window", &[], report.window.days());
        self.one("window_bytes", "Compressed bytes of the window's objects", &[], scan.bytes);
        let records =
            [("row", scan.rows), ("reject", scan.rejects), ("duplicate", scan.duplicates)];
        self.all("window_records", "Records of the window's objects", "outcome", records);
        self.one("window_requests", "Requests judged", &[], totals.requests);
        self.one("window_workloads", "Workloads judged", &[], report.workloads.len());
        let tokens = [
            ("all", totals.tokens.total()),
            ("eligible", totals.eligible),
            ("addressable", totals.addressable),
            ("pilot", totals.pilot),
            ("blocked", totals.blocked),
            ("unpriced", totals.unpriced),
        ];
        let tokens = tokens.map(|(part, tokens)| (part, tokens.0));
        self.all(
            "window_tokens",
            "Tokens of the window, by what could happen to them",
            "part",
            tokens,
        );
        if let Some(cost) = totals.cost {
            let help = "Cost of the window's priced tokens, in US dollars per 30 days";
            self.one("month_cost_usd", help, &[], report.month(cost).0);
        }
        if let Some(Range { low, expected, high }) = totals.savings {
            let month = |amount: Usd| report.month(amount).0;
            let savings =
                [("low", month(low)), ("expected", month(expected)), ("high", month(high))];
            let help = "What moving to batch would save, in US dollars per 30 days";
            self.all("month_savings_usd", help, "estimate", savings);
        }
    }
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_run_with_a_report_tells_all() {
        let report = example::report();
        let metrics = Metrics {
            version: "1.2.3",
            ended_at: 1_793_491_200,
            last_success_at: Some(1_793_491_200),
            stages: vec![("list", Duration::from_millis(1500)), ("read", Duration::ZERO)],
            retries: vec![("list", 0), ("get", 7), ("put", 0)],
            read: Some(Read { objects: 3, bytes: 9000, records: 12, left: 0 }),
            report: Some(&report),
            ..Metrics::default()
        };
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!("metrics", render(&metrics));
        });
    }

    #[test]
    fn what_a_failed_run_does_not_know_is_not_told() {
        let text = render(&Metrics { version: "a\"b\\", exit_code: 1, ..Metrics::default() });
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "halfrate_audit_info{version=\"a\\\"b\\\\\"} 1",
                "halfrate_audit_exit_code 1",
                "halfrate_audit_end_timestamp_seconds 0"
            ]
        );
        assert_eq!(last_success(&text), None);
        let text = render(&Metrics { last_success_at: Some(77), ..Metrics::default() });
        assert_eq!(last_success(&text), Some(77));
    }
}
