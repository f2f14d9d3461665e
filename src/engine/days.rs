//! The days that are being merged: facts of objects come in, rows of whole days go out.
//!
//! Facts are added up in memory, so that a day ends as rows in the order of its tables. A day with more
//! than fits is set aside in part, and `queries/facts` adds up and sorts what was set aside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Date32Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type};
use arrow::error::ArrowError;
use datafusion::catalog::streaming::StreamingTable;

use super::EngineError;
use super::kept::WholeDay;
use super::names::{Keys, Names, PLACE};
use super::spool::Spool;
use super::sums::{NUMBER, SizeSums, UsageSums};
use crate::schema::{Kind, PARTITION_COLUMN};
use crate::store::ledger::day_of_micros;
use crate::table::columns::number_names;
use crate::table::packed::{Torn, minutes, number_columns, sizes};
use crate::units::Day;

/// Rows of all days that are added up in memory. Most objects of an hour share their workloads, minutes and
/// sizes; a row of usage takes about 170 bytes, so these are some 22 MB at the most. A hundred callers that
/// are active in every minute of a day fit.
pub(super) const ADDED_UP: usize = 1 << 17;

/// Bytes of one day's facts of one kind that were set aside held in memory before they go to a temporary
/// file. Of the days that are open at once each may have two such files.
const SPOOL_BYTES: usize = 512 << 10;

/// Days while facts of them come in.
pub(super) struct Days {
    wanted: BTreeSet<Day>,
    /// Rows that are added up before the largest day is set aside.
    most: usize,
    pub(super) names: Names,
    usage: BTreeMap<Day, UsageSums>,
    sizes: BTreeMap<Day, SizeSums>,
    /// Usage and sizes that no longer fitted.
    aside: BTreeMap<Day, [Spool; 2]>,
}

/// A day that is complete.
pub(super) enum Closed {
    /// It was added up in memory.
    Whole(Arc<WholeDay>),
    /// Rows of usage and of sizes that are still to be added up and sorted.
    Parts(Box<[StreamingTable; 2]>),
}

impl Days {
    /// Holds up to `most` rows in memory, and takes the facts of no day yet.
    pub(super) fn new(most: usize) -> Self {
        let (wanted, names, aside) = (BTreeSet::new(), Names::default(), BTreeMap::new());
        Self { wanted, most, names, usage: BTreeMap::new(), sizes: BTreeMap::new(), aside }
    }

    /// Takes the facts of `wanted` days from now on, after those before were closed.
    pub(super) fn begin(&mut self, wanted: &BTreeSet<Day>) {
        self.wanted.clone_from(wanted);
    }

    /// Adds what objects' packed workloads, minutes and sizes hold of the days; minutes and sizes side by side.
    pub(super) fn objects(&mut self, columns: [&BinaryArray; 3]) -> Result<(), Torn> {
        let [workloads, of_minutes, of_sizes] = columns;
        let mut numbers = vec![Vec::new(); workloads.len()];
        for (row, numbers) in numbers.iter_mut().enumerate() {
            self.names.numbers(workloads.value(row), numbers)?;
        }
        let (wanted, usage, all_sizes) = (&self.wanted, &mut self.usage, &mut self.sizes);
        let number = |object: usize, workload| numbers[object].get(workload).copied().ok_or(Torn);
        // Rows of an object are of few days, which follow each other.
        let add_minutes = || -> Result<(), Torn> {
            for object in 0..of_minutes.len() {
                let (mut of, mut sums) = (None, None);
                for row in minutes(of_minutes.value(object)) {
                    let (row, day) = row.map(|row| (row, row.minute.day()))?;
                    if of != Some(day) {
                        sums = wanted.contains(&day).then(|| usage.entry(day).or_default());
                        of = Some(day);
                    }
                    let number = number(object, row.workload)?;
                    if let Some(sums) = &mut sums {
                        sums.add(number, &row);
                    }
                }
            }
            Ok(())
        };
        let add_sizes = || -> Result<(), Torn> {
            for object in 0..of_sizes.len() {
                let (mut of, mut sums) = (None, None);
                for row in sizes(of_sizes.value(object)) {
                    let row = row?;
                    if of != Some(row.day) {
                        let wanted = wanted.contains(&row.day);
                        sums = wanted.then(|| all_sizes.entry(row.day).or_default());
                        of = Some(row.day);
                    }
                    let number = number(object, row.workload)?;
                    if let Some(sums) = &mut sums {
                        sums.add(number, row.is_output, row.bin, row.requests);
                    }
                }
            }
            Ok(())
        };
        let (minutes, sizes) = rayon::join(add_minutes, add_sizes);
        minutes.and(sizes)
    }

