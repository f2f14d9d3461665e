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
use datafusion::logical_expr::SortExpr;
use datafusion::prelude::col;
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
    let mut unpacking = Unpacking::new(days, ADDED_UP);
    let touches =
        |entry: &LedgerEntry| entry.days.iter().any(|(day, n)| *n > 0 && days.contains(day));
    for file in index.touching(days) {
        let mut rows = dataset.rows(file, &["workloads", "usage", "sizes"], touches).await?;
        while let Some(batch) = rows.try_next().await? {
            let of = |name| packed(&batch, name);
            let (workloads, usage, sizes) = (of("workloads")?, of("usage")?, of("sizes")?);
            for row in 0..batch.num_rows() {
                let torn = |torn: Torn| dataset.damaged_state(file.day, &torn);
                let packed = [workloads, usage, sizes].map(|column| column.value(row));
                unpacking.object(packed).map_err(torn)?;
                unpacking.set_aside()?;
            }
        }
    }
    unpacking.finish()
}

/// Facts while they are unpacked.
struct Unpacking<'d> {
    days: &'d BTreeSet<Day>,
    /// Rows that are added up before they are set aside.
    most: usize,
    names: Names,
    usage: (Usage, Spool),
    sizes: (Sizes, Spool),
}

impl<'d> Unpacking<'d> {
    fn new(days: &'d BTreeSet<Day>, most: usize) -> Self {
        let usage = (Usage::default(), Spool::new(Usage::schema(), SPOOL_BYTES));
        let sizes = (Sizes::default(), Spool::new(Sizes::schema(NUMBER), SPOOL_BYTES));
        Self { days, most, names: Names::default(), usage, sizes }
    }

    /// Adds what an object's packed workloads, minutes and sizes hold of the days.
    fn object(&mut self, [workloads, usage, sizes]: [&[u8]; 3]) -> Result<(), Torn> {
        let numbers = self.names.numbers(workloads)?;
        self.usage.0.take(usage, &numbers, self.days)?;
        self.sizes.0.take(sizes, &numbers, self.days)
    }

