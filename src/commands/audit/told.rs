//! What an audit says besides its summary: what it would read, what it found nothing in, how it stopped.

use crate::commands::inputs::Inputs;
use crate::commands::output::{harmless, print};
use crate::commands::progress::human_bytes;
use crate::engine::plan::Plan;
use crate::report::ScanTotals;

/// Requests for S3 GET in a dollar: $0.0004 a thousand in us-east-1 (S3 Standard, price list of 2026-11).
const GETS_PER_DOLLAR: f64 = 2_500_000.0;

/// Tells what would be read, object by object.
pub(super) fn dry_run(inputs: &Inputs, plan: &Plan, out: &str) -> anyhow::Result<()> {
    let count = plan.objects.len();
    let mut told = format!("Would read {count} objects, {}, into {out}\n", human_bytes(plan.bytes));
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
