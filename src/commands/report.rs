//! `halfrate report`: the last audit told again from its tables, as text, JSON or one page of HTML.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::earlier::earlier;
use super::log::tell;
use super::output::{print, width};
use super::{Outcome, explain};
use crate::cli::{ReportArgs, SummaryFormat};
use crate::report::html::{self, Week};
use crate::report::{Report, json, text};
use crate::table::columns::Reader;
use crate::units::{Day, Tokens};

/// Tokens by workload, day and hour.
const WEEK: &str = include_str!("../../queries/audit/week.sql");

/// Tells the audit again.
pub(super) async fn run(args: ReportArgs) -> anyhow::Result<Outcome> {
    let session = explain::open(&args.data, &args.s3).await?;
    let mut report = explain::judged(&session, &args.data).await?;
    report.earlier = earlier(&session, &report).await?;
    if let Some(file) = &args.html {
        write(file, &html::render(&report, &weeks(&session, &report).await?))?;
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
        let (tokens, days) = (reader.count("tokens")?, reader.date("date")?);
        for row in 0..batch.num_rows() {
            let week = match weeks.get_mut(workload.value(row)) {
                Some(week) => week,
                None => weeks.entry(workload.value(row).to_owned()).or_default(),
            };
            let hour = usize::try_from(hour.value(row)).unwrap_or(usize::MAX);
            week.add(Day(days.value(row)), hour, Tokens(tokens.value(row)));
        }
    }
    Ok(weeks)
}
