//! `halfrate report`: the last audit told again from its tables, as text, JSON or one page of HTML.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type};
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::log::tell;
use super::output::{print, width};
use super::{Outcome, explain};
use crate::cli::{ReportArgs, SummaryFormat};
use crate::report::html::{self, Beside, Earlier, Week};
use crate::report::{Report, json, text};
use crate::table::columns::Reader;
use crate::units::{Day, Tokens, Usd};
use crate::workload::Window;

/// Tokens by workload, day and hour.
const WEEK: &str = include_str!("../../queries/audit/week.sql");

/// The last two audits, the latest first.
const LAST_TWO: &str = "SELECT * FROM audits ORDER BY run_at DESC LIMIT 2";

/// Tells the audit again.
pub(super) async fn run(args: ReportArgs) -> anyhow::Result<Outcome> {
    let session = explain::open(&args.data, &args.s3).await?;
    let report = explain::judged(&session, &args.data).await?;
    if let Some(file) = &args.html {
        let earlier = earlier(&session).await?;
        let page =
            html::render(&report, &Beside { earlier, weeks: weeks(&session, &report).await? });
        write(file, &page)?;
    }
    match (args.format, &args.html) {
        (None, Some(_)) => {}
        (Some(SummaryFormat::Json), _) => print(&json::render(&report))?,
        (Some(SummaryFormat::Text) | None, _) => print(&text::render(&report, width()))?,
    }
    Ok(Outcome::Complete)
}

fn write(file: &Path, page: &str) -> anyhow::Result<()> {
    if file == Path::new("-") {
        return print(page);
    }
    fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    tell(&format!("Page: {}", file.display()));
    Ok(())
}

/// The audit before the last one.
async fn earlier(session: &SessionContext) -> anyhow::Result<Option<Earlier>> {
    let batches = session.sql(LAST_TWO).await?.collect().await?;
    let Some(first) = batches.first() else { return Ok(None) };
    let both = arrow::compute::concat_batches(&first.schema(), &batches)?;
    if both.num_rows() < 2 {
        return Ok(None);
    }
    let (now, then) = (both.slice(0, 1), both.slice(1, 1));
    let reader = Reader(&then);
    let count = |name: &str| reader.count(name).map(|column| column.value(0));
    let differs = |names: &[&str]| -> anyhow::Result<bool> {
        for name in names {
            if Reader(&now).text(name)?.value(0) != reader.text(name)?.value(0) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    Ok(Some(Earlier {
        run_at: reader.time("run_at")?.value(0).div_euclid(1_000_000),
        window: Window { from: day(&then, "window_from", 0)?, to: day(&then, "window_to", 0)? },
        workloads: count("workloads")?,
        requests: count("requests")?,
        tokens: Tokens(count("total_tokens")?),
        eligible: Tokens(count("eligible_tokens")?),
        cost_month: money(&then, "cost_month_usd")?,
        savings_month: [
            money(&then, "savings_low_month_usd")?,
            money(&then, "savings_expected_month_usd")?,
            money(&then, "savings_high_month_usd")?,
        ],
        other_prices: differs(&["price_book", "prices"])?,
        other_settings: differs(&["config", "parameters"])?,
    }))
}

fn money(row: &RecordBatch, name: &str) -> anyhow::Result<Option<Usd>> {
    let column = row.column_by_name(name).and_then(|c| c.as_primitive_opt::<Decimal128Type>());
    let column = column.with_context(|| format!("audits has no amount {name}"))?;
    Ok(column.is_valid(0).then(|| Usd::from_micros(column.value(0))))
}

fn day(rows: &RecordBatch, name: &str, row: usize) -> anyhow::Result<Day> {
    let column = rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<Date32Type>());
    Ok(Day(column.with_context(|| format!("no date {name}"))?.value(row)))
}

/// When each workload's tokens run, over the audited window.
async fn weeks(
    session: &SessionContext,
    report: &Report,
) -> anyhow::Result<BTreeMap<String, Week>> {
    let date = |day: Day| ScalarValue::Date32(Some(day.0));
    let frame = session.sql(WEEK).await?;
    let frame = frame.with_param_values(vec![date(report.window.from), date(report.window.to)])?;
    let mut rows = frame.execute_stream().await?;
    let mut weeks: BTreeMap<String, Week> = BTreeMap::new();
    while let Some(batch) = rows.try_next().await? {
        let reader = Reader(&batch);
        let (workload, hour) = (reader.text("workload")?, reader.count("hour")?);
        let tokens = reader.count("tokens")?;
        for row in 0..batch.num_rows() {
            let week = match weeks.get_mut(workload.value(row)) {
                Some(week) => week,
                None => weeks.entry(workload.value(row).to_owned()).or_default(),
            };
            let hour = usize::try_from(hour.value(row)).unwrap_or(usize::MAX);
            week.add(day(&batch, "date", row)?, hour, Tokens(tokens.value(row)));
        }
    }
    Ok(weeks)
}
