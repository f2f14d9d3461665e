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
    let disputed = disputed(dataset, index, fresh).await?;
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
    each_of_state(dataset, index, fresh, |entry, ids, excluded| claim(&entry, None, ids, excluded))
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
async fn disputed(
    dataset: &Dataset,
    index: &Index,
    fresh: &Fresh,
) -> Result<HashSet<RequestId>, EngineError> {
    let mut counted: BTreeMap<Day, Vec<u64>> = BTreeMap::new();
    let mut disputed = HashSet::new();
    let mut take = |ids: &[u8], excluded: &[u8]| -> Result<(), Torn> {
        for run in packed::ids(ids) {
            let (day, ids) = run?;
            if fresh.touched.contains(&day) {
                counted.entry(day).or_default().extend(ids);
            }
        }
        for run in packed::ids(excluded) {
            let (day, ids) = run?;
            if fresh.touched.contains(&day) {
                disputed.extend(ids.map(|id| (day, id)));
            }
        }
        Ok(())
    };
    for row in fresh.rows.values() {
        take(&row.ids, &row.excluded).map_err(of_scan)?;
    }
    each_of_state(dataset, index, fresh, |_, ids, excluded| take(ids, excluded)).await?;
    for (day, ids) in counted {
        disputed.extend(repeated(&ids).into_iter().map(|id| (day, id)));
    }
    Ok(disputed)
}

/// The ids that are there more than once. Ids are hashes: the last bits of most tell that they are alone, and
/// looking these up in maps of eight bits an id costs less than sorting all.
fn repeated(ids: &[u64]) -> Vec<u64> {
    let bits = (ids.len() * 8).next_power_of_two().max(64);
    let at = |id: u64| {
        let bit = id as usize & (bits - 1);
        (bit / 64, 1_u64 << (bit % 64))
    };
    let (mut met, mut met_again) = (vec![0_u64; bits / 64], vec![0_u64; bits / 64]);
    for id in ids {
        let (word, bit) = at(*id);
        met_again[word] |= met[word] & bit;
        met[word] |= bit;
    }
    let in_doubt = |id: &u64| {
        let (word, bit) = at(*id);
        met_again[word] & bit != 0
    };
    let mut ids: Vec<u64> = ids.iter().copied().filter(in_doubt).collect();
    ids.sort_unstable();
    ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect()
}

/// Hands on every row of the state that touches a touched day and is not replaced.
async fn each_of_state(
    dataset: &Dataset,
    index: &Index,
    fresh: &Fresh,
    mut each: impl FnMut(LedgerEntry, &[u8], &[u8]) -> Result<(), Torn>,
) -> Result<(), EngineError> {
    let touches = |entry: &LedgerEntry| {
        !fresh.is_replaced(entry) && entry.days.iter().any(|(day, _)| fresh.touched.contains(day))
    };
    for file in index.touching(&fresh.touched) {
        let mut met = Ok(());
        let take = |entry: LedgerEntry, ids: &[u8], excluded: &[u8]| {
            if met.is_ok() {
                met = each(entry, ids, excluded);
            }
        };
        dataset.identified(file, touches, take).await?;
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
