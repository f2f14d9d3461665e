//! The facts view: one row an object, with that object's partial facts as nested lists.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::columns::{key_arrays, minute_array, pack};
use super::partial::{Partial, RequestId, SizeKind};
use crate::schema::state;

/// About what a packed minute takes.
const PACKED_BYTES: usize = 24;

/// How scanning one object ended.
pub(super) struct Scanned {
    /// Compressed size in bytes.
    pub(super) bytes: u64,
    /// Size after inflating, 0 when unreadable.
    pub(super) inflated: u64,
    /// The facts, or why there are none.
    pub(super) outcome: Result<Partial, String>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let count = |name: &str| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        count("bytes"),
        count("inflated_bytes"),
        count("records"),
        count("rows"),
        count("rejected"),
        count("duplicates"),
        count("outside_window"),
        Field::new("error", DataType::Utf8, true),
        state::list_field("workloads", DataType::Struct(state::workload_fields())),
        state::list_field("usage", DataType::Struct(state::usage_fields())),
        state::list_field("sizes", DataType::Struct(state::sizes_fields())),
        state::list_field("rejects", DataType::Struct(state::reject_fields())),
        state::list_field("ids", DataType::Struct(state::id_fields())),
    ]))
});

/// The view's file schema, without the partition column `ordinal`.
pub fn facts_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The row of one object. An unreadable object is one record met and rejected, without a position.
pub(super) fn row(scanned: Scanned) -> Result<RecordBatch, ArrowError> {
    let error = scanned.outcome.as_ref().err().cloned();
    let partial = scanned.outcome.unwrap_or_default();
    let rejects = rejects(&partial, error.as_deref())?;
    let rejected = partial.rejected + u64::from(error.is_some());
    let count = |value: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![value as i64])) };
    let lists = [
        one_list(Arc::new(workloads(&partial)?))?,
        one_list(Arc::new(usage(&partial)?))?,
        one_list(Arc::new(sizes(&partial)?))?,
        one_list(Arc::new(rejects))?,
        one_list(Arc::new(ids(&partial.ids)?))?,
    ];
    let mut columns = vec![
        count(scanned.bytes),
        count(scanned.inflated),
        count(partial.rows + rejected + partial.duplicates),
        count(partial.rows),
        count(rejected),
        count(partial.duplicates),
        count(partial.outside_window),
        Arc::new(StringArray::from(vec![error])),
    ];
    columns.extend(lists);
    RecordBatch::try_new(facts_schema(), columns)
}

/// A list column of one row that holds all of `items`.
fn one_list(items: ArrayRef) -> Result<ArrayRef, ArrowError> {
    use arrow::array::Array as _;
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    let field = Arc::new(Field::new("item", items.data_type().clone(), false));
    Ok(Arc::new(ListArray::try_new(field, offsets, items, None)?))
}

fn workloads(partial: &Partial) -> Result<StructArray, ArrowError> {
    let all = partial.workloads.iter().map(Arc::as_ref);
    let length = partial.workloads.len();
    StructArray::try_new_with_length(state::workload_fields(), key_arrays(all), None, length)
}

fn usage(partial: &Partial) -> Result<StructArray, ArrowError> {
    let mut rows: Vec<_> = partial.minutes.iter().collect();
    rows.sort_unstable_by_key(|(at, _)| **at);
    let (mut packed, mut ends) = (Vec::with_capacity(rows.len() * PACKED_BYTES), Vec::new());
    for (_, facts) in &rows {
        pack(facts, &mut packed);
        ends.push(packed.len());
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let lengths = starts.zip(&ends).map(|(start, end)| end - start);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let columns: Vec<ArrayRef> = vec![
        minute_array(rows.iter().map(|((_, minute), _)| *minute)),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|((number, _), _)| *number))),
        Arc::new(BinaryArray::try_new(offsets, packed.into(), None)?),
    ];
    StructArray::try_new_with_length(state::usage_fields(), columns, None, rows.len())
}

fn sizes(partial: &Partial) -> Result<StructArray, ArrowError> {
    let mut rows: Vec<_> = partial.sizes.iter().map(|(at, requests)| (*at, *requests)).collect();
    rows.sort_unstable();
    let at = || rows.iter().map(|(at, _)| *at);
    let is_output = at().map(|(_, _, kind, _)| Some(kind == SizeKind::Output));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(at().map(|(_, day, ..)| day.0))),
        Arc::new(UInt32Array::from_iter_values(at().map(|(number, ..)| number))),
        Arc::new(is_output.collect::<BooleanArray>()),
        Arc::new(Int32Array::from_iter_values(at().map(|(.., bin)| bin))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, requests)| *requests))),
    ];
    StructArray::try_new_with_length(state::sizes_fields(), columns, None, rows.len())
}

fn rejects(partial: &Partial, error: Option<&str>) -> Result<StructArray, ArrowError> {
    let positions = partial.rejects.iter().map(|reject| Some(reject.position as i64));
    let reasons = partial.rejects.iter().map(|reject| Some(reject.reason));
    let positions: Int64Array = positions.chain(error.map(|_| None)).collect();
    let reasons: StringArray = reasons.chain(error.map(Some)).collect();
    StructArray::try_new(state::reject_fields(), vec![Arc::new(positions), Arc::new(reasons)], None)
}

fn ids(ids: &[RequestId]) -> Result<StructArray, ArrowError> {
    let days = Date32Array::from_iter_values(ids.iter().map(|(day, _)| day.0));
    let hashes = UInt64Array::from_iter_values(ids.iter().map(|(_, id)| *id));
    let columns: Vec<ArrayRef> = vec![Arc::new(days), Arc::new(hashes)];
    StructArray::try_new_with_length(state::id_fields(), columns, None, ids.len())
}
