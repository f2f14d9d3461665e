//! `halfrate sql`: read-only SQL over an audit's tables or raw logs, once or at a prompt.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::Outcome;
use super::hints::with_tables;
use super::inputs::{Inputs, selection};
use super::log::tell;
use super::memory;
use super::output::{message, print};
use super::progress::Progress;
use super::rows::RowWriter;
use crate::cli::{DEFAULT_OUT, RowFormat, SqlArgs};
use crate::config::Limits;
use crate::engine::gate::{self, GateError};
use crate::engine::{catalog, session};
use crate::schema::cookbook::{COOKBOOK, Recipe, recipe};
use crate::source::{S3Options, Source};
use crate::store::dataset::Dataset;
use crate::table::ScanOptions;
use crate::table::provider::LogTable;
use crate::table::source::{REJECTED, UNREADABLE};

/// Name of the table of raw records.
const INVOCATIONS: &str = "invocations";

/// Runs the statement, the file, or a prompt.
pub(super) async fn run(args: SqlArgs) -> anyhow::Result<Outcome> {
    if args.reports {
        print(&cookbook())?;
        return Ok(Outcome::Complete);
    }
    let report = args.report.as_deref().and_then(recipe);
    if let Some(report) = report.filter(|_| args.show) {
        print(report.sql)?;
        return Ok(Outcome::Complete);
    }
    let session = open(&args).await?;
    memory::bound(args.memory_limit);
    let statement = match (report.map(|report| report.sql.to_owned()).or(args.query), &args.file) {
        (Some(query), _) => query,
        (None, Some(file)) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) if io::stdin().is_terminal() => {
            return prompt(&session, args.format).await;
        }
        (None, None) => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
    };
    if args.format == RowFormat::Parquet && io::stdout().is_terminal() {
        bail!("--format parquet writes a binary file: redirect it, such as > rows.parquet");
    }
    execute(&session, &statement, args.format).await
}

/// The names of the cookbook's reports and what each tells.
fn cookbook() -> String {
    let width = COOKBOOK.iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    let line = |recipe: &Recipe| format!("{:width$}  {}\n", recipe.name, recipe.title());
    COOKBOOK.iter().map(line).collect()
}

/// A session with the tables that the flags name.
async fn open(args: &SqlArgs) -> anyhow::Result<SessionContext> {
    let limits = Limits { query_memory_bytes: args.memory_limit, ..Limits::default() };
    let s3 = S3Options::from(&args.s3);
    let data = match (&args.data, args.logs.is_empty()) {
        (Some(data), _) => Some(data.as_str()),
        (None, true) => Some(DEFAULT_OUT),
        (None, false) => None,
    };
    let data = match data {
        Some(name) => Some(Source::open(name, &s3).await.with_context(|| {
            format!("no audit at {name}; run: halfrate audit SOURCE --out {name}")
        })?),
        None => None,
    };
    let wanted = selection(&args.selection, limits.late_hours)?;
    let progress = Progress::new();
    let inputs = Inputs::list(&args.logs, &s3, &wanted, &progress).await?;
    progress.clear();
    let session = session::session(&limits, inputs.sources.iter().chain(&data))?;
    if let Some(source) = data {
        catalog::register(&session, &Dataset::new(source))?;
    }
    if !args.logs.is_empty() {
        let options = ScanOptions { from: wanted.from, to: wanted.to, ..ScanOptions::new(limits) };
        let keys = inputs.objects.iter().map(|(_, object)| object.key.clone());
        let objects = inputs.scan_objects()?.into_iter().zip(keys).collect();
        let table = LogTable::new(objects, Arc::new(options));
        session.register_table(INVOCATIONS, Arc::new(table))?;
    }
    Ok(session)
}

/// Runs each statement of `text` and prints its rows.
async fn execute(
    session: &SessionContext,
    text: &str,
    format: RowFormat,
) -> anyhow::Result<Outcome> {
    let statements = gate::parse(text)?;
    let mut outcome = Outcome::Complete;
    for statement in statements {
        if one(session, statement, format).await? == Outcome::Incomplete {
            outcome = Outcome::Incomplete;
        }
    }
    Ok(outcome)
}

async fn one(
    session: &SessionContext,
    statement: Statement,
    format: RowFormat,
) -> anyhow::Result<Outcome> {
    let plan = gate::plan(session, statement).await.map_err(|error| match error {
        GateError::Plan(error) => with_tables(error, session),
        error => error.into(),
    })?;
    let frame = session.execute_logical_plan(plan).await?;
    let plan = frame.create_physical_plan().await?;
    let stream = execute_stream(Arc::clone(&plan), session.task_ctx())?;
    let pool = Arc::clone(&session.runtime_env().memory_pool);
    RowWriter::new(format, stream, pool).write_all().await?;
    Ok(unread(plan.as_ref()))
}

/// Tells what a scan of raw logs could not read: an answer without it is not the whole one.
fn unread(plan: &dyn ExecutionPlan) -> Outcome {
    let unreadable = counted(plan, UNREADABLE);
    let rejected = counted(plan, REJECTED);
    if unreadable + rejected == 0 {
        return Outcome::Complete;
    }
    tell(&format!(
        "Incomplete: {unreadable} objects could not be read and {rejected} records were rejected; \
         `halfrate audit` lists them"
    ));
    Outcome::Incomplete
}

fn counted(plan: &dyn ExecutionPlan, metric: &str) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name(metric));
    let below: usize =
        plan.children().into_iter().map(|child| counted(child.as_ref(), metric)).sum();
    own.map_or(0, |value| value.as_usize()) + below
}

/// Reads statements until the end; each ends with a semicolon.
async fn prompt(session: &SessionContext, format: RowFormat) -> anyhow::Result<Outcome> {
    let mut editor = DefaultEditor::new().context("prompt")?;
    let history = history_file();
    if let Some(file) = &history {
        // Without a history file the history begins now.
        let _ = editor.load_history(file);
    }
    print("SQL ends with a semicolon. SHOW TABLES; lists the tables, \\q leaves.\n")?;
    let mut text = String::new();
    loop {
        let sign = if text.is_empty() { "halfrate> " } else { "      ... " };
        match editor.readline(sign) {
            Ok(line) if text.is_empty() && matches!(line.trim(), "\\q" | "exit" | "quit") => break,
            Ok(line) => {
                text.push_str(&line);
                text.push('\n');
            }
            Err(ReadlineError::Interrupted) => text.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("prompt"),
        }
        if text.trim_end().ends_with(';') {
            let statement = std::mem::take(&mut text);
            let _ = editor.add_history_entry(statement.trim());
            if let Err(error) = execute(session, &statement, format).await {
                tell(&message(&error));
            }
        }
    }
    if let Some(file) = &history {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).context("history")?;
        }
        editor.save_history(file).context("history")?;
    }
    Ok(Outcome::Complete)
}

/// `$XDG_STATE_HOME/halfrate/history`, by default below `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?;
    Some(state.join("halfrate").join("history"))
}
