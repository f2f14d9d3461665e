//! Merging: the partial facts in the state become the rows of `usage` and `sizes`, day by day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::EngineError;
use super::days::{ADDED_UP, Closed, Days};
use super::kept::Kept;
use super::session::Ground;
use crate::schema::Table;
use crate::store::dataset::Dataset;
use crate::store::index::{Index, ObjectDay};
use crate::store::ledger::{self, LedgerEntry};
use crate::store::parquet::{encode, encode_by_column};
use crate::store::state::{StateFile, packed};
use crate::store::tables::Tables;
use crate::table::packed::Torn;
use crate::units::Day;

/// The statement that merges partial usage.
pub(super) const USAGE: &str = include_str!("../../queries/facts/usage.sql");
/// The statement that merges partial sizes.
pub(super) const SIZES: &str = include_str!("../../queries/facts/sizes.sql");

/// Record days that are open at once. A month of objects in the usual layout is read once; where every object
/// has records of every day, it is read once for each month, and no more files are open than twice as many.
const OPEN_DAYS: usize = 32;

/// Brings the tables that are made of state alone up to date: `usage`, `sizes`, `objects` and `rejects`. What
/// was merged on the way is kept for judging, if it is not much. Files may still be on their way:
/// [`Tables::flush`] waits for them.
///
/// # Errors
/// A query fails, or the store refuses.
pub async fn run(
    ground: &Ground,
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<Kept, EngineError> {
    let kept = facts(ground, dataset, index, tables).await?;
    ledgers(dataset, index, tables).await?;
    Ok(kept)
}

/// Makes the partitions of `usage` and `sizes` again whose rows are not those of the state.
async fn facts(
    ground: &Ground,
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<Kept, EngineError> {
    let (usage, sizes) = (table("usage")?, table("sizes")?);
    let mut stale: BTreeMap<Day, String> = BTreeMap::new();
    for (day, digest) in index.record_days() {
        // Both, always: that one is current says nothing of the other.
        let current = [usage, sizes].map(|table| tables.is_current(table, day, &digest));
        if current.contains(&false) {
            stale.insert(day, digest);
        }
    }
    let mut merging = Merging {
        days: Days::new(ADDED_UP),
        kept: Kept::default(),
        partitions: [usage, sizes],
        ground,
    };
    let days: Vec<Day> = stale.keys().copied().collect();
    for some in days.chunks(OPEN_DAYS) {
        let wanted: BTreeSet<Day> = some.iter().copied().collect();
        merging.days.begin(&wanted);
        for (file, complete) in index.completing(&wanted) {
            unpack(dataset, file, &wanted, &mut merging.days).await?;
            for day in complete {
                merging.close(day, &stale[&day], tables).await?;
            }
        }
    }
    Ok(merging.kept.named(merging.days.names))
}

/// Adds the facts of one state file to the days.
async fn unpack(
    dataset: &Dataset,
    file: StateFile,
    wanted: &BTreeSet<Day>,
    days: &mut Days,
) -> Result<(), EngineError> {
    let touches =
        |entry: &LedgerEntry| entry.days.iter().any(|(day, n)| *n > 0 && wanted.contains(day));
    let mut rows = dataset.rows(file, &["workloads", "usage", "sizes"], touches).await?;
    // The next rows are decoded while these are added.
    let (sender, mut decoded) = mpsc::channel(1);
    let decoding = tokio::spawn(async move {
        while let Some(batch) = rows.next().await {
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    while let Some(batch) = decoded.recv().await {
        let batch = batch?;
        let of = |name| packed(&batch, name);
        let columns = [of("workloads")?, of("usage")?, of("sizes")?];
        days.objects(columns).map_err(|torn: Torn| dataset.damaged_state(file.segment, &torn))?;
        days.set_aside()?;
    }
    decoding.await.map_err(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Days being merged, and where their rows go.
struct Merging<'m> {
    days: Days,
    kept: Kept,
    /// The tables `usage` and `sizes`.
    partitions: [&'static Table; 2],
    ground: &'m Ground,
}

impl Merging<'_> {
    /// Ends a day: its rows are on their way into its two files.
    async fn close(
        &mut self,
        day: Day,
        digest: &str,
        tables: &mut Tables<'_>,
    ) -> Result<(), EngineError> {
        let [usage, sizes] = self.partitions;
        match self.days.close(day)? {
            Closed::Whole(whole) => {
                let keys = self.days.names.keys();
                self.kept.day(day, Arc::clone(&whole));
                let ((bins, of_bins), (rows, of_rows)) = (whole.sizes(&keys), whole.usage(&keys));
                let encode = move || encode_by_column(usage, rows, of_rows);
                tables.replace(usage, day, digest, encode).await?;
                let encode = move || encode_by_column(sizes, bins, of_bins);
                tables.replace(sizes, day, digest, encode).await?;
            }
            Closed::Parts(parts) => {
                self.kept.give_up();
                let keys = self.days.names.keys();
                for (table, rows) in self.partitions.into_iter().zip(*parts) {
                    let statement = if table.name == usage.name { USAGE } else { SIZES };
                    let mut merged =
                        added_up(self.ground.session(), statement, table, rows).await?;
                    let mut any = false;
                    while let Some(batch) = merged.next().await {
                        tables.append(table, day, digest, &keys.put(&batch?)?).await?;
                        any = true;
                    }
                    // A day of failed calls has usage and no sizes; its empty file says so.
                    if !any {
                        tables.replace(table, day, digest, move || encode(table, &[])).await?;
                    }
                    tables.close().await?;
                }
            }
        }
        Ok(())
    }
}

/// The rows of a partition, added up and sorted by its statement.
pub(super) async fn added_up(
    session: &SessionContext,
    statement: &str,
    table: &Table,
    partial: StreamingTable,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let name = format!("partial_{}", table.name);
    session.register_table(&name, Arc::new(partial))?;
    let rows = session.sql(statement).await?.execute_stream().await;
    session.deregister_table(&name)?;
    rows
}

/// A table by its name.
fn table(name: &'static str) -> Result<&'static Table, EngineError> {
    let missing = || EngineError::Conservation(format!("no table {name} in the schema"));
    crate::schema::table(name).ok_or_else(missing)
}

/// Makes the partitions of `objects` and `rejects` again that are not those of the state.
async fn ledgers(
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<(), EngineError> {
    let (objects, rejects) = (table("objects")?, table("rejects")?);
    for ObjectDay { day, digest, rejects: any_rejects, files } in index.object_days() {
        if !tables.is_current(objects, day, &digest) {
            let mut entries = Vec::new();
            for file in &files {
                entries.extend(dataset.ledger(*file).await?.0);
            }
            let rows = ledger::objects(entries)?;
            tables.replace(objects, day, &digest, || encode(objects, &[rows])).await?;
        }
        if any_rejects && !tables.is_current(rejects, day, &digest) {
            let columns = ["source", "key", "rejects"];
            let rejected = |entry: &LedgerEntry| entry.reading.rejected > 0;
            let mut rows = Vec::new();
            for file in &files {
                let of_file = dataset.rows(*file, &columns, rejected).await?;
                rows.extend(of_file.try_collect::<Vec<_>>().await?);
            }
            let rows = ledger::rejects(&rows)?;
            tables.replace(rejects, day, &digest, || encode(rejects, &[rows])).await?;
        }
    }
    Ok(())
}
