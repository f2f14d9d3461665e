//! Facts kept in memory from merging to judging: what was just added up need not be read back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;

use super::names::{Keys, Names};
use super::sums::{SizeRow, SizeSums, UsageRow, UsageSums, minutes};
use crate::schema::Kind;
use crate::store::index::Index;
use crate::table::columns::{NUMBERS, minute_facts, number_names, workload_key};
use crate::table::packed::{number_columns, numbers_of, pack_numbers};
use crate::units::{Day, Minute};
use crate::workload::{MinuteFacts, SizeHistogram, Window, Workload};

/// Bytes kept. Beyond, all of it is let go, and the tables are read. A minute takes about 40 bytes.
const MOST_BYTES: usize = 16 << 20;

/// The merged facts of days, as long as they are few.
#[derive(Debug, Default)]
pub struct Kept {
    names: Names,
    days: BTreeMap<Day, Arc<WholeDay>>,
    /// There was too much.
    is_over: bool,
}

/// The merged facts of one day, in the order of the tables.
#[derive(Debug)]
pub(super) struct WholeDay {
    minutes: Vec<KeptMinute>,
    /// The packed numbers of `minutes`, one after the other.
    packed: Vec<u8>,
    sizes: Vec<SizeRow>,
}

/// One workload in one minute.
#[derive(Clone, Copy, Debug)]
struct KeptMinute {
    number: u32,
    /// Where its numbers begin in the packed ones.
    start: u32,
    minute: Minute,
}

impl WholeDay {
    /// Packed, facts take a sixth of what adding them up takes.
    pub(super) fn new(usage: UsageSums, sizes: SizeSums, keys: &Keys) -> Self {
        let (rows, mut packed) = (usage.sorted(keys), Vec::new());
        let keep = |row: &UsageRow| {
            let (number, minute, _) = *row;
            let start = packed.len() as u32;
            pack_numbers(usage.numbers(row), &mut packed);
            KeptMinute { number, start, minute }
        };
        let minutes = rows.iter().map(keep).collect();
        Self { minutes, packed, sizes: sizes.sorted(keys) }
    }

    /// The rows of `usage`, the texts of keys as dictionaries.
    pub(super) fn usage(&self, keys: &Keys) -> Result<RecordBatch, ArrowError> {
        let mut columns = keys.of_rows(self.minutes.iter().map(|row| row.number));
        let minute = Arc::new(Field::new("minute", Kind::Time.arrow(), false));
        columns.push((minute, minutes(self.minutes.iter().map(|row| row.minute))));
        let numbers = number_columns(self.minutes.iter().map(|row| self.numbers(row)));
        let names = number_names().map(|name| Arc::new(Field::new(name, DataType::Int64, false)));
        columns.extend(names.zip(numbers));
        batch(columns)
    }

    /// The rows of `sizes`, the texts of keys as dictionaries.
    pub(super) fn sizes(&self, keys: &Keys) -> Result<RecordBatch, ArrowError> {
        let rows = &self.sizes;
        let mut columns = keys.of_rows(rows.iter().map(|(number, ..)| *number));
        let kinds =
            rows.iter().map(|(_, is_output, ..)| if *is_output { "output" } else { "input" });
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

    fn numbers(&self, row: &KeptMinute) -> &[u8] {
        &self.packed[row.start as usize..]
    }

    fn facts(&self, row: &KeptMinute) -> MinuteFacts {
        let mut all = [0; NUMBERS];
        for (at, number) in numbers_of(self.numbers(row)) {
            all[at] = number;
        }
        minute_facts(row.minute, all)
    }

    fn bytes(&self) -> usize {
        self.packed.len()
            + size_of_val(self.minutes.as_slice())
            + size_of_val(self.sizes.as_slice())
    }
}

impl Kept {
    /// Keeps a day.
    pub(super) fn day(&mut self, day: Day, whole: Arc<WholeDay>) {
        if self.is_over {
            return;
        }
        self.days.insert(day, whole);
        if self.days.values().map(|day| day.bytes()).sum::<usize>() > MOST_BYTES {
            self.give_up();
        }
    }

    /// Lets all go: some day is not kept.
    pub(super) fn give_up(&mut self) {
        *self = Self { is_over: true, ..Self::default() };
    }

    /// Ends it: `names` are those by which rows tell their workloads.
    pub(super) fn named(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Whether all facts of a window are here.
    pub fn covers(&self, window: &Window, index: &Index) -> bool {
        let in_window = |day: &Day| *day >= window.from && *day <= window.to;
        !self.is_over
            && index
                .record_days()
                .keys()
                .filter(|day| in_window(day))
                .all(|day| self.days.contains_key(day))
    }

    /// Hands on each workload that has minutes in the window, in the order of the tables.
    pub fn workloads(mut self, window: &Window, mut each: impl FnMut(Workload)) {
        let keys: Keys = self.names.keys();
        let mut sizes: HashMap<u32, [SizeHistogram; 2]> = HashMap::new();
        let mut rows: Vec<(u32, &KeptMinute, &WholeDay)> = Vec::new();
        let in_window = |day: &Day| *day >= window.from && *day <= window.to;
        for (_, day) in self.days.iter().filter(|(day, _)| in_window(day)) {
            for (number, is_output, bin, requests) in &day.sizes {
                let histogram = &mut sizes.entry(*number).or_default()[usize::from(*is_output)];
                *histogram.bins.entry(*bin).or_default() += requests;
            }
            rows.extend(day.minutes.iter().map(|row| (keys.place(row.number), row, &**day)));
        }
        // Stable: within a workload, days and their minutes are in order already.
        rows.sort_by_key(|(place, ..)| *place);
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            let number = rows[0].1.number;
            let [input_sizes, output_sizes] = sizes.remove(&number).unwrap_or_default();
            // A kind that is none was refused when the object was read.
            let Some(key) = workload_key(self.names.texts(number)) else { continue };
            let minutes = rows.iter().map(|(_, row, day)| day.facts(row)).collect();
            each(Workload { key, minutes, input_sizes, output_sizes });
        }
    }
}

fn batch(columns: Vec<(FieldRef, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
