//! Settling: in which object each request counts.
//!
//! A request, its id on its UTC day, counts in the first object that holds it, by [`LedgerEntry::order`].
//! That is a property of the objects and not of the order in which they were read: whatever arrives late,
//! is rewritten or is read again, the requests of the days that it touches are held against each other
//! once more, and an object that counts what it should not, or does not count what it should, is read again
//! with the right ones left out. An object that cannot be read again keeps what it counts, and the others
//! leave that out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::EngineError;
use super::fresh::Fresh;
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::LedgerEntry;
use crate::store::state::StateFile;
use crate::table::packed::{self, Torn};
use crate::table::partial::RequestId;
use crate::units::Day;

/// A reading that has to be done again.
pub(super) struct Again {
    pub(super) entry: LedgerEntry,
    /// Its place in the plan; none for one that the state has.
    pub(super) planned: Option<usize>,
    /// Requests to leave out.
    pub(super) exclude: Vec<RequestId>,
}

/// One object's part in the requests that more than one object holds.
struct Claim {
    entry: LedgerEntry,
    planned: Option<usize>,
    counted: Vec<RequestId>,
    excluded: Vec<RequestId>,
    /// It cannot be read again.
    frozen: bool,
}

/// The objects that have to be read again for every request to count once, and where it should.
pub(super) async fn unsettled(
    dataset: &Dataset,
    index: &Index,
    fresh: &Fresh,
    frozen: &HashSet<String>,
) -> Result<Vec<Again>, EngineError> {
    let touched = &fresh.touched;
    let files = index.touching(touched);
    let disputed = disputed(dataset, &files, fresh).await?;
    if disputed.is_empty() {
        return Ok(Vec::new());
    }
    let of = |packed: &[u8]| -> Result<Vec<RequestId>, Torn> {
        let mut among = Vec::new();
        for run in packed::ids(packed) {
            let (day, ids) = run?;
            among.extend(ids.map(|id| (day, id)).filter(|id| disputed.contains(id)));
        }
        Ok(among)
    };
    let mut claims = Vec::new();
    let mut claim = |entry: &LedgerEntry, planned, ids: &[u8], excluded: &[u8]| {
        let (counted, left_out) = (of(ids)?, of(excluded)?);
        if !counted.is_empty() || !left_out.is_empty() {
            let frozen = frozen.contains(&entry.location);
            let entry = entry.clone();
            claims.push(Claim { entry, planned, counted, excluded: left_out, frozen });
        }
        Ok(())
    };
    for row in fresh.rows.values() {
        claim(&row.entry, row.planned, &row.ids, &row.excluded).map_err(of_scan)?;
    }
    each_of_state(dataset, &files, fresh, |entry, ids, excluded| {
        claim(&entry, None, ids, excluded)
    })
    .await?;
    claims.sort_by(|a, b| a.entry.order().cmp(&b.entry.order()));
    Ok(wrong(claims, touched))
}

/// Of claims in order, those that count otherwise than they should.
fn wrong(claims: Vec<Claim>, touched: &BTreeSet<Day>) -> Vec<Again> {
    let mut owners: HashMap<RequestId, usize> = HashMap::new();
    for (at, claim) in claims.iter().enumerate().filter(|(_, claim)| claim.frozen) {
        for id in &claim.counted {
            owners.entry(*id).or_insert(at);
        }
    }
    for (at, claim) in claims.iter().enumerate().filter(|(_, claim)| !claim.frozen) {
        for id in claim.counted.iter().chain(&claim.excluded) {
            owners.entry(*id).or_insert(at);
        }
    }
    let mut again = Vec::new();
    for (at, claim) in claims.into_iter().enumerate().filter(|(_, claim)| !claim.frozen) {
        let all: BTreeSet<RequestId> =
            claim.counted.iter().chain(&claim.excluded).copied().collect();
        let exclude: BTreeSet<RequestId> =
            all.into_iter().filter(|id| owners.get(id) != Some(&at)).collect();
        let now: BTreeSet<RequestId> = claim.excluded.iter().copied().collect();
        if exclude != now {
            debug_assert!(exclude.iter().all(|(day, _)| touched.contains(day)));
            let exclude = exclude.into_iter().collect();
            again.push(Again { entry: claim.entry, planned: claim.planned, exclude });
        }
    }
    again
}