    /// Sets aside what has become much.
    fn set_aside(&mut self) -> Result<(), EngineError> {
        let (usage, sizes) = (&mut self.usage, &mut self.sizes);
        if usage.0.sums.len() >= self.most {
            usage.1.push(usage.0.rows(&[])?)?;
        }
        if sizes.0.0.len() >= self.most {
            sizes.1.push(sizes.0.rows(&[])?)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Unpacked, EngineError> {
        let ((mut usage, mut usage_aside), (mut sizes, mut sizes_aside)) = (self.usage, self.sizes);
        let (keys, places) = self.names.finish();
        let usage_order = order(usage_aside.is_empty(), &["minute"]);
        let sizes_order = order(sizes_aside.is_empty(), &["is_output", "bin"]);
        usage_aside.push(usage.rows(&places)?)?;
        sizes_aside.push(sizes.rows(&places)?)?;
        let places: Arc<[u32]> = places.into();
        let of_usage = Arc::clone(&places);
        let usage = usage_aside.finish()?.into_table(usage_schema(), move |schema, rows| {
            with_numbers(schema, rows, &of_usage)
        })?;
        let sizes = sizes_aside
            .finish()?
            .into_table(Sizes::schema(PLACE), move |schema, rows| placed(schema, rows, &places))?;
        Ok(Unpacked {
            keys,
            usage: usage.with_sort_order(usage_order),
            sizes: sizes.with_sort_order(sizes_order),
        })
    }
}

/// The order of rows that were all added up at once, which spares the query from sorting them; none of others.
fn order(at_once: bool, last: &[&str]) -> Vec<SortExpr> {
    let columns = [PARTITION_COLUMN, PLACE].iter().chain(last).filter(|_| at_once);
    columns.map(|name| col(*name).sort(true, false)).collect()
}

/// The place of a workload; its number while places are not known.
fn placed_at(places: &[u32], number: u32) -> u32 {
    places.get(number as usize).copied().unwrap_or(number)
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

    /// What was added up, as rows with their numbers packed, in the order of days, places and minutes; begins
    /// anew.
    fn rows(&mut self, places: &[u32]) -> Result<RecordBatch, ArrowError> {
        let mut packed = BinaryBuilder::with_capacity(self.sums.len(), 0);
        let mut of_row = Vec::new();
        let mut rows: Vec<_> = self.rows.drain().collect();
        rows.sort_unstable_by_key(|((number, minute), _)| {
            (minute.day(), placed_at(places, *number), *minute)
        });
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

    /// What was added up, as rows in the order of days, places, kinds and bins; begins anew.
    fn rows(&mut self, places: &[u32]) -> Result<RecordBatch, ArrowError> {
        let mut rows: Vec<_> = self.0.drain().collect();
        rows.sort_unstable_by_key(|((day, number, is_output, bin), _)| {
            (*day, placed_at(places, *number), *is_output, *bin)
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::packed::{pack_numbers, pack_texts};
    use datafusion::catalog::TableProvider;
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;

    /// An object: its workloads, minutes (workload, minute, requests) and sizes (workload, bin).
    type Object = (Vec<u8>, Vec<(usize, i64, i64)>, Vec<(usize, i32)>);

    fn object() -> impl Strategy<Value = Object> {
        let workloads = prop::sample::subsequence((0..6).collect::<Vec<u8>>(), 1..6).prop_shuffle();
        let minutes = prop::collection::vec((0..9_usize, 0..3000_i64, 1..9_i64), 0..20);
        (workloads, minutes, prop::collection::vec((0..9_usize, 0..5), 0..20))
    }

    fn put(packed: &mut Vec<u8>, number: usize) {
        assert!(number < 1 << 14);
        packed.extend([(number & 0x7f | 0x80) as u8, (number >> 7) as u8]);
    }

    fn packed((workloads, minutes, sizes): &Object) -> [Vec<u8>; 3] {
        let mut packed = [Vec::new(), Vec::new(), Vec::new()];
        for name in workloads {
            // The order of the keys is not that of the numbers.
            let name = char::from(b'z' - name).to_string();
            let texts = pack_texts([&name, "a", "r", &name, "program", "m", "s", "o", "t"]);
            put(&mut packed[0], texts.len());
            packed[0].extend(&texts);
        }
        for (workload, minute, requests) in minutes {
            let mut numbers = [0; NUMBERS];
            (numbers[0], numbers[6]) = (*requests, minute * 1000);
            let mut of_minute = Vec::new();
            pack_numbers(&numbers, &mut of_minute);
            put(&mut packed[1], workload % workloads.len());
            put(&mut packed[1], *minute as usize);
            put(&mut packed[1], of_minute.len());
            packed[1].extend(of_minute);
        }
        for (workload, bin) in sizes {
            put(&mut packed[2], 0);
            put(&mut packed[2], workload % workloads.len() * 2 + 1);
            put(&mut packed[2], *bin as usize);
            put(&mut packed[2], 3);
        }
        packed
    }

    /// The merged tables as text.
    async fn merged(objects: &[[Vec<u8>; 3]], most: usize, days: &BTreeSet<Day>) -> [String; 2] {
        let mut unpacking = Unpacking::new(days, most);
        for object in objects {
            unpacking.object(object.each_ref().map(Vec::as_slice)).unwrap();
            unpacking.set_aside().unwrap();
        }
        let Unpacked { keys, usage, sizes } = unpacking.finish().unwrap();
        let session = super::super::session::in_order(&SessionContext::new());
        let mut texts = [String::new(), String::new()];
        let usage: Arc<dyn TableProvider> = Arc::new(usage);
        let sizes: Arc<dyn TableProvider> = Arc::new(sizes);
        let statements = [super::super::merge::USAGE, super::super::merge::SIZES];
        for (text, (name, statement, table)) in texts
            .iter_mut()
            .zip([("partial_usage", statements[0], usage), ("partial_sizes", statements[1], sizes)])
        {
            session.register_table(name, table).unwrap();
            let batches = session.sql(statement).await.unwrap().collect().await.unwrap();
            let rows: Vec<_> = batches.iter().map(|batch| keys.put(batch).unwrap()).collect();
            *text = arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        }
        texts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn how_much_is_added_up_at_once_never_shows(objects in prop::collection::vec(object(), 1..8)) {
            let all: Vec<_> = objects.iter().map(packed).collect();
            let days = BTreeSet::from([Day(0), Day(1)]);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let at_once = runtime.block_on(merged(&all, usize::MAX, &days));
            for most in [1, 7] {
                prop_assert_eq!(&runtime.block_on(merged(&all, most, &days)), &at_once);
            }
            let mut expected = std::collections::BTreeMap::new();
            for (workloads, minutes, _) in &objects {
                for (workload, minute, requests) in minutes.iter().filter(|row| row.1 < 2880) {
                    let name = b'z' - workloads[workload % workloads.len()];
                    *expected.entry((minute / 1440, name, *minute)).or_insert(0) += requests;
                }
            }
            let rows = at_once[0].lines().skip(3).filter(|line| line.starts_with("| "));
            let found: Vec<(String, i64)> = rows.map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                // Behind the date: nine key columns, the minute, the requests.
                (cells[2].to_owned(), cells[12].parse().unwrap())
            }).collect();
            let expected: Vec<(String, i64)> = expected.into_iter()
                .map(|((_, name, _), requests)| (char::from(name).to_string(), requests)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_workload_that_is_not_listed_is_torn() {
        let days = BTreeSet::from([Day(0)]);
        let [workloads, mut usage, _] = packed(&(vec![1], vec![(0, 5, 1)], vec![]));
        let mut unpacking = Unpacking::new(&days, 9);
        unpacking.object([&workloads, &usage, &[]]).unwrap();
        usage[0] = 0x81;
        assert_eq!(unpacking.object([&workloads, &usage, &[]]), Err(Torn));
    }
}
