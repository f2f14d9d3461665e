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
use super::repeats::DayIds;
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
/// What the state counts was settled before: it is held against what was read now, and no more of it is kept than a
/// few megabytes of what may be the same.
async fn disputed(
    dataset: &Dataset,
    files: &[StateFile],
    fresh: &Fresh,
) -> Result<HashSet<RequestId>, EngineError> {
    let mut read = BTreeMap::new();
    let mut disputed = HashSet::new();
    for row in fresh.rows.values() {
        for run in packed::ids(&row.ids) {
            let (day, ids) = run.map_err(of_scan)?;
            read.entry(day).or_insert_with(DayIds::default).add(ids);
        }
        leave_out(&row.excluded, fresh, &mut disputed).map_err(of_scan)?;
    }
    each_of_state(dataset, files, fresh, |_, ids, excluded| {
        for run in packed::ids(ids) {
            let (day, ids) = run?;
            if let Some(of_day) = read.get_mut(&day) {
                of_day.hold_against(ids);
            }
        }
        leave_out(excluded, fresh, &mut disputed)
    })
    .await?;
    for (day, of_day) in read {
        disputed.extend(of_day.repeated().into_iter().map(|id| (day, id)));
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
        met.map_err(|torn| dataset.damaged_state(file.segment, &torn))?;
    }
    Ok(())
}

/// Facts that a scan of this run packed do not unpack.
fn of_scan(torn: Torn) -> EngineError {
    EngineError::Conservation(torn.to_string())
}
