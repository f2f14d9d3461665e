//! What an audit says besides its summary: what it would read, what it found nothing in, how it stopped.

use super::Audited;
use crate::cli::{AuditArgs, SummaryFormat};
use crate::commands::inputs::Inputs;
use crate::commands::log::tell;
use crate::commands::output::{harmless, print, width};
use crate::commands::progress::human_bytes;
use crate::engine::plan::Plan;
use crate::engine::update::Updated;
use crate::report::{Report, ScanTotals, json, text};

/// Requests for S3 GET in a dollar: $0.0004 a thousand in us-east-1 (S3 Standard, price list of 2026-11).
const GETS_PER_DOLLAR: f64 = 2_500_000.0;

/// Compressed bytes that a core reads in a second: 1.74 GB of 2 KB records, the slowest kind, took 21.5 s of
/// processor (measured 2026-11-23); larger records go twice as fast.
const BYTES_A_SECOND: u64 = 80_000_000;

/// Tells what would be read, object by object.
pub(super) fn dry_run(inputs: &Inputs, plan: &Plan, out: &str) -> anyhow::Result<()> {
    let count = plan.objects.len();
    let mut told = format!("Would read {count} objects, {}, into {out}\n", human_bytes(plan.bytes));
    told.push_str(&format!(
        "Time: at most about {} s of processor, unless the network is slower\n",
        plan.bytes.div_ceil(BYTES_A_SECOND)
    ));
    if plan.known > 0 {
        let (known, bytes) = (plan.known, human_bytes(plan.known_bytes));
        told.push_str(&format!("Known already, not read again: {known} objects, {bytes}\n"));
    }
    if inputs.sources.iter().any(|source| source.store_url.scheme() == "s3") {
        let dollars = count as f64 / GETS_PER_DOLLAR;
        told.push_str(&format!("Requests: {count} GET, about ${dollars:.2}\n"));
    }
    for (reason, count) in &inputs.skipped {
        told.push_str(&format!("Would skip {count}: {reason}\n"));
    }
    for pending in &plan.objects {
        let (source, object) = &inputs.objects[pending.at];
        let location = inputs.sources[*source].locate(&object.path);
        told.push_str(&format!("{}\t{location}\n", object.size));
    }
    print(&harmless(&told))
}

/// The message of an audit that found no objects.
pub(super) fn nothing_found(inputs: &Inputs) -> String {
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

/// The message of an audit whose objects hold nothing that counts.
pub(super) fn nothing_counts(totals: &ScanTotals) -> String {
    format!(
        "no records in {} objects ({} were rejected, {} lie outside the window); check --from and \
         --to, and that this is a folder of model-invocation logs",
        totals.objects, totals.rejects, totals.outside_window
    )
}

/// Tells what an audit came to.
pub(super) fn ended(ended: &Audited, args: &AuditArgs) -> anyhow::Result<()> {
    match ended {
        Audited::Report(report, updated) => summarise(report, updated, args.format, &args.out)?,
        Audited::Told => {}
        Audited::Stopped(updated) => tell(&format!(
            "Stopped: {} objects were read and committed, {} are left; the tables are as before. \
             Run it again to go on.",
            updated.objects, updated.left
        )),
    }
    Ok(())
}

fn summarise(
    report: &Report,
    updated: &Updated,
    format: SummaryFormat,
    out: &str,
) -> anyhow::Result<()> {
    match format {
        SummaryFormat::Text => print(&text::render(report, width()))?,
        SummaryFormat::Json => print(&json::render(report))?,
    }
    if updated.objects < report.scan.objects {
        tell(&format!("Read {} objects; the others of the window were known.", updated.objects));
    }
    tell(&format!("Tables: {out}"));
    if !report.complete {
        tell(&format!(
            "Incomplete: {} objects could not be read, {} records were rejected; see the tables \
             objects and rejects.",
            report.scan.unreadable, report.scan.rejects
        ));
    }
    Ok(())
}
