//! The facts of one day added up in memory: by workload and minute, and by workload and size.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;

use super::names::Keys;
use crate::schema::{Kind, PARTITION_COLUMN, TIME_ZONE};
use crate::table::columns::{NUMBERS, number_names};
use crate::table::packed::{PackedMinute, numbers_of, pack_numbers};
use crate::units::{Day, Minute};
use crate::workload::SizeHistogram;

/// Name of the column that tells a fact's workload by its number, before places are known.
pub(super) const NUMBER: &str = "number";

/// One row of usage: workload, minute, and where its numbers are.
pub(super) type UsageRow = (u32, Minute, u32);

/// The numbers of workloads in the minutes of a day.
#[derive(Default)]
pub(super) struct UsageSums {
    /// Workload and minute → place among `sums`.
    rows: HashMap<(u32, Minute), u32, RandomState>,
    sums: Vec<[i64; NUMBERS]>,
}

impl UsageSums {
    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    /// Adds what one object tells of a workload's minute.
    pub(super) fn add(&mut self, number: u32, row: &PackedMinute<'_>) {
        let at = *self.rows.entry((number, row.minute)).or_insert_with(|| {
            self.sums.push([0; NUMBERS]);
            self.sums.len() as u32 - 1
        });
        let sums = &mut self.sums[at as usize];
        for (column, value) in numbers_of(row.numbers) {
            sums[column] = sums[column].saturating_add(value);
        }
    }

    /// The rows in the order of the table: workload, minute, and the place of the numbers.
    pub(super) fn sorted(&self, keys: &Keys) -> Vec<UsageRow> {
        let row = |(at, sums): (&(u32, Minute), &u32)| (at.0, at.1, *sums);
        let mut rows: Vec<UsageRow> = self.rows.iter().map(row).collect();
        rows.sort_unstable_by_key(|(number, minute, _)| (keys.place(*number), *minute));
        rows
    }

    /// The numbers of a row.
    pub(super) fn numbers(&self, row: &UsageRow) -> &[i64; NUMBERS] {
        &self.sums[row.2 as usize]
    }

    /// Sorted rows as `usage` has them, the texts of keys as dictionaries.
    pub(super) fn batch(&self, rows: &[UsageRow], keys: &Keys) -> Result<RecordBatch, ArrowError> {
        let mut columns = keys.of_rows(rows.iter().map(|(number, ..)| *number));
        let minute = Arc::new(Field::new("minute", Kind::Time.arrow(), false));
        columns.push((minute, minutes(rows.iter().map(|(_, minute, _)| *minute))));
        for (at, name) in number_names().enumerate() {
            let numbers = rows.iter().map(|row| self.numbers(row)[at]);
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
            columns.push((Arc::new(Field::new(name, DataType::Int64, false)), numbers));
        }
        batch(columns)
    }

    /// The columns that rows have while they are set aside.
    pub(super) fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("minute", Kind::Time.arrow(), false),
            Field::new(NUMBER, DataType::UInt32, false),
            Field::new("packed", DataType::Binary, false),
        ]))
    }

    /// What was added up, as rows with their numbers packed, in no order; begins anew.
    pub(super) fn set_aside(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut packed = BinaryBuilder::with_capacity(self.sums.len(), 0);
        let mut of_row = Vec::new();
        let rows: Vec<_> = self.rows.drain().collect();
        for (_, at) in &rows {
            of_row.clear();
            pack_numbers(&self.sums[*at as usize], &mut of_row);
            packed.append_value(&of_row);
        }
        self.sums.clear();
        let minutes = minutes(rows.iter().map(|((_, minute), _)| *minute));
        let numbers = rows.iter().map(|((number, _), _)| *number);
        let columns: [ArrayRef; 3] =
            [minutes, Arc::new(UInt32Array::from_iter_values(numbers)), Arc::new(packed.finish())];
        RecordBatch::try_new(Self::schema(), columns.into())
    }
}

/// Calls of a day by workload, whether of output, and bin.
#[derive(Default)]
pub(super) struct SizeSums(HashMap<(u32, bool, i32), i64, RandomState>);

/// One row of sizes: workload, whether of output, bin, calls.
pub(super) type SizeRow = (u32, bool, i32, i64);

impl SizeSums {
    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds what one object tells of a bin.
    pub(super) fn add(&mut self, number: u32, is_output: bool, bin: i32, requests: i64) {
        let sum = self.0.entry((number, is_output, bin)).or_default();
        *sum = sum.saturating_add(requests);
    }

    /// The rows in the order of the table.
    pub(super) fn sorted(&self, keys: &Keys) -> Vec<SizeRow> {
        let rows =
            self.0.iter().map(|((number, is_output, bin), n)| (*number, *is_output, *bin, *n));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable_by_key(|(number, is_output, bin, _)| {
            (keys.place(*number), *is_output, *bin)
        });
        rows
    }

    /// The columns that rows have; `workload` is what the workload's column tells.
    pub(super) fn schema(workload: &str) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new(PARTITION_COLUMN, DataType::Date32, false),
            Field::new(workload, DataType::UInt32, false),
            Field::new("is_output", DataType::Boolean, false),
            Field::new("bin", DataType::Int32, false),
            Field::new("requests", DataType::Int64, false),
        ]))
    }

    /// What was added up of `day`, as rows in no order; begins anew.
    pub(super) fn set_aside(&mut self, day: Day) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<_> = self.0.drain().collect();
        let at = || rows.iter().map(|(at, _)| *at);
        let columns: [ArrayRef; 5] = [
            Arc::new(Date32Array::from_iter_values(at().map(|_| day.0))),
            Arc::new(UInt32Array::from_iter_values(at().map(|(number, ..)| number))),
            Arc::new(at().map(|(_, is_output, _)| Some(is_output)).collect::<BooleanArray>()),
            Arc::new(Int32Array::from_iter_values(at().map(|(.., bin)| bin))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, requests)| *requests))),
        ];
        RecordBatch::try_new(Self::schema(NUMBER), columns.into())
    }
}

/// Sorted rows as `sizes` has them, the texts of keys as dictionaries.
pub(super) fn size_batch(rows: &[SizeRow], keys: &Keys) -> Result<RecordBatch, ArrowError> {
    let mut columns = keys.of_rows(rows.iter().map(|(number, ..)| *number));
    let kinds = rows.iter().map(|(_, is_output, ..)| if *is_output { "output" } else { "input" });
    let bins = || rows.iter().map(|(_, _, bin, _)| *bin);
    let bound = |above: i32| -> ArrayRef {
        let bounds = bins().map(|bin| SizeHistogram::lower_bound(bin.saturating_add(above)));
        Arc::new(Float64Array::from_iter_values(bounds))
    };
    let own: [(&str, ArrayRef); 5] = [
        ("kind", Arc::new(StringArray::from_iter_values(kinds))),
        ("bin", Arc::new(Int32Array::from_iter_values(bins()))),
        ("lower_tokens", bound(0)),
        ("upper_tokens", bound(1)),
        ("requests", Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., n)| *n)))),
    ];
    columns.extend(own.map(|(name, column)| {
        (Arc::new(Field::new(name, column.data_type().clone(), false)), column)
    }));
    batch(columns)
}

fn minutes(minutes: impl Iterator<Item = Minute>) -> ArrayRef {
    let minutes = TimestampMicrosecondArray::from_iter_values(minutes.map(Minute::micros));
    Arc::new(minutes.with_timezone(TIME_ZONE))
}

fn batch(columns: Vec<(FieldRef, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
