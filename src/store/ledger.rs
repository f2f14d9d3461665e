//! The ledger: which objects were read and how, to and from the state, and as the rows of `objects`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    Date32Type, Field, Int32Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow::error::ArrowError;

use super::segment::Segment;
use crate::schema::{TIME_ZONE, state, table};
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
    /// Why the object could not be read.
    pub error: Option<String>,
}

/// One object that was read, or should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The source, as the user named it.
    pub source: Arc<str>,
    /// Key or path below the source.
    pub key: String,
    /// Full name in its store: what makes it the same object, whatever source names it.
    pub location: String,
    /// Day of the key, or of the last change where the key follows no layout.
    pub day: Day,
    /// Number of the day's segment that holds it; 0 as long as none does.
    pub segment: u32,
    /// Hour of the key, where it follows the layout.
    pub hour: Option<u8>,
    /// The store's version of the content.
    pub etag: Option<String>,
    /// When the store last changed it, microseconds since the epoch.
    pub last_modified: i64,
    /// Bytes as stored.
    pub bytes: u64,
    /// How it was read.
    pub reading: Reading,
    /// Whether it was missing when its place was last listed; what it held still counts.
    pub gone: bool,
    /// Another number for every reading, so that a digest over it sees that facts may have changed.
    pub revision: u64,
    /// Requests that count by UTC day, ascending; 0 where all of a day count elsewhere.
    pub days: Vec<(Day, i64)>,
}

/// The order in which objects count: of two records with one request id, the one in the first counts.
pub type Order<'e> = (Day, Option<u8>, &'e str, &'e str);

/// The day that an object belongs to: of its key, or of its last change where the key follows no layout.
pub fn object_day(object: &LogObject) -> Day {
    match &object.key {
        Some(key) => key.hour.0,
        None => Minute::of_seconds(object.last_modified.timestamp()).day(),
    }
}

impl LedgerEntry {
    /// An entry of an object that was just listed, not yet read.
    pub fn of(source: &Arc<str>, location: String, object: &LogObject) -> Self {
        Self {
            source: Arc::clone(source),
            key: object.relative_key().to_owned(),
            location,
            day: object_day(object),
            segment: 0,
            hour: object.key.as_ref().map(|key| key.hour.1),
            etag: object.etag.clone(),
            last_modified: object.last_modified.timestamp_micros(),
            bytes: object.size,
            reading: Reading::default(),
            gone: false,
            revision: 0,
            days: Vec::new(),
        }
    }

    /// The state file that holds it, if any does.
    pub fn place(&self) -> Segment {
        Segment { day: self.day, number: self.segment }
    }

    /// By day, hour of delivery, key and place.
    pub fn order(&self) -> Order<'_> {
        (self.day, self.hour, &self.key, &self.location)
    }

    /// Whether the entry is of this version of the object.
    pub fn is_of(&self, object: &LogObject) -> bool {
        self.bytes == object.size
            && match (&self.etag, &object.etag) {
                (Some(mine), Some(listed)) => mine == listed,
                _ => self.last_modified == object.last_modified.timestamp_micros(),
            }
    }

    /// The first and the last day of requests that count here.
    pub fn span(&self) -> Option<(Day, Day)> {
        let mut days = self.days.iter().filter(|(_, requests)| *requests > 0).map(|(day, _)| *day);
        let first = days.next()?;
        Some((first, days.next_back().unwrap_or(first)))
    }

    /// Requests of the days that `within` is true of.
    pub fn requests(&self, within: impl Fn(Day) -> bool) -> i64 {
        self.days.iter().filter(|(day, _)| within(*day)).map(|(_, requests)| requests).sum()
    }
}

