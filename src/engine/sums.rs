//! The facts of one day added up in memory: by workload and minute, and by workload and size.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut;

use super::names::Keys;
use crate::schema::{Kind, PARTITION_COLUMN, TIME_ZONE};
use crate::table::columns::NUMBERS;
use crate::table::packed::{PackedMinute, numbers_of, pack_numbers};
use crate::units::{Day, Minute};

/// Name of the column that tells a fact's workload by its number, before places are known.
pub(super) const NUMBER: &str = "number";

/// One row of usage: workload, minute, and where its numbers are.
pub(super) type UsageRow = (u32, Minute, u32);

/// The numbers of workloads in the minutes of a day.
#[derive(Default)]
pub(super) struct UsageSums {
    /// Workload and minute → place among `sums`.
    rows: HashMap<(u32, Minute), u32, RandomState>,
    /// In pieces, so that none is moved when there are more.
    sums: Vec<Vec<[u32; NUMBERS]>>,
    /// Place and column → sum, where that is [`BEYOND`].
    beyond: HashMap<(u32, usize), i64, RandomState>,
    /// By column the bits that any sum has had: a negative one as if without sign.
    bits: [u64; NUMBERS],
}

/// Stands for a sum that does not fit: few minutes have billions of anything, and so rows take half the room.
const BEYOND: u32 = u32::MAX;

/// Rows of a piece of sums: 128 KB.
const PIECE_ROWS: usize = 1 << 10;

impl UsageSums {
    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds what one object tells of a workload's minute.
    pub(super) fn add(&mut self, number: u32, row: &PackedMinute<'_>) {
        let next = self.rows.len();
        let at = *self.rows.entry((number, row.minute)).or_insert(next as u32);
        if at as usize == self.sums.len() * PIECE_ROWS {
            self.sums.push(vec![[0; NUMBERS]; PIECE_ROWS]);
        }
        let sums = &mut self.sums[at as usize / PIECE_ROWS][at as usize % PIECE_ROWS];
        for (column, value) in numbers_of(row.numbers) {
            let sum = match sums[column] {
                BEYOND => self.beyond.get(&(at, column)).copied().unwrap_or_default(),
                sum => i64::from(sum),
            };
            let sum = sum.saturating_add(value);
            self.bits[column] |= sum as u64;
            sums[column] = match u32::try_from(sum) {
                Ok(sum) if sum != BEYOND => sum,
                _ => {
                    self.beyond.insert((at, column), sum);
                    BEYOND
                }
            };
        }
    }

    /// The rows in the order of the table: workload, minute, and the place of the numbers.
    pub(super) fn sorted(&self, keys: &Keys) -> Vec<UsageRow> {
        // All minutes are of one day.
        let order =
            |number, minute: Minute| u64::from(keys.place(number)) << 32 | minute.of_day() as u64;
        let row = |(at, sums): (&(u32, Minute), &u32)| (order(at.0, at.1), (at.0, at.1, *sums));
        let mut rows: Vec<(u64, UsageRow)> = self.rows.iter().map(row).collect();
        rows.par_sort_unstable_by_key(|(order, _)| *order);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// By column the bits that its numbers have, and perhaps more below the highest.
    pub(super) fn bits(&self) -> [u64; NUMBERS] {
        self.bits
    }

    /// The numbers of a row.
    pub(super) fn numbers(&self, (.., at): &UsageRow) -> [i64; NUMBERS] {
        let sums = &self.sums[*at as usize / PIECE_ROWS][*at as usize % PIECE_ROWS];
        std::array::from_fn(|column| match sums[column] {
            BEYOND => self.beyond.get(&(*at, column)).copied().unwrap_or_default(),
            sum => i64::from(sum),
        })
    }

    /// The columns that rows have while they are set aside.
    pub(super) fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("minute", Kind::Time.arrow(), false),
            Field::new(NUMBER, DataType::UInt32, false),
            Field::new("packed", DataType::Binary, false),
        ]))
    }

    /// What was added up, as rows with their numbers packed, in no order.
    pub(super) fn into_rows(self) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<UsageRow> = self.rows.iter().map(|(row, at)| (row.0, row.1, *at)).collect();
        let mut packed = BinaryBuilder::with_capacity(rows.len(), 0);
        let mut of_row = Vec::new();
        for row in &rows {
            of_row.clear();
            pack_numbers(&self.numbers(row), &mut of_row);
            packed.append_value(&of_row);
        }
        let minutes = minutes(rows.iter().map(|row| row.1));
        let numbers = rows.iter().map(|row| row.0);
        let columns: [ArrayRef; 3] =
            [minutes, Arc::new(UInt32Array::from_iter_values(numbers)), Arc::new(packed.finish())];
        RecordBatch::try_new(Self::schema(), columns.into())
    }
}

