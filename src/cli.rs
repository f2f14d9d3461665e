//! The command line: what can be asked, recorded as given. Nothing here resolves or acts.

mod operations;
mod readers;

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use operations::{LogArgs, LogFormat, LogLevel, OperationArgs};
pub use readers::{
    CompletionsArgs, EvaluateArgs, ExplainArgs, ManArgs, ReportArgs, SchemaArgs, ServeArgs,
};

use operations::bytes;
use readers::{
    COMPLETIONS_EXAMPLES, EVALUATE_EXAMPLES, EXPLAIN_EXAMPLES, MAN_EXAMPLES, REPORT_EXAMPLES,
    SCHEMA_EXAMPLES, SERVE_EXAMPLES, report_name,
};

/// Exit codes, as `--help` tells them.
const EXIT_CODES: &str = "\
Exit codes:
  0  complete
  1  failed; nothing or not everything was written, or a bound of evaluate is missed
  2  wrong usage
  3  finished, but incomplete: unreadable objects, more rejects than --max-reject-rate, or stopped
     by a signal";

/// Finds the Amazon Bedrock traffic that nobody waits for, and what it would cost as batch.
///
/// halfrate reads model-invocation logs from S3 or a folder, infers from each caller's identity and
/// timing whether anybody waits for the answers, and writes Parquet tables of the volume that could run
/// as batch inference with the savings that implies. Prompts and answers are stepped over, never stored.
#[derive(Debug, Parser)]
#[command(name = "halfrate", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Audit logs: read them, judge every workload, price it, write the tables, print a summary.
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(AuditArgs),
    /// Query the tables of an audit, or raw logs, with SQL.
    #[command(after_help = SQL_EXAMPLES)]
    Sql(SqlArgs),
    /// Tell an audit again without reading logs: the summary, or one page of HTML to pass on.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Tell one caller's evidence, blockers and arithmetic, down to the rates used.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Hold verdicts against labels: who was judged rightly, and every mistake with its evidence.
    #[command(after_help = EVALUATE_EXAMPLES)]
    Evaluate(EvaluateArgs),
    /// List the rates that apply, with source and date.
    #[command(after_help = PRICES_EXAMPLES)]
    Prices(PricesArgs),
    /// Make realistic logs from a seed, to try halfrate or to test with.
    #[command(after_help = SIMULATE_EXAMPLES)]
    Simulate(SimulateArgs),
    /// Describe the tables, or declare them to Athena or DuckDB.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Serve an audit's tables over the PostgreSQL protocol, for reading only.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Print completions for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page.
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

/// How S3 is reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "S3")]
pub struct S3Args {
    /// AWS region of the buckets [default: from the environment or profile].
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Profile of the AWS configuration files.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Endpoint of an S3-compatible store, such as <http://127.0.0.1:9000>.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Put the bucket into the host name, for a store at --endpoint-url that wants it there.
    #[arg(long, requires = "endpoint_url")]
    pub virtual_hosted: bool,
    /// Send requests unsigned: for public buckets.
    #[arg(long)]
    pub no_sign_request: bool,
}

/// Which logs to read.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// First day, UTC [default: the beginning].
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub from: Option<NaiveDate>,
    /// Last day, UTC, included [default: the end].
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub to: Option<NaiveDate>,
    /// Only this AWS account (repeatable).
    #[arg(long = "account", value_name = "ID")]
    pub accounts: Vec<String>,
    /// Only logs of this AWS region (repeatable).
    #[arg(long = "log-region", value_name = "REGION")]
    pub log_regions: Vec<String>,
}

/// Where rates and rules come from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Thresholds, overrides, discounts, application profiles [default: halfrate.toml if it exists].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Your own rates, as CSV with the columns of `halfrate prices --format csv`.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

/// How a summary is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SummaryFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

const AUDIT_EXAMPLES: &str = "\
Examples:
  halfrate audit sample-data --out out
  halfrate audit s3://my-logs --out s3://my-reports/bedrock --from 2026-10-01 --to 2026-10-31
  halfrate audit s3://my-logs --group-by metadata.app --format json | jq .totals
  halfrate audit s3://my-logs --out out --rescan 2026-10-05..2026-10-06
  halfrate audit s3://my-logs --out out --deadline 45m --metrics halfrate.prom
  halfrate audit s3://my-logs --dry-run";

/// `halfrate audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Folders, files or s3://bucket/prefix that hold logs.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Folder or s3://bucket/prefix for the tables; what an audit there has read is not read again.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: String,
    /// Split workloads by a requestMetadata key (repeatable).
    #[arg(long, value_name = "metadata.KEY", value_parser = metadata_key)]
    pub group_by: Vec<String>,
    /// Summary on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub format: SummaryFormat,
    /// Share of records that may be unreadable before the exit code is 3, such as 0.001 or 0.1%.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub max_reject_rate: Option<f64>,
    /// Judge this many whole days before the newest day with records, and that day [default: 28; logs of
    /// a month or less are judged whole].
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"])]
    pub window: Option<u32>,
    /// Read the objects of these days again, or `all` that are in the window, from the start.
    #[arg(long, value_name = "FROM..TO", value_parser = rescan)]
    pub rescan: Option<Rescan>,
    /// Count every record, also where a request id is met again.
    #[arg(long)]
    pub no_dedupe: bool,
    /// List what would be read, and stop.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub operation: OperationArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub s3: S3Args,
}