/// The ledger columns of the state, in its order.
///
/// # Errors
/// Arrow refuses the columns.
pub fn columns(entries: &[LedgerEntry]) -> Result<Vec<ArrayRef>, ArrowError> {
    let text = |of: fn(&LedgerEntry) -> Option<&str>| -> ArrayRef {
        Arc::new(entries.iter().map(of).collect::<StringArray>())
    };
    let count = |of: fn(&LedgerEntry) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| of(entry) as i64)))
    };
    let modified = entries.iter().map(|entry| entry.last_modified);
    let modified = TimestampMicrosecondArray::from_iter_values(modified).with_timezone(TIME_ZONE);
    let hours: Int32Array = entries.iter().map(|entry| entry.hour.map(i32::from)).collect();
    let gone: BooleanArray = entries.iter().map(|entry| Some(entry.gone)).collect();
    Ok(vec![
        text(|entry| Some(&entry.source)),
        text(|entry| Some(&entry.key)),
        text(|entry| Some(&entry.location)),
        Arc::new(hours),
        text(|entry| entry.etag.as_deref()),
        Arc::new(modified),
        count(|entry| entry.bytes),
        count(|entry| entry.reading.inflated_bytes),
        count(|entry| entry.reading.records),
        count(|entry| entry.reading.rows),
        count(|entry| entry.reading.rejected),
        count(|entry| entry.reading.duplicates),
        text(|entry| entry.reading.error.as_deref()),
        Arc::new(gone),
        Arc::new(UInt64Array::from_iter_values(entries.iter().map(|entry| entry.revision))),
        days_column(entries)?,
    ])
}

fn days_column(entries: &[LedgerEntry]) -> Result<ArrayRef, ArrowError> {
    let all = || entries.iter().flat_map(|entry| &entry.days);
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(all().map(|(day, _)| day.0)));
    let requests: ArrayRef = Arc::new(Int64Array::from_iter_values(all().map(|(_, n)| *n)));
    let length = days.len();
    let items =
        StructArray::try_new_with_length(state::day_fields(), vec![days, requests], None, length)?;
    let lengths = entries.iter().map(|entry| entry.days.len());
    list(Arc::new(items), OffsetBuffer::from_lengths(lengths))
}

/// A list column without nulls.
pub fn list(items: ArrayRef, offsets: OffsetBuffer<i32>) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("item", items.data_type().clone(), false));
    Ok(Arc::new(ListArray::try_new(field, offsets, items, None)?))
}

/// The entries of a state file's rows; `batch` has at least the ledger columns.
///
/// # Errors
/// A column is missing or of another type.
pub fn entries(segment: Segment, batch: &RecordBatch) -> Result<Vec<LedgerEntry>, ArrowError> {
    let wrong = |name: &str| ArrowError::SchemaError(format!("state has no column {name}"));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(name));
    let text = |name| column(name)?.as_string_opt::<i32>().ok_or_else(|| wrong(name));
    let count = |name| column(name)?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(name));
    let (sources, keys, locations) = (text("source")?, text("key")?, text("location")?);
    let (etags, errors) = (text("etag")?, text("error")?);
    let hours = column("hour")?.as_primitive_opt::<Int32Type>().ok_or_else(|| wrong("hour"))?;
    let modified = column("last_modified")?
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| wrong("last_modified"))?;
    let gone = column("gone")?.as_boolean_opt().ok_or_else(|| wrong("gone"))?;
    let revisions =
        column("revision")?.as_primitive_opt::<UInt64Type>().ok_or_else(|| wrong("revision"))?;
    let days = column("days")?.as_list_opt::<i32>().ok_or_else(|| wrong("days"))?;
    let counts = ["bytes", "inflated_bytes", "records", "rows", "rejected", "duplicates"];
    let [bytes, inflated, records, rows, rejected, duplicates] = counts.map(count);
    let (bytes, inflated, records) = (bytes?, inflated?, records?);
    let (rows, rejected, duplicates) = (rows?, rejected?, duplicates?);
    let some = |column: &StringArray, row| column.is_valid(row).then(|| column.value(row).into());
    let mut source: Arc<str> = "".into();
    (0..batch.num_rows())
        .map(|row| {
            if *source != *sources.value(row) {
                source = sources.value(row).into();
            }
            Ok(LedgerEntry {
                source: Arc::clone(&source),
                key: keys.value(row).to_owned(),
                location: locations.value(row).to_owned(),
                day: segment.day,
                segment: segment.number,
                hour: hours.is_valid(row).then(|| hours.value(row) as u8),
                etag: some(etags, row),
                last_modified: modified.value(row),
                bytes: bytes.value(row) as u64,
                reading: Reading {
                    inflated_bytes: inflated.value(row) as u64,
                    records: records.value(row) as u64,
                    rows: rows.value(row) as u64,
                    rejected: rejected.value(row) as u64,
                    duplicates: duplicates.value(row) as u64,
                    error: some(errors, row),
                },
                gone: gone.value(row),
                revision: revisions.value(row),
                days: days_of(&days.value(row))?,
            })
        })
        .collect()
}

