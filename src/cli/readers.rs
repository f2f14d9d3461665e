//! The flags of commands for whoever reads an audit (`report`, `schema`, `serve`) and for the shell
//! (`completions`, `man`).

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap_complete::Shell;

use super::{DEFAULT_OUT, S3Args, SummaryFormat};
use crate::schema::TABLES;
use crate::schema::cookbook::{COOKBOOK, Recipe};

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  halfrate report --data out
  halfrate report --data out --html report.html
  halfrate report --data s3://my-reports/bedrock --html - | gzip > report.html.gz
  halfrate report --data out --format json | jq .totals";

/// `halfrate report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder or s3://bucket/prefix of an audit.
    #[arg(long, value_name = "OUT", default_value = DEFAULT_OUT)]
    pub data: String,
    /// Write one self-contained page here; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Summary on standard output [default: text, or none with --html].
    #[arg(long, value_enum)]
    pub format: Option<SummaryFormat>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub s3: S3Args,
}

pub(super) const SCHEMA_EXAMPLES: &str = "\
Examples:
  halfrate schema
  halfrate schema workloads
  halfrate schema --athena --data s3://my-reports/bedrock > athena.sql
  halfrate schema --duckdb --data out > views.sql";

/// `halfrate schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Only this table, with its columns.
    #[arg(value_name = "TABLE", value_parser = table_name(), conflicts_with_all = ["athena", "duckdb"])]
    pub table: Option<String>,
    /// Statements that declare the tables to Athena and the Glue catalog.
    #[arg(long, requires = "data", conflicts_with = "duckdb")]
    pub athena: bool,
    /// Statements that make a DuckDB view of each table.
    #[arg(long, requires = "data")]
    pub duckdb: bool,
    /// Folder or s3://bucket/prefix of the audit that the statements are about.
    #[arg(long, value_name = "OUT")]
    pub data: Option<String>,
}

fn table_name() -> PossibleValuesParser {
    PossibleValuesParser::new(TABLES.map(|table| table.name))
}

pub(super) const SERVE_EXAMPLES: &str = "\
Examples:
  halfrate serve --data out
  halfrate serve --data s3://my-reports/bedrock --port 6432 --memory-limit 2GB
  halfrate serve --listen 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

In builds with the feature serve: cargo install --path . --features serve";

/// `halfrate serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Folder or s3://bucket/prefix of an audit.
    #[arg(long, value_name = "OUT", default_value = DEFAULT_OUT)]
    pub data: String,
    /// Address to listen on. Beyond this machine, a password and TLS are required.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub listen: IpAddr,
    /// Port to listen on; 0 takes any that is free.
    #[arg(long, default_value_t = 5433)]
    pub port: u16,
    /// File with the password, which every user gives [default: the variable HALFRATE_PASSWORD].
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Certificate chain for TLS, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Memory that all queries together may take before they spill to disk or fail.
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size)]
    pub memory_limit: usize,
    /// Seconds that one statement may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub timeout: u64,
    /// Connections at a time; more wait.
    #[arg(long, value_name = "N", default_value_t = 48)]
    pub max_connections: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub s3: S3Args,
}

/// Bytes, in decimal units.
fn size(text: &str) -> Result<usize, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim().to_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(format!("'{text}' is no size: write a number and MB or GB")),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("'{text}' is no size, such as 512MB"))
}

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  halfrate completions bash > ~/.local/share/bash-completion/completions/halfrate
  halfrate completions zsh > ~/.zfunc/_halfrate
  halfrate completions fish > ~/.config/fish/completions/halfrate.fish";

/// `halfrate completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to complete commands and flags in.
    #[arg(value_enum)]
    pub shell: Shell,
}

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  halfrate man | man -l -
  halfrate man audit | man -l -
  halfrate man --dir ~/.local/share/man/man1";

/// `halfrate man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The page of this command [default: of halfrate as a whole].
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Option<String>,
    /// Write every page into this folder instead.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// The cookbook's names, so that a mistyped one is told the nearest and shells complete them.
pub(super) fn report_name() -> PossibleValuesParser {
    let value = |recipe: &Recipe| PossibleValue::new(recipe.name).help(recipe.title());
    PossibleValuesParser::new(COOKBOOK.iter().map(value))
}
