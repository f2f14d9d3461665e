//! The scan job: objects in, a checked row an object out, as each is done.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::Buffer;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::EngineError;
use super::session::Ground;
use crate::store::ledger::Reading;
use crate::store::state::packed;
use crate::table::columns::Reader;
use crate::table::packed::minutes;
use crate::table::partial::RequestId;
use crate::table::source::{ScanObject, scan};
use crate::table::{ORDINAL, ScanOptions, View};
use crate::units::Day;

/// How long objects in flight may take once the scan was told to stop: an object of tens of megabytes
/// arrives in seconds, and schedulers kill half a minute after they asked.
const GRACE: Duration = Duration::from_secs(10);

/// Rows that wait for whoever takes them, so that objects go on being read while a slice is committed.
const ROWS_AHEAD: usize = 128;

/// Rows that are handed on together where so many are done: a thread decodes two objects side by side.
const ROWS_TOGETHER: usize = 2;

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
    /// Requests that count here by UTC day, ascending.
    pub days: Vec<(Day, i64)>,
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
    ground: &Ground,
    objects: &[ScanObject],
    options: &Arc<ScanOptions>,
    stop: &Stop,
    mut each: impl FnMut(ObjectRow) -> Result<(), EngineError>,
) -> Result<bool, EngineError> {
    let plan = scan(View::Facts, options, objects, None, None)?;
    let mut stream = execute_stream(plan, ground.task())?.ready_chunks(ROWS_TOGETHER);
    let (sender, mut rows) = mpsc::channel(ROWS_AHEAD / ROWS_TOGETHER);
    // Ends with this future, whatever becomes of it.
    let mut forwarding = JoinSet::new();
    forwarding.spawn(async move {
        while let Some(batches) = stream.next().await {
            if sender.send(batches).await.is_err() {
                return;
            }
        }
    });
    let mut waiting: std::collections::HashSet<i64> =
        objects.iter().map(|object| object.ordinal).collect();
    let mut late = 0;
    let mut ended = pin!(async {
        stop.clone().wanted().await;
        tokio::time::sleep(GRACE).await;
    });
    loop {
        let batches = tokio::select! {
            biased;
            batches = rows.recv() => batches,
            () = &mut ended => return Ok(false),
        };
        let Some(batches) = batches else { break };
        let batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
        let alone = |batch: RecordBatch| (0..batch.num_rows()).map(move |row| batch.slice(row, 1));
        for row in batches.into_iter().flat_map(alone) {
            let row = take_apart(&row)?;
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
    if let Some(Err(panicked)) = forwarding.join_next().await {
        std::panic::resume_unwind(panicked.into_panic());
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
    ground: &Ground,
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
    job(ground, std::slice::from_ref(object), &options, &never, keep).await?;
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
    let mut days = BTreeMap::new();
    for minute in minutes(&packed_facts(facts, 0, "usage")?) {
        let minute = minute.map_err(|torn| EngineError::Conservation(torn.to_string()))?;
        *days.entry(minute.minute.day()).or_insert(0) += minute.requests();
    }
    let days: Vec<(Day, i64)> = days.into_iter().collect();
    check(ordinal, &reading, natural("outside_window")?, &days)?;
    Ok(ObjectRow { ordinal, reading, days, facts: facts.clone() })
}

/// Nothing is lost within an object: every record met is a row, a reject or a duplicate, and every row
/// inside the window is a request of some minute.
fn check(
    ordinal: i64,
    reading: &Reading,
    outside_window: u64,
    days: &[(Day, i64)],
) -> Result<(), EngineError> {
    let Reading { records, rows, rejected, duplicates, .. } = reading;
    if rows + rejected + duplicates != *records {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {records} records are not {rows} rows, {rejected} rejects and \
             {duplicates} duplicates"
        )));
    }
    let counted: i64 = days.iter().map(|(_, requests)| requests).sum();
    if counted != (rows - outside_window) as i64 {
        return Err(EngineError::Conservation(format!(
            "object {ordinal}: {rows} rows, {outside_window} outside the window, \
             but {counted} requests"
        )));
    }
    Ok(())
}

/// One kind of packed facts of an object, whose row is at `row`; shares the memory of the batch.
pub(super) fn packed_facts(
    batch: &RecordBatch,
    row: usize,
    name: &str,
) -> Result<Buffer, EngineError> {
    let column = packed(batch, name)?;
    let start = column.value_offsets()[row] as usize;
    Ok(column.values().slice_with_length(start, column.value_length(row) as usize))
}
