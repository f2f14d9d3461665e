//! The scan job: objects in, their facts out, in chunks that are checked before they count.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, UInt64Type};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::EngineError;
use super::spool::Spool;
use crate::store::ledger::Reading;
use crate::table::columns::Reader;
use crate::table::source::{ORDINAL, ScanObject, scan};
use crate::table::{ScanOptions, View, facts_schema};

/// Objects of one chunk: enough to keep every reader busy, few enough to check and drop soon.
const CHUNK_OBJECTS: usize = 1024;

/// What a scan found: the facts set aside for [`super::merge`], and how each object was read.
pub struct Scanned {
    pub(super) usage: Spool,
    pub(super) sizes: Spool,
    /// One reading an object, in the order of the ordinals.
    pub readings: Vec<Reading>,
}

/// Scans `objects`, whose ordinals are their positions, and calls `progress` as each is done.
///
/// A request id counts in the first object (by ordinal) that holds it, whatever the order of reading.
///
/// # Errors
/// A query that fails, or counts that do not add up. Objects that cannot be read are no errors.
pub async fn run(
    session: &SessionContext,
    objects: &[ScanObject],
    options: &ScanOptions,
    mut progress: impl FnMut(&ScanObject, &Reading),
) -> Result<Scanned, EngineError> {
    let shared = Arc::new(options.clone());
    let mut scanned = Scanned {
        usage: Spool::new(list_schema("usage")?),
        sizes: Spool::new(list_schema("sizes")?),
        readings: Vec::with_capacity(objects.len()),
    };
    let mut seen: HashSet<u64> = HashSet::new();
    for chunk in chunks(objects, options.limits.chunk_bytes) {
        let rows = job(session, chunk, &shared, &mut progress).await?;
        for (object, mut row) in chunk.iter().zip(rows) {
            let met_before: Vec<u64> =
                row.ids.iter().filter(|id| seen.contains(id)).copied().collect();
            if !met_before.is_empty() {
                row = again(session, object, options, met_before).await?;
            }
            seen.extend(row.ids);
            scanned.usage.push(row.usage)?;
            scanned.sizes.push(row.sizes)?;
            scanned.readings.push(row.reading);
        }
    }
    Ok(scanned)
}

/// Reads one object once more without the records that an earlier object counts.
async fn again(
    session: &SessionContext,
    object: &ScanObject,
    options: &ScanOptions,
    exclude: Vec<u64>,
) -> Result<ObjectRow, EngineError> {
    let options = Arc::new(ScanOptions { exclude, ..options.clone() });
    let mut rows = job(session, std::slice::from_ref(object), &options, &mut |_, _| ()).await?;
    rows.pop().ok_or_else(|| EngineError::Conservation("an object has no row".into()))
}

