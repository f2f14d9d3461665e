//! `halfrate audit`: the whole way from a log bucket to priced tables and a summary.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::inputs::{Inputs, Settings, selection};
use super::output::{harmless, print, width};
use super::progress::{Progress, human_bytes};
use super::{Outcome, judging};
use crate::cli::{AuditArgs, SummaryFormat};
use crate::engine::scan::Scanned;
use crate::engine::{EngineError, catalog, merge, scan, session};
use crate::report::{Report, ScanTotals, WorkloadReport, json, tables, text};
use crate::schema::{self, Table};
use crate::source::{LogObject, S3Options, Selection, Source};
use crate::store::dataset::{Dataset, DatasetError};
use crate::store::ledger::{self, LedgerEntry, Reading};
use crate::table::ScanOptions;
use crate::table::source::ScanObject;
use crate::units::Day;
use crate::workload::Window;

/// Runs an audit.
pub(super) async fn run(args: AuditArgs) -> anyhow::Result<Outcome> {
    let Some(report) = audited(&args).await? else { return Ok(Outcome::Complete) };
    summarise(&report, args.format, &args.out)?;
    Ok(if report.complete { Outcome::Complete } else { Outcome::Incomplete })
}

/// Audits and writes the tables; `None` after a dry run, which only tells what it would read.
pub(super) async fn audited(args: &AuditArgs) -> anyhow::Result<Option<Report>> {
    let settings = Settings::load(&args.config)?;
    let limits = settings.config.limits.clone();
    let s3 = S3Options::from(&args.s3);
    let wanted = selection(&args.selection, limits.late_hours)?;
    let progress = Progress::new();
    let inputs = Inputs::list(&args.sources, &s3, &wanted, &progress).await?;
    if args.dry_run {
        progress.finish();
        dry_run(&inputs, &args.out)?;
        return Ok(None);
    }
    if inputs.objects.is_empty() {
        bail!(nothing_found(&inputs));
    }
    let out = Source::create(&args.out, &s3).await?;
    let session = session::session(&limits, inputs.sources.iter().chain([&out]))?;
    let options = scan_options(args, &wanted, &settings);
    progress.begin_reading(inputs.objects.iter().map(|(_, object)| object.size).sum());
    let objects = inputs.scan_objects()?;
    let on_object = |object: &ScanObject, reading: &Reading| progress.read(object, reading);
    let mut scanned = scan::run(&session, &objects, &options, on_object).await?;
    let entries = ledger_entries(&inputs, std::mem::take(&mut scanned.readings));
    let totals = totals(&inputs, &entries);
    // Before the first write: an audit of nothing leaves an earlier one as it is.
    if totals.rows == totals.outside_window && totals.rejects == 0 {
        bail!(nothing_counts(&totals));
    }

    progress.doing("merging");
    let mut dataset = Dataset::new(out);
    let seen = write_facts(&session, scanned, &entries, &mut dataset).await?;
    let window = window(&options, seen, &entries).with_context(|| nothing_counts(&totals))?;
    dataset.fill_empty(window.to).await?;
    // Before anything is read back: days that only an earlier audit had would count again.
    dataset.remove_others().await?;
    catalog::register(&session, &dataset)?;

    progress.doing("judging");
    let workloads = judging::workloads(&session, &window, &settings).await?;
    check_nothing_lost(&totals, &workloads)?;
    let max_rate = args.max_reject_rate.unwrap_or_else(|| default_rate(&settings));
    let report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_at: run_at(),
        sources: args.sources.clone(),
        parameters: parameters(args, max_rate),
        window,
        config_text: settings.config_text,
        prices_text: settings.prices_text,
        price_book: settings.book.date_line(),
        complete: is_complete(&totals, max_rate),
        scan: totals,
        workloads,
    };
    progress.doing("writing");
    write_report(&mut dataset, &report).await?;
    progress.finish();
    Ok(Some(report))
}

