//! Facts kept in memory from merging to judging: what was just added up need not be read back.

use std::collections::{BTreeSet, HashMap};

use super::names::{Keys, Names};
use super::sums::{SizeRow, UsageRow, UsageSums};
use crate::store::index::Index;
use crate::table::columns::{NUMBERS, minute_facts, workload_key};
use crate::table::packed::{numbers_of, pack_numbers};
use crate::units::{Day, Minute};
use crate::workload::{MinuteFacts, SizeHistogram, Window, Workload};

/// Bytes kept. Beyond, all of it is let go, and the tables are read. A minute takes about 40 bytes.
const MOST_BYTES: usize = 16 << 20;

/// The merged facts of days, as long as they are few.
#[derive(Debug, Default)]
pub struct Kept {
    names: Names,
    days: BTreeSet<Day>,
    minutes: Vec<KeptMinute>,
    /// The packed numbers of `minutes`, one after the other.
    packed: Vec<u8>,
    sizes: Vec<(Day, SizeRow)>,
    /// There was too much.
    is_over: bool,
}

/// One workload in one minute.
#[derive(Clone, Copy, Debug)]
struct KeptMinute {
    number: u32,
    /// Where its numbers begin in the packed ones.
    start: u32,
    minute: Minute,
}

impl Kept {
    /// Keeps the rows of one day. Days come in any order, each once.
    pub(super) fn day(
        &mut self,
        day: Day,
        (usage, rows): (&UsageSums, &[UsageRow]),
        sizes: &[SizeRow],
    ) {
        if self.is_over {
            return;
        }
        for row in rows {
            let (number, minute, _) = *row;
            let start = self.packed.len() as u32;
            self.minutes.push(KeptMinute { number, start, minute });
            pack_numbers(usage.numbers(row), &mut self.packed);
        }
        self.sizes.extend(sizes.iter().map(|row| (day, *row)));
        self.days.insert(day);
        let bytes = self.packed.len()
            + size_of_val(self.minutes.as_slice())
            + size_of_val(self.sizes.as_slice());
        if bytes > MOST_BYTES {
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
                .all(|day| self.days.contains(day))
    }

    /// Hands on each workload that has minutes in the window, in the order of the tables.
    pub fn workloads(mut self, window: &Window, mut each: impl FnMut(Workload)) {
        let in_window = |day: Day| day >= window.from && day <= window.to;
        let keys: Keys = self.names.keys();
        let mut sizes: HashMap<u32, [SizeHistogram; 2]> = HashMap::new();
        for (_, (number, is_output, bin, requests)) in
            self.sizes.iter().filter(|(day, _)| in_window(*day))
        {
            let histogram = &mut sizes.entry(*number).or_default()[usize::from(*is_output)];
            *histogram.bins.entry(*bin).or_default() += requests;
        }
        self.minutes.retain(|row| in_window(row.minute.day()));
        self.minutes.sort_by_key(|row| (keys.place(row.number), row.minute));
        for rows in self.minutes.chunk_by(|a, b| a.number == b.number) {
            let number = rows[0].number;
            let [input_sizes, output_sizes] = sizes.remove(&number).unwrap_or_default();
            // A kind that is none was refused when the object was read.
            let Some(key) = workload_key(self.names.texts(number)) else { continue };
            let minutes = rows.iter().map(|row| self.facts(row)).collect();
            each(Workload { key, minutes, input_sizes, output_sizes });
        }
    }

    fn facts(&self, row: &KeptMinute) -> MinuteFacts {
        let mut all = [0; NUMBERS];
        for (at, number) in numbers_of(&self.packed[row.start as usize..]) {
            all[at] = number;
        }
        minute_facts(row.minute, all)
    }
}
