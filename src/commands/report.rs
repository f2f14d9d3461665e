//! `halfrate report`: the last audit told again from its tables, as text, JSON or one page of HTML.

use super::output::{print, width};
use super::{Outcome, explain};
use crate::cli::{ReportArgs, SummaryFormat};
use crate::report::{json, text};

/// Tells the audit again.
pub(super) async fn run(args: ReportArgs) -> anyhow::Result<Outcome> {
    let report = explain::report(&args.data, &args.s3).await?;
    match args.format.unwrap_or_default() {
        SummaryFormat::Text => print(&text::render(&report, width()))?,
        SummaryFormat::Json => print(&json::render(&report))?,
    }
    Ok(Outcome::Complete)
}