/// Every row inside the window was read back as a call of some workload.
fn check_nothing_lost(totals: &ScanTotals, workloads: &[WorkloadReport]) -> anyhow::Result<()> {
    let calls: i64 = workloads.iter().map(|workload| workload.total.requests).sum();
    let expected = totals.rows - totals.outside_window;
    if calls != expected as i64 {
        bail!("counts do not add up: {expected} rows in the window, {calls} calls in the tables");
    }
    Ok(())
}

fn scan_options(args: &AuditArgs, wanted: &Selection, settings: &Settings) -> ScanOptions {
    ScanOptions {
        group_by: args.group_by.clone(),
        from: wanted.from,
        to: wanted.to,
        long_context: settings.book.long_context_thresholds().into_iter().collect(),
        ..ScanOptions::new(settings.config.limits.clone())
    }
}

fn summarise(report: &Report, format: SummaryFormat, out: &str) -> anyhow::Result<()> {
    match format {
        SummaryFormat::Text => print(&text::render(report, width()))?,
        SummaryFormat::Json => print(&json::render(report))?,
    }
    eprintln!("Tables: {out}");
    if !report.complete {
        eprintln!(
            "Incomplete: {} objects could not be read, {} records were rejected; see the tables \
             objects and rejects.",
            report.scan.unreadable, report.scan.rejects
        );
    }
    Ok(())
}

fn dry_run(inputs: &Inputs, out: &str) -> anyhow::Result<()> {
    let bytes: u64 = inputs.objects.iter().map(|(_, object)| object.size).sum();
    let count = inputs.objects.len();
    let mut told = format!("Would read {count} objects, {}, into {out}\n", human_bytes(bytes));
    for (reason, count) in &inputs.skipped {
        told.push_str(&format!("Would skip {count}: {reason}\n"));
    }
    for (source, object) in &inputs.objects {
        told.push_str(&format!(
            "{}\t{}\n",
            object.size,
            inputs.sources[*source].locate(&object.path)
        ));
    }
    print(&harmless(&told))
}

fn nothing_found(inputs: &Inputs) -> String {
    /// Prefixes told; more would hide the remedy.
    const TOLD: usize = 8;
    let mut message = String::from("no log objects found; looked at:");
    for name in inputs.looked_at.iter().take(TOLD) {
        message.push_str(&format!("\n  {name}"));
    }
    if inputs.looked_at.len() > TOLD {
        message.push_str(&format!("\n  and {} more", inputs.looked_at.len() - TOLD));
    }
    for (reason, count) in &inputs.skipped {
        message.push_str(&format!("\nskipped {count}: {reason}"));
    }
    message.push_str(
        "\nName the folder or prefix above AWSLogs/, and check --from, --to, --account and \
         --log-region",
    );
    message
}

fn nothing_counts(totals: &ScanTotals) -> String {
    format!(
        "no records in {} objects ({} were rejected, {} lie outside the window); check --from and \
         --to, and that this is a folder of model-invocation logs",
        totals.objects, totals.rejects, totals.outside_window
    )
}

fn ledger_entries(inputs: &Inputs, readings: Vec<Reading>) -> Vec<LedgerEntry> {
    let entry = |((source, object), reading): (&(usize, LogObject), Reading)| LedgerEntry {
        source: inputs.sources[*source].name.clone(),
        object: object.clone(),
        reading,
    };
    inputs.objects.iter().zip(readings).map(entry).collect()
}

fn totals(inputs: &Inputs, entries: &[LedgerEntry]) -> ScanTotals {
    let sum = |of: fn(&LedgerEntry) -> u64| entries.iter().map(of).sum();
    ScanTotals {
        objects: entries.len() as u64,
        unreadable: sum(|entry| u64::from(entry.reading.error.is_some())),
        bytes: sum(|entry| entry.object.size),
        inflated_bytes: sum(|entry| entry.reading.inflated_bytes),
        records: sum(|entry| entry.reading.records),
        rows: sum(|entry| entry.reading.rows),
        rejects: sum(|entry| entry.reading.rejected),
        duplicates: sum(|entry| entry.reading.duplicates),
        outside_window: sum(|entry| entry.reading.outside_window),
        skipped: inputs.skipped.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
    }
}

/// An error while merged rows are being written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