    /// Sets the largest day aside when there are too many rows.
    pub(super) fn set_aside(&mut self) -> Result<(), EngineError> {
        let mut rows: BTreeMap<Day, usize> = BTreeMap::new();
        self.usage.iter().for_each(|(day, sums)| *rows.entry(*day).or_default() += sums.len());
        self.sizes.iter().for_each(|(day, sums)| *rows.entry(*day).or_default() += sums.len());
        if rows.values().sum::<usize>() < self.most {
            return Ok(());
        }
        match rows.into_iter().max_by_key(|(_, rows)| *rows) {
            Some((day, _)) => self.set_day_aside(day),
            None => Ok(()),
        }
    }

    fn set_day_aside(&mut self, day: Day) -> Result<(), EngineError> {
        let [usage, sizes] = self
            .aside
            .entry(day)
            .or_insert_with(|| [UsageSums::schema(), SizeSums::schema(NUMBER)].map(Spool::new));
        usage.push(self.usage.remove(&day).unwrap_or_default().into_rows()?);
        sizes.push(self.sizes.remove(&day).unwrap_or_default().into_rows(day)?);
        let large = [usage, sizes].into_iter().filter(|spool| spool.bytes() > SPOOL_BYTES);
        large.into_iter().try_for_each(Spool::spill)
    }

    /// Ends a day.
    pub(super) fn close(&mut self, day: Day) -> Result<Closed, EngineError> {
        if self.aside.contains_key(&day) {
            self.set_day_aside(day)?;
        }
        let keys = self.names.keys();
        if let Some([usage, sizes]) = self.aside.remove(&day) {
            return Ok(Closed::Parts(Box::new(tables(usage, sizes, keys)?)));
        }
        let usage = self.usage.remove(&day).unwrap_or_default();
        let sizes = self.sizes.remove(&day).unwrap_or_default();
        Ok(Closed::Whole(Arc::new(WholeDay::new(usage, sizes, &keys))))
    }
}

/// What was set aside, as the tables that the statements read.
fn tables(usage: Spool, sizes: Spool, keys: Keys) -> Result<[StreamingTable; 2], EngineError> {
    let of_usage = keys.clone();
    let usage = usage
        .finish()?
        .into_table(usage_schema(), move |schema, rows| with_numbers(schema, rows, &of_usage))?;
    let sizes = sizes
        .finish()?
        .into_table(SizeSums::schema(PLACE), move |schema, rows| placed(schema, rows, &keys))?;
    Ok([usage, sizes])
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
    keys: &Keys,
) -> Result<RecordBatch, ArrowError> {
    let minutes = usage.column(0).as_primitive::<TimestampMicrosecondType>();
    let days = minutes.values().iter().map(|at| day_of_micros(*at).0);
    let own: [ArrayRef; 3] = [
        Arc::new(Date32Array::from_iter_values(days)),
        Arc::clone(usage.column(0)),
        places_of(usage.column(1), keys),
    ];
    let packed = usage.column(2).as_binary::<i32>().iter();
    let numbers = number_columns(packed.map(Option::unwrap_or_default));
    RecordBatch::try_new(Arc::clone(schema), own.into_iter().chain(numbers).collect())
}

