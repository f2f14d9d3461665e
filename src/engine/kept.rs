//! Facts kept in memory from merging to judging: what was just added up need not be read back.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use rayon::prelude::*;

use super::names::{Keys, Names};
use super::sums::{SizeRow, SizeSums, UsageRow, UsageSums, minutes};
use crate::schema::KEY_COLUMNS;
use crate::store::index::Index;
use crate::table::columns::{NUMBERS, minute_facts, number_names, workload_key};
use crate::units::{Day, Minute};
use crate::workload::{MinuteFacts, SizeHistogram, Window, Workload};

/// Bytes kept. Beyond, all of it is let go, and the tables are read. A minute takes some 40 to 60.
const MOST_BYTES: usize = 16 << 20;

/// Rows whose numbers one core narrows at once: some tens of kilobytes.
const PART_ROWS: usize = 1024;

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
    minutes: Vec<(u32, Minute)>,
    /// The numbers of `minutes`, by column.
    numbers: [Narrow; NUMBERS],
    sizes: Vec<SizeRow>,
}

/// Numbers, each in as few bytes as the largest takes. Most columns of a day are of small ones or of none.
#[derive(Debug)]
struct Narrow {
    width: usize,
    bytes: Vec<u8>,
}

impl Narrow {
    /// Of numbers that have no other bits, or none above them.
    fn new(bits: u64, rows: usize) -> Self {
        let width = match bits {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        Self { width, bytes: Vec::with_capacity(width * rows) }
    }

    fn push(&mut self, number: i64) {
        let all = number.to_le_bytes();
        // Of fixed lengths, because copies of any length are calls.
        match self.width {
            0 => {}
            1 => self.bytes.push(all[0]),
            2 => self.bytes.extend_from_slice(&all[..2]),
            4 => self.bytes.extend_from_slice(&all[..4]),
            _ => self.bytes.extend_from_slice(&all),
        }
    }

    fn get(&self, row: usize) -> i64 {
        match self.width {
            0 => 0,
            1 => i64::from(self.bytes[row]),
            2 => i64::from(u16::from_le_bytes(self.bytes.as_chunks().0[row])),
            4 => i64::from(u32::from_le_bytes(self.bytes.as_chunks().0[row])),
            _ => i64::from_le_bytes(self.bytes.as_chunks().0[row]),
        }
    }

    fn all(&self, rows: usize) -> Vec<i64> {
        fn wide<const WIDTH: usize>(bytes: &[u8]) -> Vec<i64> {
            let wide = |narrow: &[u8; WIDTH]| {
                let mut number = [0; 8];
                number[..WIDTH].copy_from_slice(narrow);
                i64::from_le_bytes(number)
            };
            bytes.as_chunks::<WIDTH>().0.iter().map(wide).collect()
        }
        match self.width {
            0 => vec![0; rows],
            1 => wide::<1>(&self.bytes),
            2 => wide::<2>(&self.bytes),
            4 => wide::<4>(&self.bytes),
            _ => wide::<8>(&self.bytes),
        }
    }
}

impl WholeDay {
    /// So kept, facts take a third of what adding them up takes.
    pub(super) fn new(usage: UsageSums, sizes: SizeSums, keys: &Keys) -> Self {
        let (rows, sizes) = (usage.sorted(keys), sizes.sorted(keys));
        let narrow = |rows: &[UsageRow]| {
            let mut numbers = usage.bits().map(|bits| Narrow::new(bits, rows.len()));
            for row in rows {
                numbers.iter_mut().zip(usage.numbers(row)).for_each(|(column, n)| column.push(n));
            }
            numbers
        };
        let mut numbers = narrow(&[]);
        let parts: Vec<_> = rows.par_chunks(PART_ROWS).map(narrow).collect();
        for part in parts {
            numbers.iter_mut().zip(part).for_each(|(all, part)| all.bytes.extend(part.bytes));
        }
        let minutes = rows.into_iter().map(|(number, minute, _)| (number, minute)).collect();
        Self { minutes, numbers, sizes }
    }