/// Calls of a day by workload, whether of output, and bin.
#[derive(Default)]
pub(super) struct SizeSums {
    /// Workload, whether of output and which sixteen bins → place among `sums`.
    places: HashMap<(u32, bool, i32), u32, RandomState>,
    /// Calls of sixteen bins: a factor of *e* in tokens, and objects have most of their sizes in few of them.
    sums: Vec<[i64; 16]>,
    /// Where something was added last.
    last: Option<((u32, bool, i32), u32)>,
    /// Bins with calls.
    rows: usize,
}

/// One row of sizes: workload, whether of output, bin, calls.
pub(super) type SizeRow = (u32, bool, i32, i64);

impl SizeSums {
    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Adds what one object tells of a bin.
    pub(super) fn add(&mut self, number: u32, is_output: bool, bin: i32, requests: i64) {
        let at = (number, is_output, bin.div_euclid(16));
        let place = match self.last {
            Some((last, place)) if last == at => place,
            _ => *self.places.entry(at).or_insert_with(|| {
                self.sums.push([0; 16]);
                self.sums.len() as u32 - 1
            }),
        };
        self.last = Some((at, place));
        let sum = &mut self.sums[place as usize][bin.rem_euclid(16) as usize];
        self.rows += usize::from(*sum == 0);
        *sum = sum.saturating_add(requests);
    }

    /// The rows in the order of the table.
    pub(super) fn sorted(&self, keys: &Keys) -> Vec<SizeRow> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_unstable_by_key(|((number, is_output, sixteen), _)| {
            (keys.place(*number), *is_output, *sixteen)
        });
        let mut rows = Vec::with_capacity(self.rows);
        rows.extend(places.into_iter().flat_map(|(at, place)| self.of_place(*at, *place)));
        rows
    }

    fn of_place(
        &self,
        (number, is_output, sixteen): (u32, bool, i32),
        place: u32,
    ) -> impl Iterator<Item = SizeRow> {
        let bins = self.sums[place as usize].into_iter().zip(sixteen * 16..);
        let any = bins.filter(|(requests, _)| *requests != 0);
        any.map(move |(requests, bin)| (number, is_output, bin, requests))
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

    /// What was added up of `day`, as rows in no order.
    pub(super) fn into_rows(self, day: Day) -> Result<RecordBatch, ArrowError> {
        let rows = self.places.iter().flat_map(|(at, place)| self.of_place(*at, *place));
        let rows: Vec<SizeRow> = rows.collect();
        let columns: [ArrayRef; 5] = [
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|_| day.0))),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(rows.iter().map(|row| Some(row.1)).collect::<BooleanArray>()),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.2))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.3))),
        ];
        RecordBatch::try_new(Self::schema(NUMBER), columns.into())
    }
}

/// A column of minutes.
pub(super) fn minutes(minutes: impl Iterator<Item = Minute>) -> ArrayRef {
    let minutes = TimestampMicrosecondArray::from_iter_values(minutes.map(Minute::micros));
    Arc::new(minutes.with_timezone(TIME_ZONE))
}