/// Days with requests of one list of them.
fn days_of(items: &ArrayRef) -> Result<Vec<(Day, i64)>, ArrowError> {
    let wrong = || ArrowError::SchemaError("days are no days with requests".into());
    let items = items.as_struct_opt().ok_or_else(wrong)?;
    let days = items.column(0).as_primitive_opt::<Date32Type>().ok_or_else(wrong)?;
    let requests = items.column(1).as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    Ok(days.values().iter().map(|day| Day(*day)).zip(requests.values().iter().copied()).collect())
}

/// The UTC day of a timestamp in microseconds.
pub fn day_of_micros(micros: i64) -> Day {
    Minute::of_seconds(micros.div_euclid(1_000_000)).day()
}

/// The rows of `objects` of one day, in the table's order.
///
/// # Errors
/// Arrow refuses the columns.
pub fn objects(mut entries: Vec<LedgerEntry>) -> Result<RecordBatch, ArrowError> {
    entries.sort_by(|a, b| (&a.source, &a.key).cmp(&(&b.source, &b.key)));
    let state = columns(&entries)?;
    let of_state = |name: &str| {
        let at = state::LEDGER.iter().position(|column| *column == name);
        at.map(|at| Arc::clone(&state[at]))
    };
    let day = |of: fn((Day, Day)) -> Day| -> ArrayRef {
        Arc::new(entries.iter().map(|e| e.span().map(|span| of(span).0)).collect::<Date32Array>())
    };
    let table = table("objects").ok_or_else(|| no_table("objects"))?;
    let column = |column: &crate::schema::Column| match column.name {
        "rejects" => of_state("rejected"),
        "first_date" => Some(day(|(first, _)| first)),
        "last_date" => Some(day(|(_, last)| last)),
        name => of_state(name),
    };
    let columns = table.columns.iter().map(|c| column(c).ok_or_else(|| no_table(c.name)));
    RecordBatch::try_new(table.arrow_schema(), columns.collect::<Result<_, _>>()?)
}

/// The rows of `rejects` of one day, in the table's order; `batches` are rows of the state.
///
/// # Errors
/// A column is missing, or Arrow refuses the columns.
pub fn rejects(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let wrong = || ArrowError::SchemaError("state has no rejects".into());
    let mut rows = Vec::new();
    for batch in batches {
        let text = |name| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let (sources, keys) = (text("source").ok_or_else(wrong)?, text("key").ok_or_else(wrong)?);
        let lists = batch.column_by_name("rejects").and_then(|c| c.as_list_opt::<i32>());
        let lists = lists.ok_or_else(wrong)?;
        for row in 0..batch.num_rows() {
            let items = lists.value(row);
            let items = items.as_struct_opt().ok_or_else(wrong)?;
            let at = items.column(0).as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
            let reasons = items.column(1).as_string_opt::<i32>().ok_or_else(wrong)?;
            let (source, key) = (sources.value(row), keys.value(row));
            rows.extend(
                at.iter()
                    .zip(reasons.iter())
                    .map(|(at, reason)| (source, key, at, reason.unwrap_or_default().to_owned())),
            );
        }
    }
    rows.sort();
    let table = table("rejects").ok_or_else(|| no_table("rejects"))?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(&row.3)).collect::<StringArray>()),
    ];
    RecordBatch::try_new(table.arrow_schema(), columns)
}

fn no_table(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("nothing fills {name}"))
}