    /// How many rows `usage` has, and its columns by name; the texts of keys are dictionaries.
    pub(super) fn usage(
        self: Arc<Self>,
        keys: &Keys,
    ) -> (usize, impl Fn(&str) -> Option<ArrayRef> + Send + Sync + use<>) {
        let of_keys = keys.of_rows(self.minutes.iter().map(|(number, _)| *number));
        let rows = self.minutes.len();
        let column = move |name: &str| -> Option<ArrayRef> {
            if name == "minute" {
                return Some(minutes(self.minutes.iter().map(|(_, minute)| *minute)));
            }
            if let Some(at) = KEY_COLUMNS.iter().position(|key| *key == name) {
                return of_keys.get(at).cloned();
            }
            let at = number_names().position(|number| number == name)?;
            Some(Arc::new(Int64Array::from(self.numbers.get(at)?.all(rows))))
        };
        (rows, column)
    }

    /// How many rows `sizes` has, and its columns as those of `usage`.
    pub(super) fn sizes(
        &self,
        keys: &Keys,
    ) -> (usize, impl Fn(&str) -> Option<ArrayRef> + Send + Sync + use<>) {
        let rows = &self.sizes;
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
        let of_keys = keys.of_rows(rows.iter().map(|(number, ..)| *number));
        let columns: Vec<_> = KEY_COLUMNS.into_iter().zip(of_keys).chain(own).collect();
        let column = move |name: &str| {
            columns.iter().find(|(of, _)| *of == name).map(|(_, column)| Arc::clone(column))
        };
        (rows.len(), column)
    }

    fn facts(&self, row: usize) -> MinuteFacts {
        minute_facts(self.minutes[row].1, self.numbers.each_ref().map(|column| column.get(row)))
    }

    fn bytes(&self) -> usize {
        let numbers = self.numbers.iter().map(|column| column.bytes.len()).sum::<usize>();
        numbers + size_of_val(self.minutes.as_slice()) + size_of_val(self.sizes.as_slice())
    }
}

/// A workload by its place and number, and where its minutes of a day are.
type Run<'d> = (u32, u32, &'d WholeDay, Range<usize>);

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
        !self.is_over
            && index
                .record_days()
                .keys()
                .filter(|day| window.contains(**day))
                .all(|day| self.days.contains_key(day))
    }

    /// What `each` makes of every workload that has minutes in the window, in the order of the tables, on all cores.
    pub fn workloads<T: Send>(
        mut self,
        window: &Window,
        each: impl Fn(Workload) -> T + Sync,
    ) -> Vec<T> {
        let keys: Keys = self.names.keys();
        let mut sizes: HashMap<u32, [SizeHistogram; 2]> = HashMap::new();
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (_, day) in self.days.iter().filter(|(day, _)| window.contains(**day)) {
            for (number, is_output, bin, requests) in &day.sizes {
                let histogram = &mut sizes.entry(*number).or_default()[usize::from(*is_output)];
                *histogram.bins.entry(*bin).or_default() += requests;
            }
            let mut start = 0;
            for run in day.minutes.chunk_by(|a, b| a.0 == b.0) {
                runs.push((keys.place(run[0].0), run[0].0, day, start..start + run.len()));
                start += run.len();
            }
        }
        // Stable: a workload's days are in order already.
        runs.sort_by_key(|(place, ..)| *place);
        let of_workloads: Vec<_> = runs
            .chunk_by(|a, b| a.0 == b.0)
            .map(|runs| (runs, sizes.remove(&runs[0].1).unwrap_or_default()))
            .collect();
        let workload = |(runs, [input_sizes, output_sizes]): (&[Run<'_>], [SizeHistogram; 2])| {
            // A kind that is none was refused when the object was read.
            let key = workload_key(self.names.texts(runs[0].1))?;
            let minutes =
                runs.iter().flat_map(|(.., day, rows)| rows.clone().map(|row| day.facts(row)));
            Some(each(Workload { key, minutes: minutes.collect(), input_sizes, output_sizes }))
        };
        of_workloads.into_par_iter().with_max_len(1).filter_map(workload).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn narrow_numbers_are_what_they_were(bits in 0..65_u32, all in prop::collection::vec(any::<i64>(), 0..9)) {
            let all: Vec<i64> =
                all.iter().map(|n| (*n as u64).checked_shr(64 - bits).unwrap_or(0) as i64).collect();
            let most = all.iter().fold(0, |most, n| most | *n as u64);
            let mut narrow = Narrow::new(most, all.len());
            all.iter().for_each(|n| narrow.push(*n));
            prop_assert_eq!((0..all.len()).map(|row| narrow.get(row)).collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(narrow.all(all.len()), all);
        }
    }
}
