//! The facts view: one row an object, with that object's partial facts as nested lists.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::columns::{key_arrays, minute_array, numbers};
use super::partial::{Partial, RequestId};
use crate::schema::state;
use crate::workload::SizeHistogram;

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

fn usage(partial: &Partial) -> Result<StructArray, ArrowError> {
    let mut rows: Vec<_> = partial.minutes.iter().collect();
    rows.sort_unstable_by_key(|(at, _)| **at);
    let of = |number: u32| partial.workloads[number as usize].as_ref();
    let workloads = rows.iter().map(|((workload, _), _)| of(*workload));
    let mut columns = vec![minute_array(rows.iter().map(|((_, minute), _)| *minute))];
    columns.extend(key_arrays(workloads));
    let values: Vec<_> = rows.iter().map(|(_, facts)| numbers(facts)).collect();
    for column in 0..super::columns::NUMBERS {
        columns.push(Arc::new(Int64Array::from_iter_values(values.iter().map(|row| row[column]))));
    }
    StructArray::try_new_with_length(state::usage_fields(), columns, None, rows.len())
}

fn sizes(partial: &Partial) -> Result<StructArray, ArrowError> {
    let mut rows: Vec<_> = partial.sizes.iter().map(|(at, requests)| (*at, *requests)).collect();
    rows.sort_unstable();
    let of = |number: u32| partial.workloads[number as usize].as_ref();
    let workloads = rows.iter().map(|((workload, ..), _)| of(*workload));
    let bins = || rows.iter().map(|((.., bin), _)| *bin);
    let days = rows.iter().map(|((_, day, ..), _)| day.0);
    let kinds =
        StringArray::from_iter_values(rows.iter().map(|((_, _, kind, _), _)| kind.as_str()));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Date32Array::from_iter_values(days))];
    columns.extend(key_arrays(workloads));
    columns.extend([
        Arc::new(kinds) as ArrayRef,
        Arc::new(Int32Array::from_iter_values(bins())),
        Arc::new(Float64Array::from_iter_values(bins().map(SizeHistogram::lower_bound))),
        Arc::new(Float64Array::from_iter_values(
            bins().map(|bin| SizeHistogram::lower_bound(bin + 1)),
        )),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, requests)| *requests))),
    ]);
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
