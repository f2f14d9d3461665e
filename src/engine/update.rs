//! The update: objects are read slice by slice, their requests settled, and each slice committed.
//!
//! A slice ends where enough was read to be worth a commit, so that a killed audit of a terabyte goes on
//! where it was. Within a slice rows flow as objects finish. A slice is settled and committed while the next one is
//! read: that rests on nothing but the objects.

use std::collections::{BTreeSet, HashSet};
use std::pin::pin;
use std::sync::Arc;

use super::EngineError;
use super::commit::Edit;
use super::fresh::Fresh;
use super::plan::{Gone, Listed, Pending, Plan};
use super::scan::{self, Stop};
use super::session::Ground;
use super::settle::{self, Again};
use crate::failpoint;
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::{LedgerEntry, Reading, object_day};
use crate::store::lock::Lock;
use crate::table::ScanOptions;
use crate::table::source::ScanObject;

/// Compressed bytes of a slice: some seconds of reading, and of small records the ids are some ten megabytes.
const SLICE_BYTES: usize = 384 << 20;

/// Objects of a slice: their ledger entries and the answers to their keys stay small.
const SLICE_OBJECTS: usize = 8192;

/// Object days of a slice: each has a buffer of its own.
const SLICE_DAYS: usize = 32;

/// Rounds of reading again. One is the rule; a second comes of objects that cannot be read again.
const ROUNDS: usize = 16;

/// With what an update is done.
pub struct Update<'u> {
    /// What scans run on.
    pub ground: &'u Ground,
    /// The dataset to bring up to date.
    pub dataset: &'u Dataset,
    /// The right to write it.
    pub lock: &'u Lock,
    /// What was listed: an object that the state has can only be read again while it is there.
    pub listed: &'u Listed<'u>,
    /// How objects are read.
    pub options: Arc<ScanOptions>,
    /// These options in the words that the state keeps.
    pub options_text: String,
    /// A number that no other run has.
    pub run: u64,
    /// Whether to stop early.
    pub stop: Stop,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Objects read and committed.
    pub objects: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
    /// Records met in them.
    pub records: u64,
    /// Objects read once more because requests in them count elsewhere.
    pub again: u64,
    /// Objects that are still to be read, because the update was told to stop.
    pub left: u64,
}

impl std::ops::AddAssign for Updated {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.records += other.records;
        self.again += other.again;
        self.left = other.left;
    }
}