/// Partial sizes with places.
fn placed(schema: &SchemaRef, sizes: RecordBatch, keys: &Keys) -> Result<RecordBatch, ArrowError> {
    let mut columns = sizes.columns().to_vec();
    columns[1] = places_of(&columns[1], keys);
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn places_of(numbers: &ArrayRef, keys: &Keys) -> ArrayRef {
    let numbers = numbers.as_primitive::<UInt32Type>().values().iter();
    Arc::new(UInt32Array::from_iter_values(numbers.map(|number| keys.place(*number))))
}

#[cfg(test)]
mod tests {
    use super::super::kept::Kept;
    use super::super::merge::{SIZES, USAGE, added_up};
    use super::*;
    use crate::schema::table;
    use crate::store::parquet::{encode, encode_by_column};
    use crate::table::columns::{NUMBERS, minute_facts};
    use crate::table::packed::{pack_minutes, pack_sizes, pack_texts, size};
    use crate::units::Minute;
    use crate::workload::Window;
    use datafusion::prelude::SessionContext;
    use futures::TryStreamExt;
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
        let facts = |(workload, minute, requests): &(usize, i64, i64)| {
            let mut numbers = [0; NUMBERS];
            (numbers[0], numbers[6]) = (*requests, minute * 1000);
            ((workload % workloads.len()) as u32, minute_facts(Minute(*minute), numbers))
        };
        packed[1] = pack_minutes(&minutes.iter().map(facts).collect::<Vec<_>>());
        let calls = |(workload, bin): &(usize, i32)| {
            [size((workload % workloads.len()) as u32, true, *bin); 3]
        };
        let calls = sizes.iter().flat_map(calls).collect();
        packed[2] = pack_sizes(&mut BTreeMap::from([(Day(0), calls)]));
        packed
    }

    fn add(days: &mut Days, object: &[Vec<u8>; 3]) -> Result<(), Torn> {
        let columns = object.each_ref().map(|packed| BinaryArray::from_vec(vec![packed]));
        days.objects(columns.each_ref())
    }

    /// The files of both tables for days 0 and 1, and what was kept of those that fitted.
    async fn merged(objects: &[[Vec<u8>; 3]], most: usize) -> (Vec<bytes::Bytes>, Kept) {
        let wanted = BTreeSet::from([Day(0), Day(1)]);
        let mut days = Days::new(most);
        days.begin(&wanted);
        for object in objects {
            add(&mut days, object).unwrap();
            days.set_aside().unwrap();
        }
        let tables = ["usage", "sizes"].map(|name| table(name).unwrap());
        let (mut files, mut kept) = (Vec::new(), Kept::default());
        for day in &wanted {
            match days.close(*day).unwrap() {
                Closed::Whole(whole) => {
                    let keys = days.names.keys();
                    kept.day(*day, Arc::clone(&whole));
                    let (rows, column) = Arc::clone(&whole).usage(&keys);
                    files.push(encode_by_column(tables[0], rows, column).unwrap());
                    let (rows, column) = whole.sizes(&keys);
                    files.push(encode_by_column(tables[1], rows, column).unwrap());
                }
                Closed::Parts(parts) => {
                    let (session, keys) = (SessionContext::new(), days.names.keys());
                    for (at, part) in (*parts).into_iter().enumerate() {
                        let statement = [USAGE, SIZES][at];
                        let stream = added_up(&session, statement, tables[at], part).await.unwrap();
                        let batches: Vec<_> = stream.try_collect().await.unwrap();
                        let rows = batches.iter().map(|batch| keys.put(batch).unwrap());
                        files.push(encode(tables[at], &rows.collect::<Vec<_>>()).unwrap());
                    }
                }
            }
        }
        (files, kept.named(days.names))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn how_much_is_added_up_at_once_never_shows(objects in prop::collection::vec(object(), 1..8)) {
            let all: Vec<_> = objects.iter().map(packed).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (at_once, kept) = runtime.block_on(merged(&all, usize::MAX));
            for most in [1, 7] {
                prop_assert_eq!(&runtime.block_on(merged(&all, most)).0, &at_once);
            }
            // The same once more, from what was kept.
            let (mut expected, mut sizes) = (BTreeMap::new(), BTreeMap::new());
            for (workloads, minutes, bins) in &objects {
                let name = |workload: &usize| b'z' - workloads[workload % workloads.len()];
                for (workload, minute, requests) in minutes.iter().filter(|row| row.1 < 1440) {
                    let sums: &mut (i64, i64) = expected.entry((name(workload), *minute)).or_default();
                    (sums.0, sums.1) = (sums.0 + requests, sums.1 + minute * 1000);
                }
                for (workload, bin) in bins {
                    *sizes.entry((name(workload), *bin)).or_insert(0) += 3;
                }
            }
            let (mut found, mut found_sizes) = (BTreeMap::new(), BTreeMap::new());
            for workload in kept.workloads(&Window { from: Day(0), to: Day(0) }, |workload| workload) {
                let name = workload.key.caller.as_bytes()[0];
                let in_order = workload.minutes.is_sorted_by(|a, b| a.minute < b.minute);
                assert!(in_order && workload.input_sizes.bins.is_empty());
                for facts in &workload.minutes {
                    let sums = (facts.activity.requests, facts.activity.tokens.output.0);
                    assert_eq!(found.insert((name, facts.minute.0), sums), None);
                }
                found_sizes.extend(workload.output_sizes.bins.iter().map(|(b, n)| ((name, *b), *n)));
            }
            sizes.retain(|(name, _), _| expected.keys().any(|(of, _)| of == name));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(found_sizes, sizes);
        }
    }

    #[test]
    fn a_workload_that_is_not_listed_is_torn() {
        let wanted = BTreeSet::from([Day(0)]);
        let mut object = packed(&(vec![1], vec![(0, 5, 1)], vec![]));
        let mut days = Days::new(9);
        days.begin(&wanted);
        add(&mut days, &object).unwrap();
        // The first byte of a packed minute is its workload.
        object[1][0] = 1;
        assert_eq!(add(&mut days, &object), Err(Torn));
    }
}