/// What is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescan {
    /// Everything: what was read before is forgotten.
    All,
    /// Objects of these days, both included.
    Days(NaiveDate, NaiveDate),
}

/// Where `audit` writes and the other commands read when nothing is said.
pub const DEFAULT_OUT: &str = "halfrate-out";

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Aligned columns.
    #[default]
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON array of objects.
    Json,
    /// A Parquet file (to a pipe or file, not to a terminal).
    Parquet,
}

const SQL_EXAMPLES: &str = "\
Examples:
  halfrate sql --data out 'SELECT caller, verdict, savings_expected_month_usd FROM workloads'
  halfrate sql --data out --report savings_by_model
  halfrate sql --data out -f report.sql --format csv > report.csv
  halfrate sql --logs s3://my-logs \"SELECT model, count(*) FROM invocations GROUP BY model\"
  halfrate sql --data out        a prompt, on a terminal; SHOW TABLES lists the tables";

/// `halfrate sql`
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// The statement; without it and without -f, a prompt (or standard input, when piped).
    #[arg(value_name = "QUERY", conflicts_with = "file")]
    pub query: Option<String>,
    /// Read the statement from a file.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Run a report of the built-in cookbook; --reports lists them.
    #[arg(long, value_name = "NAME", value_parser = report_name(), hide_possible_values = true,
        conflicts_with_all = ["query", "file"])]
    pub report: Option<String>,
    /// List the reports of the cookbook, and stop.
    #[arg(long, conflicts_with_all = ["query", "file", "report"])]
    pub reports: bool,
    /// Print the report's statement instead of running it.
    #[arg(long, requires = "report")]
    pub show: bool,
    /// Folder or s3://bucket/prefix of an audit [default: halfrate-out, unless --logs is given].
    #[arg(long, value_name = "OUT")]
    pub data: Option<String>,
    /// Raw logs, as the table `invocations` (repeatable).
    #[arg(long, value_name = "SOURCE")]
    pub logs: Vec<String>,
    /// How rows are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: RowFormat,
    /// Memory that a query may hold; sorting and grouping spill to disk before.
    #[arg(long, value_name = "SIZE", default_value = "512MB", value_parser = bytes)]
    pub memory_limit: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub s3: S3Args,
}

/// How rates are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PriceFormat {
    /// Aligned columns.
    #[default]
    Text,
    /// The format that --prices reads.
    Csv,
    /// A JSON array of objects.
    Json,
}

const PRICES_EXAMPLES: &str = "\
Examples:
  halfrate prices sonnet-4-6
  halfrate prices nova --format csv > mine.csv     edit it, then: audit … --prices mine.csv";

/// `halfrate prices`
#[derive(Debug, Args)]
pub struct PricesArgs {
    /// Only models whose id contains this.
    #[arg(value_name = "MODEL")]
    pub model: Option<String>,
    /// Your own rates; they come first.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// How rates are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: PriceFormat,
}

const SIMULATE_EXAMPLES: &str = "\
Examples:
  halfrate simulate logs --days 7
  halfrate simulate logs --scenario company --scale 10 --labels labels.csv";

/// `halfrate simulate`
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Folder to write to; it must be empty or not exist.
    #[arg(value_name = "DIR")]
    pub out: PathBuf,
    /// Which traffic.
    #[arg(long, value_name = "NAME", default_value = "worked-example")]
    pub scenario: String,
    /// Same seed, same bytes [default: the scenario's].
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// First day, UTC.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub from: Option<NaiveDate>,
    /// Number of days.
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Multiplies the number of calls.
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<f64>,
    /// Mean size of a record in bytes.
    #[arg(long, value_name = "BYTES")]
    pub record_bytes: Option<u32>,
    /// Leave bodies out, as with text delivery switched off.
    #[arg(long)]
    pub no_bodies: bool,
    /// Also write who waits: CSV with the columns arn,label.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
}

fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("'{text}' is no date: write YYYY-MM-DD"))
}

fn rescan(text: &str) -> Result<Rescan, String> {
    if text == "all" {
        return Ok(Rescan::All);
    }
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (day(from)?, day(to)?);
    if from > to { Err(format!("{from} lies after {to}")) } else { Ok(Rescan::Days(from, to)) }
}

fn metadata_key(text: &str) -> Result<String, String> {
    match text.strip_prefix("metadata.") {
        Some(key) if !key.is_empty() => Ok(key.to_owned()),
        _ => Err(format!("'{text}' is no requestMetadata key: write metadata.KEY")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent, 0.01),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&(value * unit)) => Ok(value * unit),
        _ => Err(format!("'{text}' is no share from 0 to 1 (or 0% to 100%)")),
    }
}
