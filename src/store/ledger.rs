//! The ledger: which objects were read and what in them could not be, as rows of `objects` and `rejects`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::error::ArrowError;

use crate::schema::{TIME_ZONE, table};
use crate::source::LogObject;
use crate::units::{Day, Minute};

/// How one object was read. `records = rows + rejected + duplicates`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes after inflating, 0 when unreadable.
    pub inflated_bytes: u64,
    /// Records met; an unreadable object counts as one.
    pub records: u64,
    /// Records that count.
    pub rows: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// Records whose request id was met before.
    pub duplicates: u64,
    /// The part of `rows` outside the window.
    pub outside_window: u64,
    /// Why the object could not be read.
    pub error: Option<String>,
    /// Rejects by position (none for a whole object) and reason.
    pub rejects: Vec<(Option<u64>, String)>,
}

/// One object that was read, or should have been.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// The source, as the user named it.
    pub source: String,
    /// Key, size, entity tag.
    pub object: LogObject,
    /// How it was read.
    pub reading: Reading,
}

impl LedgerEntry {
    /// The day of the object's key, or of its last change where the key follows no layout.
    pub fn day(&self) -> Day {
        match &self.object.key {
            Some(key) => key.hour.0,
            None => Minute::of_seconds(self.object.last_modified.timestamp()).day(),
        }
    }
}

/// The rows of `objects` by day, in the table's order.
///
/// # Errors
/// Arrow refuses the columns.
pub fn objects(entries: &[LedgerEntry]) -> Result<BTreeMap<Day, RecordBatch>, ArrowError> {
    by_day(entries, |entries| {
        let text = |of: fn(&LedgerEntry) -> Option<&str>| -> ArrayRef {
            Arc::new(entries.iter().map(|entry| of(entry)).collect::<StringArray>())
        };
        let count = |of: fn(&LedgerEntry) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| of(entry) as i64)))
        };
        let modified = entries.iter().map(|entry| entry.object.last_modified.timestamp_micros());
        let modified = TimestampMicrosecondArray::from_iter_values(modified);
        batch(
            "objects",
            vec![
                text(|entry| Some(&entry.source)),
                text(|entry| Some(entry.object.relative_key())),
                text(|entry| entry.object.etag.as_deref()),
                Arc::new(modified.with_timezone(TIME_ZONE)),
                count(|entry| entry.object.size),
                count(|entry| entry.reading.inflated_bytes),
                count(|entry| entry.reading.records),
                count(|entry| entry.reading.rows),
                count(|entry| entry.reading.rejected),
                count(|entry| entry.reading.duplicates),
                count(|entry| entry.reading.outside_window),
                text(|entry| entry.reading.error.as_deref()),
            ],
        )
    })
}

/// The rows of `rejects` by day, in the table's order; days without rejects are left out.
///
/// # Errors
/// Arrow refuses the columns.
pub fn rejects(entries: &[LedgerEntry]) -> Result<BTreeMap<Day, RecordBatch>, ArrowError> {
    let mut days = by_day(entries, |entries| {
        let mut rows: Vec<_> = entries
            .iter()
            .flat_map(|entry| {
                entry.reading.rejects.iter().map(move |(at, reason)| (entry, *at, reason))
            })
            .collect();
        rows.sort_by_key(|(entry, at, reason)| {
            (&entry.source, entry.object.relative_key(), *at, *reason)
        });
        let source: StringArray = rows.iter().map(|(entry, ..)| Some(&entry.source)).collect();
        let key: StringArray =
            rows.iter().map(|(entry, ..)| Some(entry.object.relative_key())).collect();
        let position: Int64Array = rows.iter().map(|(_, at, _)| at.map(|at| at as i64)).collect();
        let reason: StringArray = rows.iter().map(|(.., reason)| Some(reason)).collect();
        batch(
            "rejects",
            vec![Arc::new(source), Arc::new(key), Arc::new(position), Arc::new(reason)],
        )
    })?;
    days.retain(|_, batch| batch.num_rows() > 0);
    Ok(days)
}

fn by_day(
    entries: &[LedgerEntry],
    rows: impl Fn(&[&LedgerEntry]) -> Result<RecordBatch, ArrowError>,
) -> Result<BTreeMap<Day, RecordBatch>, ArrowError> {
    let mut days: BTreeMap<Day, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in entries {
        days.entry(entry.day()).or_default().push(entry);
    }
    days.into_iter()
        .map(|(day, mut entries)| {
            entries.sort_by_key(|entry| (&entry.source, entry.object.relative_key()));
            Ok((day, rows(&entries)?))
        })
        .collect()
}

fn batch(name: &str, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let table = table(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("no table {name} in the schema")))?;
    RecordBatch::try_new(table.arrow_schema(), columns)
}