/// Writes `usage`, `sizes`, `objects` and `rejects`; returns the first and last day of usage.
async fn write_facts(
    session: &SessionContext,
    scanned: Scanned,
    entries: &[LedgerEntry],
    dataset: &mut Dataset,
) -> anyhow::Result<Option<(Day, Day)>> {
    let mut seen: Option<(Day, Day)> = None;
    merge::run(session, scanned, async |table, day, rows| -> Result<(), WriteError> {
        seen = Some(seen.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        dataset.append(table, day, &rows).await?;
        Ok(())
    })
    .await?;
    dataset.close().await?;
    for (name, days) in
        [("objects", ledger::objects(entries)?), ("rejects", ledger::rejects(entries)?)]
    {
        for (day, rows) in days {
            dataset.write(find(name)?, Some(day), &[rows]).await?;
        }
    }
    Ok(seen)
}

/// What was asked for, or else what the records span, or else (with nothing but rejects) the objects.
fn window(
    options: &ScanOptions,
    seen: Option<(Day, Day)>,
    entries: &[LedgerEntry],
) -> Option<Window> {
    let unread = |entry: &&LedgerEntry| entry.reading.rejected > 0;
    let days = || entries.iter().filter(unread).map(LedgerEntry::day);
    let (first, last) = seen.or_else(|| days().min().zip(days().max()))?;
    Some(Window { from: options.from.unwrap_or(first), to: options.to.unwrap_or(last) })
}

async fn write_report(dataset: &mut Dataset, report: &Report) -> anyhow::Result<()> {
    for data in tables::batches(report)? {
        for part in data.parts {
            let mut rows = match data.table.name {
                "audits" => earlier_audits(dataset, data.table, report.run_at).await?,
                _ => Vec::new(),
            };
            rows.push(part.batch);
            dataset.write(data.table, part.day, &rows).await?;
        }
    }
    Ok(())
}

/// The audits that the dataset tells of, before `run_at`.
async fn earlier_audits(
    dataset: &Dataset,
    table: &'static Table,
    run_at: i64,
) -> anyhow::Result<Vec<RecordBatch>> {
    let Some(bytes) = dataset.read(table).await? else { return Ok(Vec::new()) };
    let read = || -> anyhow::Result<Vec<RecordBatch>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
        let mut batches = Vec::new();
        for batch in reader {
            batches.push(before(batch?, run_at)?);
        }
        Ok(batches)
    };
    read().context("audits.parquet of an earlier audit cannot be read; move it away")
}

fn before(batch: RecordBatch, run_at: i64) -> anyhow::Result<RecordBatch> {
    use arrow::array::{AsArray, BooleanArray};
    use arrow::datatypes::TimestampMicrosecondType;
    let times = batch
        .column_by_name("run_at")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .context("no column run_at")?;
    let earlier: BooleanArray =
        times.iter().map(|time| Some(time.is_some_and(|t| t < run_at * 1_000_000))).collect();
    Ok(arrow::compute::filter_record_batch(&batch, &earlier)?)
}

fn find(name: &'static str) -> anyhow::Result<&'static Table> {
    schema::table(name).with_context(|| format!("no table {name} in the schema"))
}

fn default_rate(settings: &Settings) -> f64 {
    f64::from(settings.config.limits.max_rejects_per_mille) / 1000.0
}

fn is_complete(totals: &ScanTotals, max_rate: f64) -> bool {
    totals.unreadable == 0 && totals.rejects as f64 <= max_rate * totals.records as f64
}

/// Parameters that change results, in a fixed order.
fn parameters(args: &AuditArgs, max_rate: f64) -> Vec<(String, String)> {
    let date = |date: Option<chrono::NaiveDate>| date.map_or(String::new(), |d| d.to_string());
    [
        ("from", date(args.selection.from)),
        ("to", date(args.selection.to)),
        ("account", args.selection.accounts.join(",")),
        ("log_region", args.selection.log_regions.join(",")),
        ("group_by", args.group_by.join(",")),
        ("max_reject_rate", max_rate.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Seconds since the epoch; `SOURCE_DATE_EPOCH`, the convention of reproducible builds, overrides the clock.
fn run_at() -> i64 {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    told.unwrap_or_else(clock)
}
