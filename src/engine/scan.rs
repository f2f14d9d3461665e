//! The scan job: objects in, a checked row an object out, as each is done.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, UInt64Type};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio::sync::watch;

use super::EngineError;
use crate::schema::state;
use crate::store::ledger::Reading;
use crate::table::columns::{Reader, packed_requests};
use crate::table::partial::RequestId;
use crate::table::source::{ORDINAL, ScanObject, scan};
use crate::table::{ScanOptions, View};
use crate::units::Day;

/// How long objects in flight may take once the scan was told to stop: an object of tens of megabytes
/// arrives in seconds, and schedulers kill half a minute after they asked.
const GRACE: Duration = Duration::from_secs(10);

/// Whether the user or a scheduler asked to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop that never comes, and the sender that makes it come.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether it has come.
    pub fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }

    async fn wanted(mut self) {
        if self.0.wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What one object yielded, checked.
pub struct ObjectRow {
    /// The object's number in the job.
    pub ordinal: i64,
    /// How it was read.
    pub reading: Reading,
    /// Requests that count here.
    pub ids: Vec<RequestId>,
    /// Its row of the facts view, alone.
    pub facts: RecordBatch,
}

/// Scans `objects` and hands on each one's row when it is done, in whatever order that is. Told to stop, it
/// takes in what is in flight and leaves the rest. Returns whether all were read.
///
/// # Errors
/// A query that fails, counts that do not add up, or the first error of `each`. Objects that cannot be
/// read are no errors.
pub async fn job(
    session: &SessionContext,
    objects: &[ScanObject],
    options: &Arc<ScanOptions>,
    stop: &Stop,
    mut each: impl FnMut(ObjectRow) -> Result<(), EngineError>,
) -> Result<bool, EngineError> {
    let plan = scan(View::Facts, options, objects, None, None)?;
    let mut stream = execute_stream(plan, session.task_ctx())?;
    let mut waiting: std::collections::HashSet<i64> =
        objects.iter().map(|object| object.ordinal).collect();
    let mut late = 0;
    let mut ended = pin!(async {
        stop.clone().wanted().await;
        tokio::time::sleep(GRACE).await;
    });
    loop {
        let batch = tokio::select! {
            biased;
            batch = stream.try_next() => batch?,
            () = &mut ended => return Ok(false),
        };
        let Some(batch) = batch else { break };
        for row in 0..batch.num_rows() {
            let row = take_apart(&batch.slice(row, 1))?;
            if !waiting.remove(&row.ordinal) {
                return Err(EngineError::Conservation(format!(
                    "object {} answered twice or was not asked for",
                    row.ordinal
                )));
            }
            each(row)?;
            late += usize::from(stop.is_wanted());
        }
        if late > options.limits.concurrent_objects {
            return Ok(waiting.is_empty());
        }
    }
    if !waiting.is_empty() {
        let (asked, missing) = (objects.len(), waiting.len());
        let message = format!("{asked} objects were asked for and {missing} did not answer");
        return Err(EngineError::Conservation(message));
    }
    Ok(true)
}

/// Reads one object without the requests in `exclude`, which others count.
///
/// # Errors
/// As [`job`].
pub async fn again(
    session: &SessionContext,
    object: &ScanObject,
    options: &ScanOptions,
    exclude: Vec<RequestId>,
) -> Result<ObjectRow, EngineError> {
    let options = Arc::new(ScanOptions { exclude, ..options.clone() });
    let (_sender, never) = Stop::new();
    let mut found = None;
    let keep = |row| {
        found = Some(row);
        Ok(())
    };
    job(session, std::slice::from_ref(object), &options, &never, keep).await?;
    found.ok_or_else(|| EngineError::Conservation("an object has no row".into()))
}

/// One row of the facts view, alone in its batch.
fn take_apart(facts: &RecordBatch) -> Result<ObjectRow, EngineError> {
    let reader = Reader(facts);
    let count = |name: &str| reader.count(name).map(|column| column.value(0));
    let natural = |name: &str| count(name).map(|value| value.max(0) as u64);
    let error = reader.text("error")?;
    let reading = Reading {
        inflated_bytes: natural("inflated_bytes")?,
        records: natural("records")?,
        rows: natural("rows")?,
        rejected: natural("rejected")?,
        duplicates: natural("duplicates")?,
        error: error.is_valid(0).then(|| error.value(0).to_owned()),
    };
    let ordinal = count(ORDINAL)?;
    check(ordinal, &reading, natural("outside_window")?, &items(facts, "usage")?)?;
    let ids = requests(&items(facts, "ids")?)?;
    Ok(ObjectRow { ordinal, reading, ids, facts: facts.clone() })
}

fn requests(items: &RecordBatch) -> Result<Vec<RequestId>, EngineError> {
    let days = items.column(0).as_primitive_opt::<Date32Type>();
    let ids = items.column(1).as_primitive_opt::<UInt64Type>();
    let (Some(days), Some(ids)) = (days, ids) else {
        return Err(EngineError::Conservation("ids are no days with hashes".into()));
    };
    Ok(days.values().iter().map(|day| Day(*day)).zip(ids.values().iter().copied()).collect())
}

/// Nothing is lost within an object: every record met is a row, a reject or a duplicate, and every row
/// inside the window is a request of some minute.
fn check(
    ordinal: i64,
    reading: &Reading,
    outside_window: u64,
    usage: &RecordBatch,
) -> Result<(), EngineError> {
    let Reading { records, rows, rejected, duplicates, .. } = reading;
    if rows + rejected + duplicates != *records {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {records} records are not {rows} rows, {rejected} rejects and \
             {duplicates} duplicates"
        )));
    }
    let packed = usage.column_by_name(state::PACKED).and_then(|c| c.as_binary_opt::<i32>());
    let counted: i64 =
        packed.map_or(0, |packed| packed.iter().flatten().map(packed_requests).sum());
    if counted != (rows - outside_window) as i64 {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {rows} rows, {outside_window} outside the window, \
             but {counted} requests"
        )));
    }
    Ok(())
}

/// The items of a list column's only row.
pub(super) fn items(row: &RecordBatch, name: &str) -> Result<RecordBatch, EngineError> {
    let column = row.column_by_name(name).and_then(|column| column.as_list_opt::<i32>());
    let list = column.map(|list| list.value(0));
    let items = list.as_ref().and_then(|items: &ArrayRef| items.as_struct_opt());
    match items {
        Some(items) => Ok(RecordBatch::from(items.clone())),
        None => Err(EngineError::Conservation(format!("the scan has no list column {name}"))),
    }
}
