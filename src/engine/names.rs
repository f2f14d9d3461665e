//! The workloads met while facts are set aside: each has a number, and its place in the order of the tables.
//!
//! Facts are grouped and sorted by these numbers, and get the texts of their key last: comparing nine texts
//! for every minute of every object would cost more than all else in a merge.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::datasource::MemTable;

use super::EngineError;
use crate::schema::{KEY_ORDER, state};
use crate::table::columns::Reader;

/// Workloads by number.
pub(super) struct Names {
    /// Workload and kind of caller → number.
    numbers: HashMap<(String, String), u32>,
    /// The key columns, in the order of the numbers.
    keys: Vec<RecordBatch>,
    schema: SchemaRef,
}

impl Names {
    pub(super) fn new() -> Self {
        let schema = Arc::new(Schema::new(state::workload_fields()));
        Self { numbers: HashMap::new(), keys: Vec::new(), schema }
    }

    /// The numbers of workloads, row by row.
    pub(super) fn numbers(&mut self, workloads: &RecordBatch) -> Result<Vec<u32>, ArrowError> {
        let reader = Reader(workloads);
        let (ids, kinds) = (reader.text("workload")?, reader.text("caller_kind")?);
        let mut new = Vec::new();
        let numbers = (0..workloads.num_rows()).map(|row| {
            let next = self.numbers.len() as u32;
            let key = (ids.value(row).to_owned(), kinds.value(row).to_owned());
            *self.numbers.entry(key).or_insert_with(|| {
                new.push(row as u32);
                next
            })
        });
        let numbers = numbers.collect();
        if !new.is_empty() {
            self.keys.push(take_record_batch(workloads, &UInt32Array::from(new))?);
        }
        Ok(numbers)
    }

    /// The table that merging joins: number, place in the tables' order, and the key columns.
    pub(super) fn into_table(self) -> Result<MemTable, EngineError> {
        let keys = concat_batches(&self.schema, &self.keys)?;
        let sorted = |name: &&str| {
            let values = keys.column_by_name(name).map(Arc::clone);
            let missing = || ArrowError::SchemaError(format!("no key column {name}"));
            Ok(SortColumn { values: values.ok_or_else(missing)?, options: None })
        };
        let order: Vec<SortColumn> =
            KEY_ORDER.iter().map(sorted).collect::<Result<_, ArrowError>>()?;
        let order = lexsort_to_indices(&order, None)?;
        let mut places = vec![0; keys.num_rows()];
        for (place, number) in order.values().iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..keys.num_rows() as u32));
        let own = |name: &str| Field::new(name, DataType::UInt32, false);
        let own = [own(state::NUMBER), own("place")].map(Arc::new);
        let fields: Vec<_> =
            own.into_iter().chain(keys.schema().fields().iter().cloned()).collect();
        let columns = [numbers, Arc::new(UInt32Array::from(places))];
        let columns = columns.into_iter().chain(keys.columns().iter().cloned()).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(MemTable::try_new(batch.schema(), vec![vec![batch]])?)
    }
}