/// Consecutive objects of at most `max_bytes` together, at least one.
fn chunks(objects: &[ScanObject], max_bytes: u64) -> impl Iterator<Item = &[ScanObject]> {
    let mut rest = objects;
    std::iter::from_fn(move || {
        let mut bytes = 0u64;
        let fits = |object: &&ScanObject| {
            bytes = bytes.saturating_add(object.meta.size);
            bytes <= max_bytes
        };
        let count = rest.iter().take(CHUNK_OBJECTS).take_while(fits).count().max(1);
        let (chunk, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(chunk)
    })
}

/// One object's row, taken apart.
struct ObjectRow {
    ordinal: i64,
    reading: Reading,
    ids: Vec<u64>,
    usage: RecordBatch,
    sizes: RecordBatch,
}

/// Runs one job over `chunk` and returns its rows in the chunk's order, checked.
async fn job(
    session: &SessionContext,
    chunk: &[ScanObject],
    options: &Arc<ScanOptions>,
    progress: &mut impl FnMut(&ScanObject, &Reading),
) -> Result<Vec<ObjectRow>, EngineError> {
    let plan = scan(View::Facts, options, chunk, None, None)?;
    let mut stream = execute_stream(plan, session.task_ctx())?;
    let mut rows = Vec::with_capacity(chunk.len());
    while let Some(batch) = stream.try_next().await? {
        for row in 0..batch.num_rows() {
            let row = take_apart(&batch, row)?;
            let index = chunk.first().map_or(0, |first| row.ordinal - first.ordinal);
            if let Some(object) = usize::try_from(index).ok().and_then(|index| chunk.get(index)) {
                progress(object, &row.reading);
            }
            rows.push(row);
        }
    }
    rows.sort_unstable_by_key(|row| row.ordinal);
    let answered = rows.iter().map(|row| row.ordinal);
    if !answered.eq(chunk.iter().map(|object| object.ordinal)) {
        return Err(EngineError::Conservation(format!(
            "{} objects were asked for and {} answered",
            chunk.len(),
            rows.len()
        )));
    }
    Ok(rows)
}

fn take_apart(batch: &RecordBatch, row: usize) -> Result<ObjectRow, EngineError> {
    let reader = Reader(batch);
    let count = |name: &str| reader.count(name).map(|column| column.value(row));
    let natural = |name: &str| count(name).map(|value| value.max(0) as u64);
    let error = reader.text("error")?;
    let rejects = Reader(&list(batch, "rejects", row)?).rejects()?;
    let reading = Reading {
        inflated_bytes: natural("inflated_bytes")?,
        records: natural("records")?,
        rows: natural("rows")?,
        rejected: natural("rejected")?,
        duplicates: natural("duplicates")?,
        outside_window: natural("outside_window")?,
        error: error.is_valid(row).then(|| error.value(row).to_owned()),
        rejects,
    };
    let usage = list(batch, "usage", row)?;
    let ordinal = count(ORDINAL)?;
    check(ordinal, &reading, &usage)?;
    let ids = list_values(batch, "ids", row)?;
    Ok(ObjectRow {
        ordinal,
        reading,
        ids: ids.as_primitive::<UInt64Type>().values().to_vec(),
        sizes: list(batch, "sizes", row)?,
        usage,
    })
}

/// Nothing is lost within an object: every record met is a row, a reject or a duplicate, and every row
/// inside the window is a request of some minute.
fn check(ordinal: i64, reading: &Reading, usage: &RecordBatch) -> Result<(), EngineError> {
    let Reading { records, rows, rejected, duplicates, outside_window, .. } = reading;
    if rows + rejected + duplicates != *records {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {records} records are not {rows} rows, {rejected} rejects and \
             {duplicates} duplicates"
        )));
    }
    let requests = Reader(usage).count("requests")?;
    let counted: i64 = requests.values().iter().sum();
    if counted != (rows - outside_window) as i64 {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {rows} rows, {outside_window} outside the window, \
             but {counted} requests"
        )));
    }
    Ok(())
}

fn list_values(batch: &RecordBatch, name: &str, row: usize) -> Result<ArrayRef, EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>());
    match column {
        Some(list) => Ok(list.value(row)),
        None => Err(EngineError::Conservation(format!("the scan has no list column {name}"))),
    }
}

fn list(batch: &RecordBatch, name: &str, row: usize) -> Result<RecordBatch, EngineError> {
    let values = list_values(batch, name, row)?;
    let values: &StructArray = values.as_struct();
    Ok(RecordBatch::from(values.clone()))
}

/// The schema of a list column's items.
fn list_schema(name: &str) -> Result<SchemaRef, EngineError> {
    let schema = facts_schema();
    match schema.field_with_name(name)?.data_type() {
        DataType::List(item) => match item.data_type() {
            DataType::Struct(fields) => Ok(Arc::new(Schema::new(fields.clone()))),
            other => Err(EngineError::Conservation(format!("{name} holds {other}"))),
        },
        other => Err(EngineError::Conservation(format!("{name} is {other}"))),
    }
}

impl Reader<'_> {
    fn rejects(&self) -> Result<Vec<(Option<u64>, String)>, EngineError> {
        let position = self
            .0
            .column_by_name("position")
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| EngineError::Conservation("rejects have no position".into()))?;
        let reason = self.text("reason")?;
        let rows = position.iter().zip(reason.iter());
        Ok(rows
            .map(|(position, reason)| {
                (position.map(|at| at as u64), reason.unwrap_or_default().to_owned())
            })
            .collect())
    }
}
