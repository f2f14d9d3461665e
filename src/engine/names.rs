//! The workloads met while facts are unpacked: each has a number, and its place in the order of the tables.
//!
//! Facts are grouped and sorted by places, and get the texts of their key last: comparing and moving nine
//! texts for every minute of every object would cost more than all else in a merge.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, UInt32Type};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;

use crate::schema::{KEY_COLUMNS, KEY_ORDER};
use crate::table::packed::{Torn, texts, workloads};

/// Name of the column that tells a fact's workload by its place in the order of the tables.
pub(super) const PLACE: &str = "place";

/// Workloads by number, in the order in which they were met.
#[derive(Default)]
pub(super) struct Names {
    /// A workload's packed texts → its number.
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
}

impl Names {
    /// The numbers of an object's workloads, in their order.
    pub(super) fn numbers(&mut self, packed: &[u8]) -> Result<Vec<u32>, Torn> {
        let number = |workload: Result<&[u8], Torn>| {
            let workload = workload?;
            if let Some(number) = self.numbers.get(workload) {
                return Ok(*number);
            }
            texts(workload)?;
            let next = self.numbers.len() as u32;
            self.numbers.insert(workload.into(), next);
            Ok(next)
        };
        workloads(packed).map(number).collect()
    }

    /// The keys in their order, and the place of each number among them.
    pub(super) fn finish(self) -> (Keys, Vec<u32>) {
        // All were unpacked when they were numbered.
        let unpacked = self.numbers.iter().map(|(packed, number)| (texts(packed), *number));
        let mut rows: Vec<_> =
            unpacked.filter_map(|(texts, number)| Some((texts.ok()?, number))).collect();
        rows.sort_unstable_by(|(a, _), (b, _)| by_key(a).cmp(&by_key(b)).then_with(|| a.cmp(b)));
        let mut places = vec![0; rows.len()];
        for (place, (_, number)) in rows.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let column = |at: usize| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(texts, _)| texts[at])))
        };
        (Keys((0..KEY_COLUMNS.len()).map(column).collect()), places)
    }
}

/// What a workload is sorted by.
fn by_key<'t>(texts: &[&'t str; KEY_COLUMNS.len()]) -> [Option<&'t str>; KEY_ORDER.len()] {
    KEY_ORDER.map(|name| KEY_COLUMNS.iter().position(|column| *column == name).map(|at| texts[at]))
}

/// The key columns of workloads, by place.
pub(super) struct Keys(Vec<ArrayRef>);

impl Keys {
    /// The rows with the key columns of their places instead of these.
    pub(super) fn put(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = rows.schema();
        let at = schema.index_of(PLACE)?;
        let places = rows.column(at).as_primitive_opt::<UInt32Type>();
        let places =
            places.ok_or_else(|| ArrowError::SchemaError("places are no numbers".into()))?;
        let key = |name: &&str| Arc::new(Field::new(*name, DataType::Utf8, false));
        let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        fields.splice(at..=at, KEY_COLUMNS.iter().map(key));
        let keys = self.0.iter().map(|texts| take(texts, places, None));
        let mut columns = rows.columns().to_vec();
        columns.splice(at..=at, keys.collect::<Result<Vec<_>, _>>()?);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}
