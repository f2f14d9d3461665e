//! Partial facts unpacked: from the rows of the state to the tables that `queries/facts` reads.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, BooleanArray, Date32Array, Int32Array, Int64Array,
    RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type};
use arrow::error::ArrowError;
use datafusion::catalog::streaming::StreamingTable;
use foldhash::fast::RandomState;
use futures::TryStreamExt;

use super::EngineError;
use super::names::{Keys, Names, PLACE};
use super::spool::Spool;
use crate::schema::{Kind, PARTITION_COLUMN, TIME_ZONE};
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::{LedgerEntry, day_of_micros};
use crate::store::state::packed;
use crate::table::columns::{NUMBERS, number_names};
use crate::table::packed::{
    PackedMinute, PackedSize, Torn, minutes, number_columns, numbers_of, pack_numbers, sizes,
};
use crate::units::{Day, Minute};

/// Name of the column that tells a fact's workload by its number, before places are known.
const NUMBER: &str = "number";

/// Rows that are added up while they are unpacked. Most objects of an hour share their workloads, minutes and
/// sizes, so that what is left for the query is a fraction; a row of usage takes about 300 bytes.
const ADDED_UP: usize = 1 << 16;

/// Bytes of partial facts held in memory before they go to a temporary file.
const SPOOL_BYTES: usize = 8 << 20;

/// The tables to merge.
pub(super) struct Unpacked {
    /// The workloads by the places that the tables name.
    pub(super) keys: Keys,
    /// One row is one workload in one minute of one object.
    pub(super) usage: StreamingTable,
    /// One row is one size bin of one workload on one day in one object.
    pub(super) sizes: StreamingTable,
}

/// Unpacks the facts of `days` of all objects that have any.
///
/// # Errors
/// The state cannot be read or is damaged, or there is no room for temporary files.
pub(super) async fn run(
    dataset: &Dataset,
    index: &Index,
    days: &BTreeSet<Day>,
) -> Result<Unpacked, EngineError> {
    let mut names = Names::default();
    let (mut usage, mut sizes) = (Usage::default(), Sizes::default());
    let mut usage_spool = Spool::new(Usage::schema(), SPOOL_BYTES);
    let mut sizes_spool = Spool::new(Sizes::schema(NUMBER), SPOOL_BYTES);
    let touches =
        |entry: &LedgerEntry| entry.days.iter().any(|(day, n)| *n > 0 && days.contains(day));
    for file in index.touching(days) {
        let mut rows = dataset.rows(file, &["workloads", "usage", "sizes"], touches).await?;
        while let Some(batch) = rows.try_next().await? {
            let of = |name| packed(&batch, name);
            let (workloads, of_usage, of_sizes) = (of("workloads")?, of("usage")?, of("sizes")?);
            for row in 0..batch.num_rows() {
                let torn = |torn: Torn| dataset.damaged_state(file.day, &torn);
                let numbers = names.numbers(workloads.value(row)).map_err(torn)?;
                usage.take(of_usage.value(row), &numbers, days).map_err(torn)?;
                sizes.take(of_sizes.value(row), &numbers, days).map_err(torn)?;
                if usage.sums.len() >= ADDED_UP {
                    usage_spool.push(usage.rows()?)?;
                }
                if sizes.0.len() >= ADDED_UP {
                    sizes_spool.push(sizes.rows()?)?;
                }
            }
        }
    }
    usage_spool.push(usage.rows()?)?;
    sizes_spool.push(sizes.rows()?)?;
    let (keys, places) = names.finish();
    let places: Arc<[u32]> = places.into();
    let of_usage = Arc::clone(&places);
    Ok(Unpacked {
        keys,
        usage: usage_spool.finish()?.into_table(usage_schema(), move |schema, rows| {
            with_numbers(schema, rows, &of_usage)
        })?,
        sizes: sizes_spool
            .finish()?
            .into_table(Sizes::schema(PLACE), move |schema, rows| placed(schema, rows, &places))?,
    })
}

/// Partial usage: the numbers of workloads in minutes, added up.
#[derive(Default)]
struct Usage {
    /// Workload and minute → place among `sums`.
    rows: HashMap<(u32, Minute), usize, RandomState>,
    sums: Vec<[i64; NUMBERS]>,
}