impl Update<'_> {
    /// Does what `plan` says; `index` tells afterwards what the state is. Calls `progress` for each object.
    ///
    /// # Errors
    /// The store refuses, the lock was lost, or counts do not add up. What was committed stays.
    pub async fn run(
        &self,
        mut plan: Plan,
        index: &mut Index,
        mut progress: impl FnMut(&ScanObject, &Reading),
    ) -> Result<Updated, EngineError> {
        let mut updated = Updated::default();
        let Plan { objects, dropped, gone, .. } = &mut plan;
        if !dropped.is_empty() {
            let mut fresh = Fresh::default();
            dropped.iter().for_each(|entry| fresh.replaces(entry));
            updated.again += self.settle(objects, index, &mut fresh).await?;
            self.commit(fresh.finish()?, gone, index).await?;
        }
        let (mut at, mut read) = (0, None);
        loop {
            let first = at;
            if at < objects.len() && !self.stop.is_wanted() {
                at += self.slice(&objects[at..]);
            }
            let mut met = |object: &ScanObject, reading: &Reading| {
                updated.records += reading.records;
                progress(object, reading);
            };
            let reading = async {
                match &objects[first..at] {
                    [] => Ok(None),
                    slice => self.read(first, slice, &mut met).await.map(Some),
                }
            };
            let before = read.take();
            let committing = async {
                match before {
                    Some(before) => self.settle_and_commit(objects, before, gone, index).await,
                    None => Ok(0),
                }
            };
            let (again, next) = while_committing(committing, reading).await?;
            updated.again += again;
            let Some((fresh, answered)) = next else { break };
            updated.objects += answered;
            for row in fresh.rows.values().filter(|row| row.planned.is_some()) {
                updated.bytes += row.entry.bytes;
            }
            read = Some(fresh);
        }
        updated.left = (objects.len() as u64).saturating_sub(updated.objects);
        self.lock.check()?;
        for (segment, gone) in std::mem::take(gone) {
            self.commit_segment(segment, None, Edit { gone, ..Edit::default() }, index).await?;
        }
        failpoint::point("update-done");
        Ok(updated)
    }

    /// Settles and commits what was read; returns how many objects were read again for that.
    async fn settle_and_commit(
        &self,
        objects: &[Pending],
        mut fresh: Fresh,
        gone: &mut Gone,
        index: &mut Index,
    ) -> Result<u64, EngineError> {
        self.lock.check()?;
        failpoint::point("scanned");
        let again = self.settle(objects, index, &mut fresh).await?;
        failpoint::point("settled");
        self.commit(fresh.finish()?, gone, index).await?;
        Ok(again)
    }

    /// Reads one slice, which begins at `first` in the plan; tells how many of its objects answered.
    async fn read(
        &self,
        first: usize,
        slice: &[Pending],
        progress: &mut impl FnMut(&ScanObject, &Reading),
    ) -> Result<(Fresh, u64), EngineError> {
        let objects = slice.iter().zip(first as i64..);
        let objects: Vec<ScanObject> = objects
            .map(|(pending, ordinal)| self.listed.scanned(pending.at, ordinal))
            .collect::<Result<_, _>>()?;
        let (mut fresh, mut answered) = (Fresh::default(), 0);
        scan::job(self.ground, &objects, &self.options, &self.stop, |row| {
            let planned = usize::try_from(row.ordinal).unwrap_or(usize::MAX);
            let at = planned.wrapping_sub(first);
            let (Some(pending), Some(object)) = (slice.get(at), objects.get(at)) else {
                return Err(EngineError::Conservation("an object that was not asked for".into()));
            };
            progress(object, &row.reading);
            answered += 1;
            let mut entry = self.listed.entry(pending.at);
            if is_as_before(&pending.before, &entry, &row.reading) {
                return Ok(());
            }
            pending.before.iter().for_each(|entry| fresh.replaces(entry));
            entry.revision = self.revision(&entry.location, 0);
            fresh.push(entry, row, &[], Some(planned))
        })
        .await?;
        Ok((fresh, answered))
    }

    /// How many of the first objects make a slice, at least one.
    fn slice(&self, objects: &[Pending]) -> usize {
        let most = failpoint::bytes("HALFRATE_SLICE_BYTES", SLICE_BYTES) as u64;
        let (mut bytes, mut days) = (0_u64, BTreeSet::new());
        let fits = |pending: &&Pending| {
            let object = &self.listed.objects[pending.at].1;
            bytes = bytes.saturating_add(object.size);
            days.insert(object_day(object));
            bytes <= most && days.len() <= SLICE_DAYS
        };
        objects.iter().take(SLICE_OBJECTS).take_while(fits).count().max(1)
    }

    /// A number for a reading that no other has.
    fn revision(&self, location: &str, round: u64) -> u64 {
        use std::hash::Hasher;
        let mut hasher = twox_hash::XxHash64::with_seed(self.run);
        hasher.write(location.as_bytes());
        hasher.write(&round.to_le_bytes());
        hasher.finish()
    }

    /// Reads again what counts otherwise than it should, until nothing does. Returns how many were read.
    async fn settle(
        &self,
        objects: &[Pending],
        index: &Index,
        fresh: &mut Fresh,
    ) -> Result<u64, EngineError> {
        let mut frozen: HashSet<String> = HashSet::new();
        let mut read = 0;
        if !self.options.dedupe {
            return Ok(read);
        }
        for round in 1..=ROUNDS {
            let wrong = settle::unsettled(self.dataset, index, fresh, &frozen).await?;
            if wrong.is_empty() {
                return Ok(read);
            }
            for again in wrong {
                read += 1;
                if !self.again(objects, fresh, &again, round as u64).await? {
                    frozen.insert(again.entry.location);
                }
            }
        }
        Err(EngineError::Conservation(format!("requests are not settled after {ROUNDS} rounds")))
    }

    /// Reads one object again; `false` when the state has it and it cannot be read.
    async fn again(
        &self,
        objects: &[Pending],
        fresh: &mut Fresh,
        again: &Again,
        round: u64,
    ) -> Result<bool, EngineError> {
        let object = match again.planned {
            Some(at) => objects.get(at).map(|pending| pending.at),
            None => self.listed.find(&again.entry),
        };
        let Some(object) = object else { return Ok(false) };
        let object = self.listed.scanned(object, 0)?;
        let row = scan::again(self.ground, &object, &self.options, again.exclude.clone()).await?;
        if row.reading.error.is_some() && again.planned.is_none() {
            return Ok(false);
        }
        let mut entry = again.entry.clone();
        entry.revision = self.revision(&entry.location, round);
        let excluded: &[_] = if row.reading.error.is_some() { &[] } else { &again.exclude };
        if again.planned.is_none() {
            fresh.replaces(&again.entry);
        }
        fresh.push(entry, row, excluded, again.planned)?;
        Ok(true)
    }
}

/// What both yield. A commit is never left in its middle; when it fails, reading is.
async fn while_committing<C, R>(
    committing: impl Future<Output = Result<C, EngineError>>,
    reading: impl Future<Output = Result<R, EngineError>>,
) -> Result<(C, R), EngineError> {
    let (mut committing, mut reading) = (pin!(committing), pin!(reading));
    let mut read = None;
    let committed = loop {
        tokio::select! {
            committed = &mut committing => break committed?,
            done = &mut reading, if read.is_none() => read = Some(done),
        }
    };
    match read {
        Some(read) => Ok((committed, read?)),
        None => Ok((committed, reading.await?)),
    }
}

/// Whether a reading says nothing new: the same failure again, or a failure where the same version was read
/// before, whose facts are better than none.
fn is_as_before(before: &[LedgerEntry], now: &LedgerEntry, reading: &Reading) -> bool {
    let [entry] = before else { return false };
    reading.error.is_some()
        && (entry.bytes, &entry.etag) == (now.bytes, &now.etag)
        && (entry.reading.error == reading.error || entry.reading.error.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_commit_is_never_left_in_its_middle() {
        let failed = || EngineError::Conservation("as wanted".into());
        let committed = Cell::new(false);
        let committing = async {
            for _ in 0..9 {
                tokio::task::yield_now().await;
            }
            committed.set(true);
            Ok(1)
        };
        let reading = async { Err::<i32, _>(failed()) };
        assert!(while_committing(committing, reading).await.is_err() && committed.get());
        // What is being read is nothing that has to be ended.
        let reading = std::future::pending::<Result<i32, _>>();
        assert!(while_committing(async { Err::<i32, _>(failed()) }, reading).await.is_err());
        let both = while_committing(async { Ok(1) }, async { Ok(2) }).await;
        assert_eq!(both.unwrap(), (1, 2));
    }
}
