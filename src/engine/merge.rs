//! Merging: the partial facts of all objects become the rows of `usage` and `sizes`, day by day.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::EngineError;
use super::scan::Scanned;
use crate::schema::{PARTITION_COLUMN, Table};
use crate::units::Day;

/// The statement that merges partial usage.
const USAGE: &str = include_str!("../../queries/facts/usage.sql");
/// The statement that merges partial sizes.
const SIZES: &str = include_str!("../../queries/facts/sizes.sql");

/// Merges what `scanned` set aside and hands on the rows of `usage`, then of `sizes`, in the tables'
/// order. Every call brings rows of one day, and days ascend within a table.
///
/// # Errors
/// A query that fails, or the first error of `rows`.
pub async fn run<E: From<EngineError>>(
    session: &SessionContext,
    scanned: Scanned,
    mut rows: impl AsyncFnMut(&'static Table, Day, RecordBatch) -> Result<(), E>,
) -> Result<(), E> {
    let spools = [("usage", USAGE, scanned.usage), ("sizes", SIZES, scanned.sizes)];
    for (name, statement, spool) in spools {
        let Some(table) = crate::schema::table(name) else { continue };
        let partial: Arc<dyn TableProvider> = Arc::new(spool.into_table()?);
        let partial_name = format!("partial_{name}");
        session.register_table(&partial_name, partial).map_err(EngineError::from)?;
        let frame = session.sql(statement).await.map_err(EngineError::from)?;
        let mut merged = frame.execute_stream().await.map_err(EngineError::from)?;
        while let Some(batch) = merged.next().await {
            let batch = batch.map_err(EngineError::from)?;
            for (day, part) in by_day(&batch)? {
                rows(table, day, part).await?;
            }
        }
        session.deregister_table(&partial_name).map_err(EngineError::from)?;
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
