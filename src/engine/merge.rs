//! Merging: the partial facts in the state become the rows of `usage` and `sizes`, day by day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};

use super::EngineError;
use super::session::in_order;
use super::unpack::{self, Unpacked};
use crate::schema::PARTITION_COLUMN;
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::{self, LedgerEntry};
use crate::store::tables::Tables;
use crate::units::Day;

/// The statement that merges partial usage.
pub(super) const USAGE: &str = include_str!("../../queries/facts/usage.sql");
/// The statement that merges partial sizes.
pub(super) const SIZES: &str = include_str!("../../queries/facts/sizes.sql");

/// Bytes of state files (about a tenth of what they hold) merged by one query: many quiet days share one,
/// a busy day has its own.
const MERGED_BYTES: u64 = 8 << 20;

/// Brings the tables that are made of state alone up to date: `usage`, `sizes`, `objects` and `rejects`.
///
/// # Errors
/// A query fails, or the store refuses.
pub async fn run(
    session: &SessionContext,
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<(), EngineError> {
    facts(&in_order(session), dataset, index, tables).await?;
    ledgers(dataset, index, tables).await?;
    tables.flush().await?;
    tables.remove_others(&["usage", "sizes"]).await?;
    Ok(())
}

/// Makes the partitions of `usage` and `sizes` again whose rows are not those of the state.
async fn facts(
    session: &SessionContext,
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<(), EngineError> {
    let mut stale: BTreeMap<Day, String> = BTreeMap::new();
    for (day, digest) in index.record_days() {
        // Both, always: that one is current says nothing of the other.
        let current = ["usage", "sizes"].map(|name| match crate::schema::table(name) {
            Some(table) => tables.is_current(table, day, &digest),
            None => true,
        });
        if current.contains(&false) {
            stale.insert(day, digest);
        }
    }
    let mut days = stale.keys().copied().peekable();
    while days.peek().is_some() {
        let mut group = BTreeSet::new();
        let mut bytes = 0;
        while let Some(day) = days.peek() {
            let touching = index.touching(&BTreeSet::from([*day]));
            bytes += touching.iter().map(|file| file.bytes).sum::<u64>();
            if bytes > MERGED_BYTES && !group.is_empty() {
                break;
            }
            group.extend(days.next());
        }
        merge(session, dataset, index, &group, &stale, tables).await?;
    }
    Ok(())
}

/// Merges the partial facts of `days`.
async fn merge(
    session: &SessionContext,
    dataset: &Dataset,
    index: &Index,
    days: &BTreeSet<Day>,
    digests: &BTreeMap<Day, String>,
    tables: &mut Tables<'_>,
) -> Result<(), EngineError> {
    let Unpacked { keys, usage, sizes } = unpack::run(dataset, index, days).await?;
    for (name, statement, partial) in [("usage", USAGE, usage), ("sizes", SIZES, sizes)] {
        let Some(table) = crate::schema::table(name) else { continue };
        let partial: Arc<dyn TableProvider> = Arc::new(partial);
        let partial_name = format!("partial_{name}");
        session.register_table(&partial_name, partial)?;
        let mut merged = session.sql(statement).await?.execute_stream().await?;
        let mut seen = BTreeSet::new();
        while let Some(batch) = merged.next().await {
            for (day, part) in by_day(&keys.put(&batch?)?)? {
                seen.insert(day);
                let digest = digests.get(&day).map_or("", String::as_str);
                tables.append(table, day, digest, &part).await?;
            }
        }
        // A day of failed calls has usage and no sizes; its empty file says so.
        for day in days.difference(&seen) {
            let digest = digests.get(day).map_or("", String::as_str);
            tables.replace(table, *day, digest, &[]).await?;
        }
        tables.close().await?;
        session.deregister_table(&partial_name)?;
    }
    Ok(())
}

/// Makes the partitions of `objects` and `rejects` again that are not those of the state.
async fn ledgers(
    dataset: &Dataset,
    index: &Index,
    tables: &mut Tables<'_>,
) -> Result<(), EngineError> {
    let find = |name| {
        crate::schema::table(name)
            .ok_or_else(|| EngineError::Conservation(format!("no table {name} in the schema")))
    };
    let (objects, rejects) = (find("objects")?, find("rejects")?);
    for (day, summary) in &index.state {
        let day = Day(*day);
        let file = summary.file(day);
        if !tables.is_current(objects, day, &summary.objects) {
            let (entries, _) = dataset.ledger(file).await?;
            tables.replace(objects, day, &summary.objects, &[ledger::objects(entries)?]).await?;
        }
        if summary.rejects && !tables.is_current(rejects, day, &summary.objects) {
            let columns = ["source", "key", "rejects"];
            let rejected = |entry: &LedgerEntry| entry.reading.rejected > 0;
            let rows =
                dataset.rows(file, &columns, rejected).await?.try_collect::<Vec<_>>().await?;
            tables.replace(rejects, day, &summary.objects, &[ledger::rejects(&rows)?]).await?;
        }
    }
    Ok(())
}

/// Cuts a batch, ordered by its `date`, where the day changes.
fn by_day(batch: &RecordBatch) -> Result<Vec<(Day, RecordBatch)>, EngineError> {
    let days = batch
        .column_by_name(PARTITION_COLUMN)
        .and_then(|column| column.as_primitive_opt::<Date32Type>())
        .ok_or_else(|| EngineError::Conservation("merged facts have no date".into()))?;
    let mut parts = Vec::new();
    let mut start = 0;
    while start < days.len() {
        let day = days.value(start);
        let length = days.values()[start..].partition_point(|other| *other == day);
        parts.push((Day(day), batch.slice(start, length)));
        start += length;
    }
    Ok(parts)
}
