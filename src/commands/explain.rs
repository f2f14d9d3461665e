//! `halfrate explain`: one caller's evidence, blockers and arithmetic, computed again from the facts.

use anyhow::{Context, bail};
use arrow::array::AsArray;
use datafusion::prelude::SessionContext;
use serde_json::{Map, Value};

use super::inputs::Settings;
use super::log::tell;
use super::output::{print, width};
use super::{Outcome, judging};
use crate::cli::{ExplainArgs, S3Args, SummaryFormat};
use crate::config::{Limits, glob_matches};
use crate::engine::{catalog, session};
use crate::report::{Report, ScanTotals, WorkloadReport, explain, json};
use crate::source::{S3Options, Source};
use crate::store::dataset::Dataset;
use crate::table::columns::Reader;
use crate::units::Day;
use crate::workload::Window;

/// The audit that was run last.
const LAST_AUDIT: &str = "SELECT * FROM audits ORDER BY run_at DESC LIMIT 1";

/// Callers named in a message when none matches.
const CALLERS_TOLD: usize = 12;

/// Explains every workload that matches.
pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<Outcome> {
    let report = report(&args.data, &args.s3).await?;
    let matching = matching(&report.workloads, &args.caller);
    if matching.is_empty() {
        bail!(no_match(&report.workloads, &args.caller));
    }
    match args.format {
        SummaryFormat::Text => {
            let texts: Vec<String> =
                matching.iter().map(|found| explain::explain(&report, found, width())).collect();
            print(&texts.join("\n"))?;
        }
        SummaryFormat::Json => {
            let found = matching.iter().map(|found| json::of_workload(&report, found));
            let found = Value::Array(found.collect());
            print(&format!("{found:#}\n"))?;
        }
    }
    Ok(Outcome::Complete)
}

/// The last audit's facts, judged and priced again.
pub(super) async fn report(data: &str, s3: &S3Args) -> anyhow::Result<Report> {
    judged(&open(data, s3).await?, data).await
}

/// A session with the tables of the audit at `data`.
pub(super) async fn open(data: &str, s3: &S3Args) -> anyhow::Result<SessionContext> {
    let source = Source::open(data, &S3Options::from(s3)).await?;
    let session = session::session(&Limits::default(), [&source])?;
    catalog::register(&session, &Dataset::new(source))?;
    Ok(session)
}

/// The last audit in the session, judged and priced again. Says so where that gives other figures than the
/// audit told: another version judged then, or a later audit ended before it had judged what it read.
pub(super) async fn judged(session: &SessionContext, data: &str) -> anyhow::Result<Report> {
    let (report, settings, told) = last_audit(session, data).await?;
    let workloads = judging::workloads(session, &report.window, &settings).await?;
    let requests = workloads.iter().map(|workload| workload.total.requests).sum();
    let eligible = workloads.iter().map(|workload| workload.assessment.eligible.total().0).sum();
    let now = Figures { requests, eligible };
    if now != told {
        tell(&format!(
            "Note: judged again by halfrate {} there are {} eligible tokens in {} calls; the last audit \
             (by {}) told {} in {}. Its tables may be of before and after; run: halfrate audit … --out {data}",
            env!("CARGO_PKG_VERSION"),
            now.eligible,
            now.requests,
            report.version,
            told.eligible,
            told.requests,
        ));
    }
    Ok(Report { workloads, ..report })
}

/// What an audit's row tells that judging again must find.
#[derive(PartialEq)]
struct Figures {
    requests: i64,
    eligible: i64,
}

/// What the last audit was run with: the same configuration and prices give the same answer.
async fn last_audit(
    session: &SessionContext,
    data: &str,
) -> anyhow::Result<(Report, Settings, Figures)> {
    let batches = session.sql(LAST_AUDIT).await?.collect().await?;
    let batch = batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .with_context(|| format!("no audit in {data}; run: halfrate audit SOURCE --out {data}"))?;
    let reader = Reader(batch);
    let text = |name: &str| reader.text(name).map(|column| column.value(0).to_owned());
    let day = |name: &str| reader.date(name).map(|column| Day(column.value(0)));
    let settings =
        Settings::of(text("config")?, "of the audit", text("prices")?, "prices of the audit")?;
    let report = Report {
        version: text("version")?,
        run_at: reader.time("run_at")?.value(0).div_euclid(1_000_000),
        sources: serde_json::from_str(&text("sources")?)?,
        parameters: parameters(&text("parameters")?)?,
        window: Window { from: day("window_from")?, to: day("window_to")? },
        config_text: text("config")?,
        prices_text: text("prices")?,
        price_book: text("price_book")?,
        scan: scan_totals(&reader)?,
        workloads: Vec::new(),
        complete: reader.0.column_by_name("complete").is_none_or(|flag| flag.as_boolean().value(0)),
        earlier: None,
    };
    let count = |name: &str| reader.count(name).map(|column| column.value(0));
    let told = Figures { requests: count("requests")?, eligible: count("eligible_tokens")? };
    Ok((report, settings, told))
}

/// The parameters of an audit as its row tells them.
pub(super) fn parameters(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let object: Map<String, Value> = serde_json::from_str(text)?;
    let pairs = object.into_iter().map(|(name, value)| match value {
        Value::String(value) => (name, value),
        other => (name, other.to_string()),
    });
    Ok(pairs.collect())
}

fn scan_totals(reader: &Reader<'_>) -> anyhow::Result<ScanTotals> {
    let count = |name: &str| reader.count(name).map(|column| column.value(0).max(0) as u64);
    let skipped: Map<String, Value> = serde_json::from_str(reader.text("skipped")?.value(0))?;
    Ok(ScanTotals {
        objects: count("objects")?,
        unreadable: count("unreadable")?,
        bytes: count("bytes")?,
        inflated_bytes: count("inflated_bytes")?,
        records: count("records")?,
        rows: count("rows")?,
        rejects: count("rejects")?,
        duplicates: count("duplicates")?,
        outside_window: count("outside_window")?,
        skipped: skipped.into_iter().filter_map(|(why, n)| Some((why, n.as_u64()?))).collect(),
    })
}

/// Workloads by id, by pattern, or by part of the caller's name whatever its case.
fn matching<'r>(workloads: &'r [WorkloadReport], wanted: &str) -> Vec<&'r WorkloadReport> {
    let lower = wanted.to_lowercase();
    let is_wanted = |workload: &&WorkloadReport| {
        let caller = &workload.key.caller;
        workload.key.id() == wanted
            || glob_matches(wanted, caller)
            || caller.to_lowercase().contains(&lower)
    };
    workloads.iter().filter(is_wanted).collect()
}

fn no_match(workloads: &[WorkloadReport], wanted: &str) -> String {
    let mut callers: Vec<&str> = Vec::new();
    for workload in workloads {
        if !callers.contains(&workload.key.caller.as_str()) {
            callers.push(&workload.key.caller);
        }
    }
    let more = callers.len().saturating_sub(CALLERS_TOLD);
    callers.truncate(CALLERS_TOLD);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    format!("no caller matches '{wanted}'; callers are:\n  {}{more}", callers.join("\n  "))
}