impl Usage {
    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("minute", Kind::Time.arrow(), false),
            Field::new(NUMBER, DataType::UInt32, false),
            Field::new("packed", DataType::Binary, false),
        ]))
    }

    /// Adds an object's minutes of `days`; `numbers` are those of its workloads.
    fn take(&mut self, packed: &[u8], numbers: &[u32], days: &BTreeSet<Day>) -> Result<(), Torn> {
        for row in minutes(packed) {
            let PackedMinute { workload, minute, numbers: of_minute } = row?;
            let number = *numbers.get(workload).ok_or(Torn)?;
            if !days.contains(&minute.day()) {
                continue;
            }
            let at = *self.rows.entry((number, minute)).or_insert_with(|| {
                self.sums.push([0; NUMBERS]);
                self.sums.len() - 1
            });
            for (column, value) in numbers_of(of_minute) {
                let sum = &mut self.sums[at][column];
                *sum = sum.saturating_add(value);
            }
        }
        Ok(())
    }

    /// What was added up, as rows with their numbers packed; begins anew.
    fn rows(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut packed = BinaryBuilder::with_capacity(self.sums.len(), 0);
        let mut of_row = Vec::new();
        let rows: Vec<_> = self.rows.drain().collect();
        for (_, at) in &rows {
            of_row.clear();
            pack_numbers(&self.sums[*at], &mut of_row);
            packed.append_value(&of_row);
        }
        self.sums.clear();
        let minutes = rows.iter().map(|((_, minute), _)| minute.micros());
        let minutes = TimestampMicrosecondArray::from_iter_values(minutes);
        let numbers = rows.iter().map(|((number, _), _)| *number);
        let columns: [ArrayRef; 3] = [
            Arc::new(minutes.with_timezone(TIME_ZONE)),
            Arc::new(UInt32Array::from_iter_values(numbers)),
            Arc::new(packed.finish()),
        ];
        RecordBatch::try_new(Self::schema(), columns.into())
    }
}

/// Partial sizes: calls by day, workload, whether of output, and bin, added up.
#[derive(Default)]
struct Sizes(HashMap<(Day, u32, bool, i32), i64, RandomState>);

impl Sizes {
    /// The columns; `workload` is what the workload's column tells.
    fn schema(workload: &str) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new(PARTITION_COLUMN, DataType::Date32, false),
            Field::new(workload, DataType::UInt32, false),
            Field::new("is_output", DataType::Boolean, false),
            Field::new("bin", DataType::Int32, false),
            Field::new("requests", DataType::Int64, false),
        ]))
    }

    /// Adds an object's sizes of `days`; `numbers` are those of its workloads.
    fn take(&mut self, packed: &[u8], numbers: &[u32], days: &BTreeSet<Day>) -> Result<(), Torn> {
        for row in sizes(packed) {
            let PackedSize { workload, day, is_output, bin, requests } = row?;
            let number = *numbers.get(workload).ok_or(Torn)?;
            if days.contains(&day) {
                let sum = self.0.entry((day, number, is_output, bin)).or_default();
                *sum = sum.saturating_add(requests);
            }
        }
        Ok(())
    }

    /// What was added up, as rows; begins anew.
    fn rows(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<_> = self.0.drain().collect();
        let at = || rows.iter().map(|(at, _)| *at);
        let is_output = at().map(|(_, _, is_output, _)| Some(is_output));
        let columns: [ArrayRef; 5] = [
            Arc::new(Date32Array::from_iter_values(at().map(|(day, ..)| day.0))),
            Arc::new(UInt32Array::from_iter_values(at().map(|(_, number, ..)| number))),
            Arc::new(is_output.collect::<BooleanArray>()),
            Arc::new(Int32Array::from_iter_values(at().map(|(.., bin)| bin))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, requests)| *requests))),
        ];
        RecordBatch::try_new(Self::schema(NUMBER), columns.into())
    }
}

/// The columns of partial usage as its statement reads them.
fn usage_schema() -> SchemaRef {
    let own = [
        Field::new(PARTITION_COLUMN, DataType::Date32, false),
        Field::new("minute", Kind::Time.arrow(), false),
        Field::new(PLACE, DataType::UInt32, false),
    ];
    let numbers = number_names().map(|name| Field::new(name, DataType::Int64, false));
    Arc::new(Schema::new(own.into_iter().chain(numbers).collect::<Vec<_>>()))
}

/// Partial usage with its days and places, and its numbers in columns.
fn with_numbers(
    schema: &SchemaRef,
    usage: RecordBatch,
    places: &[u32],
) -> Result<RecordBatch, ArrowError> {
    let minutes = usage.column(0).as_primitive::<TimestampMicrosecondType>();
    let days = minutes.values().iter().map(|at| day_of_micros(*at).0);
    let own: [ArrayRef; 3] = [
        Arc::new(Date32Array::from_iter_values(days)),
        Arc::clone(usage.column(0)),
        places_of(usage.column(1), places),
    ];
    let numbers = number_columns(usage.column(2).as_binary());
    RecordBatch::try_new(Arc::clone(schema), own.into_iter().chain(numbers).collect())
}

/// Partial sizes with places.
fn placed(
    schema: &SchemaRef,
    sizes: RecordBatch,
    places: &[u32],
) -> Result<RecordBatch, ArrowError> {
    let mut columns = sizes.columns().to_vec();
    columns[1] = places_of(&columns[1], places);
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn places_of(numbers: &ArrayRef, places: &[u32]) -> ArrayRef {
    let numbers = numbers.as_primitive::<UInt32Type>().values();
    Arc::new(UInt32Array::from_iter_values(numbers.iter().map(|number| places[*number as usize])))
}
