//! Request ids of one day that are met more than once, found in little more memory than the ids take.
//!
//! Ids are hashes, so that few bits of most tell that they are alone; only what those leave in doubt is looked at whole.

/// Bits for an id where an eighth of others may be in doubt.
const DENSE: usize = 8;

/// Bits for an id where a sixteenth part of many more may be: they are collected.
const SPARSE: usize = 16;

/// Known ids in doubt that are collected before they are looked at: a megabyte, for which those just read are gone through
/// once more.
const MOST_DOUBTS: usize = 1 << 17;

/// The ids just read of one day, in runs that can be gone through again, and what known ones have to do with them.
pub(super) struct DayIds<I> {
    runs: Vec<I>,
    /// Made when the first known ids come.
    read: Option<Bits>,
    /// Known ids that may be among those just read.
    doubts: Vec<u64>,
    /// Known ids that are.
    shared: Vec<u64>,
}

impl<I> Default for DayIds<I> {
    fn default() -> Self {
        Self { runs: Vec::new(), read: None, doubts: Vec::new(), shared: Vec::new() }
    }
}

impl<I: Iterator<Item = u64> + Clone> DayIds<I> {
    /// Adds ids just read; all of them before the first known ones.
    pub(super) fn add(&mut self, run: I) {
        self.runs.push(run);
    }

    /// Holds known ids, which may be many more, against those just read.
    pub(super) fn hold_against(&mut self, known: impl Iterator<Item = u64>) {
        let read = self.read.get_or_insert_with(|| Bits::of(all(&self.runs), SPARSE));
        self.doubts.extend(known.filter(|id| read.has(*id)));
        if self.doubts.len() >= MOST_DOUBTS {
            self.look_at_doubts();
        }
    }

    /// The ids that are there more than once, or known as well; some perhaps twice.
    pub(super) fn repeated(mut self) -> Vec<u64> {
        self.look_at_doubts();
        self.read = None;
        let mut repeated = repeated(all(&self.runs));
        repeated.append(&mut self.shared);
        repeated
    }

    fn look_at_doubts(&mut self) {
        if self.doubts.is_empty() {
            return;
        }
        self.doubts.sort_unstable();
        let near = Bits::of(self.doubts.iter().copied(), SPARSE);
        let is_known = |id: &u64| near.has(*id) && self.doubts.binary_search(id).is_ok();
        self.shared.extend(all(&self.runs).filter(is_known));
        self.doubts.clear();
    }
}

/// The ids of runs, without using them up.
fn all<I: Iterator<Item = u64> + Clone>(runs: &[I]) -> impl Iterator<Item = u64> + Clone {
    runs.iter().cloned().flatten()
}

/// The ids that are there more than once. The last bits of most tell that they are alone, and then the first bits of
/// most others; looking these up costs less than sorting all.
fn repeated(ids: impl Iterator<Item = u64> + Clone) -> Vec<u64> {
    let mut ids = perhaps(perhaps(ids, |id| id).into_iter(), u64::reverse_bits);
    ids.sort_unstable();
    ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect()
}

/// Those of which `ends` gives bits that others have as well.
fn perhaps(ids: impl Iterator<Item = u64> + Clone, ends: fn(u64) -> u64) -> Vec<u64> {
    let count = ids.clone().count();
    let [mut met, mut met_again] = [(); 2].map(|()| Bits::new(count, DENSE));
    for end in ids.clone().map(ends).filter(|end| met.insert(*end)) {
        met_again.insert(end);
    }
    ids.filter(|id| met_again.has(ends(*id))).collect()
}

/// A set of ids that may hold others as well: one bit stands for all that end alike.
struct Bits(Vec<u64>);

impl Bits {
    /// None, with room for so many ids at `each` bits.
    fn new(ids: usize, each: usize) -> Self {
        Self(vec![0; (ids * each).next_power_of_two().max(64) / 64])
    }

    fn of(ids: impl Iterator<Item = u64> + Clone, each: usize) -> Self {
        let mut bits = Self::new(ids.clone().count(), each);
        ids.for_each(|id| _ = bits.insert(id));
        bits
    }

    fn at(&self, id: u64) -> (usize, u64) {
        let bit = id as usize & (self.0.len() * 64 - 1);
        (bit / 64, 1 << (bit % 64))
    }

    /// Adds an id; tells whether it may have been there.
    fn insert(&mut self, id: u64) -> bool {
        let (word, bit) = self.at(id);
        let before = self.0[word];
        self.0[word] |= bit;
        before & bit != 0
    }

    /// Whether an id may be there.
    fn has(&self, id: u64) -> bool {
        let (word, bit) = self.at(id);
        self.0[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn repeated_ids_are_found_whatever_their_bits(
            few in prop::collection::vec(0..40_u64, 0..60),
            shift in 0..58_u32,
            others in prop::collection::vec(any::<u64>(), 0..200),
            known in prop::collection::vec(0..40_u64, 0..60),
            strangers in prop::collection::vec(any::<u64>(), 0..200),
            at_once in 1..300_usize,
            runs in 1..70_usize,
        ) {
            let ids: Vec<u64> = few.into_iter().map(|id| id << shift).chain(others).collect();
            let known: Vec<u64> = known.into_iter().map(|id| id << shift).chain(strangers).collect();
            let mut counts = BTreeMap::new();
            ids.iter().for_each(|id| *counts.entry(*id).or_insert(0) += 1);
            let expected: BTreeSet<u64> =
                ids.iter().copied().filter(|id| counts[id] > 1 || known.contains(id)).collect();
            let mut of_day = DayIds::default();
            ids.chunks(runs).for_each(|run| of_day.add(run.iter().copied()));
            for some in known.chunks(at_once) {
                of_day.hold_against(some.iter().copied());
                if at_once % 2 == 0 {
                    // As where they are many.
                    of_day.look_at_doubts();
                }
            }
            prop_assert_eq!(of_day.repeated().into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