/// Requests that more than one object counts, or that some object leaves out, on the touched days.
///
/// What the state counts was settled before: it is held against what was read now, and only what may be the
/// same is kept of it.
async fn disputed(
    dataset: &Dataset,
    files: &[StateFile],
    fresh: &Fresh,
) -> Result<HashSet<RequestId>, EngineError> {
    let mut counted: BTreeMap<Day, Vec<u64>> = BTreeMap::new();
    let mut disputed = HashSet::new();
    for row in fresh.rows.values() {
        for run in packed::ids(&row.ids) {
            let (day, ids) = run.map_err(of_scan)?;
            counted.entry(day).or_default().extend(ids);
        }
        leave_out(&row.excluded, fresh, &mut disputed).map_err(of_scan)?;
    }
    let mut met: BTreeMap<Day, Bits> = BTreeMap::new();
    if !files.is_empty() {
        for (day, ids) in &counted {
            let of_day = met.entry(*day).or_insert_with(|| Bits::new(ids.len(), SPARSE));
            ids.iter().for_each(|id| _ = of_day.insert(*id));
        }
    }
    each_of_state(dataset, files, fresh, |_, ids, excluded| {
        for run in packed::ids(ids) {
            let (day, ids) = run?;
            if let (Some(met), Some(counted)) = (met.get(&day), counted.get_mut(&day)) {
                counted.extend(ids.filter(|id| met.has(*id)));
            }
        }
        leave_out(excluded, fresh, &mut disputed)
    })
    .await?;
    for (day, ids) in counted {
        disputed.extend(repeated(&ids).into_iter().map(|id| (day, id)));
    }
    Ok(disputed)
}

/// Adds the requests of the touched days that an object leaves out.
fn leave_out(
    excluded: &[u8],
    fresh: &Fresh,
    disputed: &mut HashSet<RequestId>,
) -> Result<(), Torn> {
    for run in packed::ids(excluded) {
        let (day, ids) = run?;
        if fresh.touched.contains(&day) {
            disputed.extend(ids.map(|id| (day, id)));
        }
    }
    Ok(())
}

/// The ids that are there more than once. The last bits of most tell that they are alone, and then the first bits of
/// most others; looking these up costs less than sorting all.
fn repeated(ids: &[u64]) -> Vec<u64> {
    let perhaps = |ids: &[u64], ends: fn(u64) -> u64| -> Vec<u64> {
        let [mut met, mut met_again] = [(); 2].map(|()| Bits::new(ids.len(), DENSE));
        for id in ids.iter().map(|id| ends(*id)).filter(|end| met.insert(*end)) {
            met_again.insert(id);
        }
        ids.iter().copied().filter(|id| met_again.has(ends(*id))).collect()
    };
    let mut ids = perhaps(&perhaps(ids, |id| id), u64::reverse_bits);
    ids.sort_unstable();
    ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect()
}

/// Bits for an id where an eighth of others may be in doubt.
const DENSE: usize = 8;

/// Bits for an id where a thirty-second part of many more may be: they are kept.
const SPARSE: usize = 32;

/// A set of ids that may hold others as well: one bit stands for all that end alike. Ids are hashes.
struct Bits(Vec<u64>);

impl Bits {
    /// None, with room for so many ids at `each` bits.
    fn new(ids: usize, each: usize) -> Self {
        Self(vec![0; (ids * each).next_power_of_two().max(64) / 64])
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

/// Hands on every row of these state files that touches a touched day and is not replaced.
async fn each_of_state(
    dataset: &Dataset,
    files: &[StateFile],
    fresh: &Fresh,
    mut each: impl FnMut(LedgerEntry, &[u8], &[u8]) -> Result<(), Torn>,
) -> Result<(), EngineError> {
    let touches = |entry: &LedgerEntry| {
        !fresh.is_replaced(entry) && entry.days.iter().any(|(day, _)| fresh.touched.contains(day))
    };
    for file in files {
        let mut met = Ok(());
        let take = |entry: LedgerEntry, ids: &[u8], excluded: &[u8]| {
            if met.is_ok() {
                met = each(entry, ids, excluded);
            }
        };
        dataset.identified(*file, touches, take).await?;
        met.map_err(|torn| dataset.damaged_state(file.day, &torn))?;
    }
    Ok(())
}

/// Facts that a scan of this run packed do not unpack.
fn of_scan(torn: Torn) -> EngineError {
    EngineError::Conservation(torn.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repeated_ids_are_found_whatever_their_bits(
            few in prop::collection::vec(0..40_u64, 0..60),
            shift in 0..58_u32,
            others in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            let ids: Vec<u64> = few.into_iter().map(|id| id << shift).chain(others).collect();
            let mut counts = BTreeMap::new();
            ids.iter().for_each(|id| *counts.entry(*id).or_insert(0) += 1);
            let expected = counts.into_iter().filter(|(_, n)| *n > 1).map(|(id, _)| id);
            prop_assert!(expected.eq(repeated(&ids)));
        }
    }
}
