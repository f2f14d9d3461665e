//! The days that are being merged: facts of objects come in, rows of whole days go out.
//!
//! Facts are added up in memory, so that a day ends as rows in the order of its tables. A day with more
//! than fits is set aside in part, and `queries/facts` adds up and sorts what was set aside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, RecordBatch, UInt32Array};
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
/// sizes; a row of usage takes about 300 bytes, so these are some 40 MB at the most. A hundred callers that
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
    open: BTreeMap<Day, Sums>,
    /// Numbers of one object's workloads; empty between objects.
    numbers: Vec<u32>,
}

/// One day's facts.
#[derive(Default)]
struct Sums {
    usage: UsageSums,
    sizes: SizeSums,
    /// What no longer fitted.
    aside: Option<[Spool; 2]>,
}

/// A day that is complete.
pub(super) enum Closed {
    /// It was added up in memory.
    Whole(WholeDay),
    /// Rows of usage and of sizes that are still to be added up and sorted.
    Parts(Box<[StreamingTable; 2]>),
}

impl Days {
    /// Holds up to `most` rows in memory, and takes the facts of no day yet.
    pub(super) fn new(most: usize) -> Self {
        let (wanted, names, numbers) = (BTreeSet::new(), Names::default(), Vec::new());
        Self { wanted, most, names, open: BTreeMap::new(), numbers }
    }

    /// Takes the facts of `wanted` days from now on, after those before were closed.
    pub(super) fn begin(&mut self, wanted: &BTreeSet<Day>) {
        self.wanted.clone_from(wanted);
    }

    /// Adds what an object's packed workloads, minutes and sizes hold of the days.
    pub(super) fn object(&mut self, [workloads, usage, of_size]: [&[u8]; 3]) -> Result<(), Torn> {
        self.names.numbers(workloads, &mut self.numbers)?;
        for row in minutes(usage) {
            let row = row?;
            let number = *self.numbers.get(row.workload).ok_or(Torn)?;
            let day = row.minute.day();
            if self.wanted.contains(&day) {
                self.open.entry(day).or_default().usage.add(number, &row);
            }
        }
        for row in sizes(of_size) {
            let row = row?;
            let number = *self.numbers.get(row.workload).ok_or(Torn)?;
            if self.wanted.contains(&row.day) {
                let sizes = &mut self.open.entry(row.day).or_default().sizes;
                sizes.add(number, row.is_output, row.bin, row.requests);
            }
        }
        Ok(())
    }

    /// Sets the largest day aside when there are too many rows.
    pub(super) fn set_aside(&mut self) -> Result<(), EngineError> {
        let rows = |sums: &Sums| sums.usage.len() + sums.sizes.len();
        if self.open.values().map(rows).sum::<usize>() < self.most {
            return Ok(());
        }
        match self.open.iter_mut().max_by_key(|(_, sums)| rows(sums)) {
            Some((day, sums)) => sums.set_aside(*day),
            None => Ok(()),
        }
    }

    /// Ends a day.
    pub(super) fn close(&mut self, day: Day) -> Result<Closed, EngineError> {
        let mut sums = self.open.remove(&day).unwrap_or_default();
        let keys = self.names.keys();
        if sums.aside.is_some() {
            sums.set_aside(day)?;
        }
        match sums.aside {
            Some([usage, sizes]) => Ok(Closed::Parts(Box::new(tables(usage, sizes, keys)?))),
            None => Ok(Closed::Whole(WholeDay::new(sums.usage, sums.sizes, &keys))),
        }
    }
}

impl Sums {
    fn set_aside(&mut self, day: Day) -> Result<(), EngineError> {
        let [usage, sizes] = self.aside.get_or_insert_with(|| {
            [UsageSums::schema(), SizeSums::schema(NUMBER)]
                .map(|schema| Spool::new(schema, SPOOL_BYTES))
        });
        usage.push(self.usage.set_aside()?)?;
        sizes.push(self.sizes.set_aside(day)?)
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
    use crate::store::parquet::encode;
    use crate::table::columns::NUMBERS;
    use crate::table::packed::{pack_numbers, pack_texts};
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

    /// The files of both tables for days 0 and 1, and what was kept of those that fitted.
    async fn merged(objects: &[[Vec<u8>; 3]], most: usize) -> (Vec<bytes::Bytes>, Kept) {
        let wanted = BTreeSet::from([Day(0), Day(1)]);
        let mut days = Days::new(most);
        days.begin(&wanted);
        for object in objects {
            days.object(object.each_ref().map(Vec::as_slice)).unwrap();
            days.set_aside().unwrap();
        }
        let tables = ["usage", "sizes"].map(|name| table(name).unwrap());
        let (mut files, mut kept) = (Vec::new(), Kept::default());
        for day in &wanted {
            let rows: [Vec<RecordBatch>; 2] = match days.close(*day).unwrap() {
                Closed::Whole(whole) => {
                    let (whole, keys) = (Arc::new(whole), days.names.keys());
                    kept.day(*day, Arc::clone(&whole));
                    [vec![whole.usage(&keys).unwrap()], vec![whole.sizes(&keys).unwrap()]]
                }
                Closed::Parts(parts) => {
                    let (session, keys) = (SessionContext::new(), days.names.keys());
                    let mut rows = [Vec::new(), Vec::new()];
                    for (at, part) in (*parts).into_iter().enumerate() {
                        let statement = [USAGE, SIZES][at];
                        let stream = added_up(&session, statement, tables[at], part).await.unwrap();
                        let batches: Vec<_> = stream.try_collect().await.unwrap();
                        rows[at] = batches.iter().map(|batch| keys.put(batch).unwrap()).collect();
                    }
                    rows
                }
            };
            for (table, rows) in tables.into_iter().zip(&rows) {
                files.push(encode(table, rows).unwrap());
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
            kept.workloads(&Window { from: Day(0), to: Day(0) }, |workload| {
                let name = workload.key.caller.as_bytes()[0];
                let in_order = workload.minutes.is_sorted_by(|a, b| a.minute < b.minute);
                assert!(in_order && workload.input_sizes.bins.is_empty());
                for facts in &workload.minutes {
                    let sums = (facts.activity.requests, facts.activity.tokens.output.0);
                    assert_eq!(found.insert((name, facts.minute.0), sums), None);
                }
                found_sizes.extend(workload.output_sizes.bins.iter().map(|(b, n)| ((name, *b), *n)));
            });
            sizes.retain(|(name, _), _| expected.keys().any(|(of, _)| of == name));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(found_sizes, sizes);
        }
    }

    #[test]
    fn a_workload_that_is_not_listed_is_torn() {
        let wanted = BTreeSet::from([Day(0)]);
        let [workloads, mut usage, _] = packed(&(vec![1], vec![(0, 5, 1)], vec![]));
        let mut days = Days::new(9);
        days.begin(&wanted);
        days.object([&workloads, &usage, &[]]).unwrap();
        usage[0] = 0x81;
        assert_eq!(days.object([&workloads, &usage, &[]]), Err(Torn));
    }
}
