//! The facts view: one row an object, with that object's partial facts packed.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::packed::{pack_ids, pack_minutes, pack_sizes, pack_workloads};
use super::partial::Partial;
use crate::schema::state;

/// Name of the facts view's partition column: the object's number in the job.
pub const ORDINAL: &str = "ordinal";

/// How scanning one object ended.
pub(super) struct Scanned {
    /// The object's number.
    pub(super) ordinal: i64,
    /// Compressed size in bytes.
    pub(super) bytes: u64,
    /// Size after inflating, 0 when unreadable.
    pub(super) inflated: u64,
    /// The facts, or why there are none.
    pub(super) outcome: Result<Partial, String>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let count = |name: &str| Field::new(name, DataType::Int64, false);
    let own = vec![
        count("bytes"),
        count("inflated_bytes"),
        count("records"),
        count("rows"),
        count("rejected"),
        count("duplicates"),
        count("outside_window"),
        Field::new("error", DataType::Utf8, true),
        state::list_field(state::REJECTS, DataType::Struct(state::reject_fields())),
    ];
    let packed = state::FACTS.map(state::packed_field);
    Arc::new(Schema::new(own.into_iter().chain(packed).collect::<Vec<_>>()))
});

/// The view's file schema, without the partition column `ordinal`.
pub fn facts_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The partition column.
pub(super) fn ordinal_field() -> Field {
    Field::new(ORDINAL, DataType::Int64, false)
}

/// The view's file schema with the partition column behind it.
static WHOLE: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = SCHEMA.fields().iter().cloned();
    Arc::new(Schema::new(fields.chain([Arc::new(ordinal_field())]).collect::<Vec<_>>()))
});

/// The row of one object, in all columns of the view. An unreadable object is one record met and rejected, without a
/// position.
pub(super) fn row(scanned: Scanned) -> Result<RecordBatch, ArrowError> {
    let error = scanned.outcome.as_ref().err().cloned();
    let mut partial = scanned.outcome.unwrap_or_default();
    let rejects = rejects(&partial, error.as_deref())?;
    let rejected = partial.rejected + u64::from(error.is_some());
    let count = |value: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![value as i64])) };
    let value = |packed: Vec<u8>| -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::from_lengths([packed.len()]);
        Ok(Arc::new(BinaryArray::try_new(offsets, packed.into(), None)?))
    };
    let columns = vec![
        count(scanned.bytes),
        count(scanned.inflated),
        count(partial.rows + rejected + partial.duplicates),
        count(partial.rows),
        count(rejected),
        count(partial.duplicates),
        count(partial.outside_window),
        Arc::new(StringArray::from(vec![error])),
        one_list(Arc::new(rejects))?,
        value(pack_workloads(partial.workloads.iter().map(Arc::as_ref)))?,
        value(pack_minutes(&partial.minutes))?,
        value(pack_sizes(&mut partial.sizes))?,
        value(pack_ids(&partial.ids))?,
        Arc::new(Int64Array::from(vec![scanned.ordinal])),
    ];
    RecordBatch::try_new(Arc::clone(&WHOLE), columns)
}

/// A list column of one row that holds all of `items`.
fn one_list(items: ArrayRef) -> Result<ArrayRef, ArrowError> {
    use arrow::array::Array as _;
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    let field = Arc::new(Field::new("item", items.data_type().clone(), false));
    Ok(Arc::new(ListArray::try_new(field, offsets, items, None)?))
}

fn rejects(partial: &Partial, error: Option<&str>) -> Result<StructArray, ArrowError> {
    let positions = partial.rejects.iter().map(|reject| Some(reject.position as i64));
    let reasons = partial.rejects.iter().map(|reject| Some(reject.reason));
    let positions: Int64Array = positions.chain(error.map(|_| None)).collect();
    let reasons: StringArray = reasons.chain(error.map(Some)).collect();
    StructArray::try_new(state::reject_fields(), vec![Arc::new(positions), Arc::new(reasons)], None)
}
