//! Merging: the partial facts in the state become the rows of `usage` and `sizes`, day by day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Field, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type,
};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};

use super::EngineError;
use super::names::Names;
use super::spool::{Spool, Spooled};
use crate::schema::{PARTITION_COLUMN, state};
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::{self, LedgerEntry, day_of_micros};
use crate::store::state::filtered;
use crate::store::tables::Tables;
use crate::table::columns::{number_names, unpacked};
use crate::units::Day;

/// The statement that merges partial usage.
const USAGE: &str = include_str!("../../queries/facts/usage.sql");
/// The statement that merges partial sizes.
const SIZES: &str = include_str!("../../queries/facts/sizes.sql");

/// The table of workloads that both statements join.
const WORKLOADS: &str = "partial_workloads";

/// Bytes of partial facts held in memory before they go to a temporary file.
const SPOOL_BYTES: usize = 8 << 20;

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
    facts(session, dataset, index, tables).await?;
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
    let (names, usage, sizes) = set_aside(dataset, index, days).await?;
    session.register_table(WORKLOADS, Arc::new(names.into_table()?))?;
    let usage = usage.into_table(usage_schema(), unpack)?;
    let sizes =
        sizes.into_table(Arc::new(Schema::new(state::sizes_fields())), |_, batch| Ok(batch))?;
    for (name, statement, spooled) in [("usage", USAGE, usage), ("sizes", SIZES, sizes)] {
        let Some(table) = crate::schema::table(name) else { continue };
        let partial: Arc<dyn TableProvider> = Arc::new(spooled);
        let partial_name = format!("partial_{name}");
        session.register_table(&partial_name, partial)?;
        let mut merged = session.sql(statement).await?.execute_stream().await?;
        let mut seen = BTreeSet::new();
        while let Some(batch) = merged.next().await {
            for (day, part) in by_day(&batch?)? {
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
    session.deregister_table(WORKLOADS)?;
    Ok(())
}

/// The columns of partial usage as its statement reads them.
fn usage_schema() -> SchemaRef {
    let minute = Field::new("minute", state::usage_fields()[0].data_type().clone(), false);
    let own = [
        Field::new(PARTITION_COLUMN, DataType::Date32, false),
        minute,
        Field::new(state::NUMBER, DataType::UInt32, false),
    ];
    let numbers = number_names().map(|name| Field::new(name, DataType::Int64, false));
    Arc::new(Schema::new(own.into_iter().chain(numbers).collect::<Vec<_>>()))
}

/// Partial usage as the state has it, with its numbers in columns and its days.
fn unpack(schema: &SchemaRef, usage: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let minutes = usage.column(0).as_primitive::<TimestampMicrosecondType>();
    let days = minutes.values().iter().map(|at| day_of_micros(*at).0);
    let own: [ArrayRef; 3] = [
        Arc::new(Date32Array::from_iter_values(days)),
        Arc::clone(usage.column(0)),
        Arc::clone(usage.column(1)),
    ];
    let numbers = unpacked(usage.column(2).as_binary());
    RecordBatch::try_new(Arc::clone(schema), own.into_iter().chain(numbers).collect())
}

/// The partial usage and sizes of `days`, from all objects that have any, and the workloads they name.
async fn set_aside(
    dataset: &Dataset,
    index: &Index,
    days: &BTreeSet<Day>,
) -> Result<(Names, Spooled, Spooled), EngineError> {
    let spool = |fields| Spool::new(Arc::new(Schema::new(fields)), SPOOL_BYTES);
    let mut names = Names::new();
    let mut usage: Spool = spool(state::usage_fields());
    let mut sizes: Spool = spool(state::sizes_fields());
    let touches =
        |entry: &LedgerEntry| entry.days.iter().any(|(day, n)| *n > 0 && days.contains(day));
    for file in index.touching(days) {
        let mut rows = dataset.rows(file, &["workloads", "usage", "sizes"], touches).await?;
        while let Some(batch) = rows.try_next().await? {
            let (starts, workloads) = items(&batch, "workloads")?;
            let numbers = names.numbers(&workloads)?;
            let of_usage = numbered(&batch, "usage", &starts, &numbers)?;
            let minutes = of_usage.column(0).as_primitive::<TimestampMicrosecondType>();
            let wanted = minutes.values().iter().map(|at| Some(days.contains(&day_of_micros(*at))));
            usage.push(filtered(&of_usage, wanted.collect())?)?;
            let of_sizes = numbered(&batch, "sizes", &starts, &numbers)?;
            let dates = of_sizes.column(0).as_primitive::<Date32Type>();
            let wanted = dates.values().iter().map(|day| Some(days.contains(&Day(*day))));
            sizes.push(filtered(&of_sizes, wanted.collect())?)?;
        }
    }
    Ok((names, usage.finish()?, sizes.finish()?))
}

/// The facts of all rows, with a workload's number among all instead of its place in the row's own list;
/// `starts` tells where each row's list begins in `numbers`.
fn numbered(
    batch: &RecordBatch,
    name: &str,
    starts: &OffsetBuffer<i32>,
    numbers: &[u32],
) -> Result<RecordBatch, EngineError> {
    let (offsets, facts) = items(batch, name)?;
    let own = facts.column_by_name(state::NUMBER);
    let own = own.and_then(|column| column.as_primitive_opt::<UInt32Type>());
    let own = own.ok_or_else(|| missing(name))?.values();
    let of_row = |offsets: &OffsetBuffer<i32>, row: usize| {
        let from = |at: usize| (offsets[at] - offsets[0]) as usize;
        from(row)..from(row + 1)
    };
    let mut among_all: Vec<u32> = Vec::with_capacity(own.len());
    for row in 0..batch.num_rows() {
        let listed = &numbers[of_row(starts, row)];
        let places = &own[of_row(&offsets, row)];
        among_all.extend(places.iter().map_while(|place| listed.get(*place as usize)));
    }
    if among_all.len() != own.len() {
        let message = format!("{name} of the state name workloads that it does not list");
        return Err(EngineError::Conservation(message));
    }
    let at = facts.schema().index_of(state::NUMBER)?;
    let mut columns = facts.columns().to_vec();
    columns[at] = Arc::new(UInt32Array::from(among_all));
    Ok(RecordBatch::try_new(facts.schema(), columns)?)
}

/// The items of all rows of a list column, and where each row's begin; the first may begin later than at 0.
fn items(batch: &RecordBatch, name: &str) -> Result<(OffsetBuffer<i32>, RecordBatch), EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>());
    let lists = column.ok_or_else(|| missing(name))?;
    let (offsets, values) = (lists.offsets(), lists.values());
    let (start, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
    let items: &StructArray = values.as_struct_opt().ok_or_else(|| missing(name))?;
    Ok((offsets.clone(), RecordBatch::from(items.slice(start, end - start))))
}

fn missing(name: &str) -> EngineError {
    EngineError::Conservation(format!("the state has no list column {name}"))
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
