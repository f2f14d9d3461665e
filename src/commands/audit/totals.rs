//! What the ledger adds up to over a window.

use crate::report::ScanTotals;
use crate::source::Selection;
use crate::store::dataset::{Dataset, DatasetError};
use crate::store::index::Index;
use crate::store::ledger::LedgerEntry;
use crate::units::Day;
use crate::workload::Window;

/// Adds up the objects that were delivered in the window or hold records of it.
pub(super) async fn totals(
    dataset: &Dataset,
    index: &Index,
    window: &Window,
    wanted: &Selection,
) -> Result<ScanTotals, DatasetError> {
    let is_in = |day: Day| window.contains(day);
    // Without --to whatever came later belongs to it, such as a day's records delivered after midnight.
    let delivered = Selection { from: Some(window.from), ..wanted.clone() };
    let counts = |entry: &LedgerEntry| {
        let in_time = entry.hour.is_some_and(|hour| delivered.covers_hour(entry.day, hour));
        in_time || entry.requests(is_in) > 0 || (entry.hour.is_none() && entry.span().is_none())
    };
    let mut totals = ScanTotals::default();
    for (segment, summary) in &index.state {
        let near = segment.day >= window.from
            || summary.loose
            || summary.days.keys().any(|day| is_in(Day(*day)));
        if !near {
            continue;
        }
        let (entries, _) = dataset.ledger(summary.file(*segment)).await?;
        for entry in entries.iter().filter(|entry| counts(entry)) {
            let reading = &entry.reading;
            totals.objects += 1;
            totals.unreadable += u64::from(reading.error.is_some());
            totals.bytes += entry.bytes;
            totals.inflated_bytes += reading.inflated_bytes;
            totals.records += reading.records;
            totals.rows += reading.rows;
            totals.rejects += reading.rejected;
            totals.duplicates += reading.duplicates;
            totals.outside_window += entry.requests(|day| !is_in(day)).max(0) as u64;
        }
    }
    Ok(totals)
}
