//! The update: objects are read slice by slice, their requests settled, and each slice committed.
//!
//! A slice ends where enough was read to be worth a commit, so that a killed audit of a terabyte goes on
//! where it was. Within a slice rows flow as objects finish; between slices nothing is held.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use futures::TryStreamExt;

use super::EngineError;
use super::fresh::{Finished, Fresh};
use super::plan::{Listed, Pending, Plan};
use super::scan::{self, Stop};
use super::session::Ground;
use super::settle::{self, Again};
use super::spool::Spooled;
use crate::failpoint;
use crate::schema::state;
use crate::store::dataset::Dataset;
use crate::store::index::{Index, Summary};
use crate::store::ledger::{self, LedgerEntry, Reading, object_day};
use crate::store::lock::Lock;
use crate::store::state::{StateFile, StateWriter, filtered};
use crate::table::ScanOptions;
use crate::table::source::ScanObject;
use crate::units::Day;

/// Compressed bytes of a slice: some seconds of reading, and the ids of its records are few tens of megabytes.
const SLICE_BYTES: u64 = 512 << 20;

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
        if !plan.dropped.is_empty() {
            let mut fresh = Fresh::default();
            plan.dropped.iter().for_each(|entry| fresh.replaces(entry));
            updated.again += self.settle(&plan, index, &mut fresh).await?;
            self.commit(fresh.finish()?, &mut plan.gone, index).await?;
        }
        let mut at = 0;
        while at < plan.objects.len() && !self.stop.is_wanted() {
            self.lock.check()?;
            let end = at + self.slice(&plan.objects[at..]);
            let mut met = |object: &ScanObject, reading: &Reading| {
                updated.records += reading.records;
                progress(object, reading);
            };
            let (mut fresh, answered) = self.read(at, &plan.objects[at..end], &mut met).await?;
            failpoint::point("scanned");
            updated.again += self.settle(&plan, index, &mut fresh).await?;
            failpoint::point("settled");
            updated.objects += answered;
            for row in fresh.rows.values().filter(|row| row.planned.is_some()) {
                updated.bytes += row.entry.bytes;
            }
            self.commit(fresh.finish()?, &mut plan.gone, index).await?;
            at = end;
        }
        updated.left = (plan.objects.len() as u64).saturating_sub(updated.objects);
        self.lock.check()?;
        for (day, gone) in std::mem::take(&mut plan.gone) {
            self.commit_day(day, None, Edit { gone, ..Edit::default() }, index).await?;
        }
        failpoint::point("update-done");
        Ok(updated)
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
        let (mut bytes, mut days) = (0_u64, BTreeSet::new());
        let fits = |pending: &&Pending| {
            let object = &self.listed.objects[pending.at].1;
            bytes = bytes.saturating_add(object.size);
            days.insert(object_day(object));
            bytes <= SLICE_BYTES && days.len() <= SLICE_DAYS
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
        plan: &Plan,
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
                if !self.again(plan, fresh, &again, round as u64).await? {
                    frozen.insert(again.entry.location);
                }
            }
        }
        Err(EngineError::Conservation(format!("requests are not settled after {ROUNDS} rounds")))
    }

    /// Reads one object again; `false` when the state has it and it cannot be read.
    async fn again(
        &self,
        plan: &Plan,
        fresh: &mut Fresh,
        again: &Again,
        round: u64,
    ) -> Result<bool, EngineError> {
        let object = match again.planned {
            Some(at) => plan.objects.get(at).map(|pending| pending.at),
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

    /// Commits a slice, the latest day first: what an object on an earlier day takes over from one on a
    /// later day is given up before it is taken, so that no crash can leave it counted twice.
    async fn commit(
        &self,
        finished: Finished,
        gone: &mut BTreeMap<Day, BTreeMap<String, bool>>,
        index: &mut Index,
    ) -> Result<(), EngineError> {
        let Finished { mut days, mut replaced } = finished;
        let all: BTreeSet<Day> = days.keys().copied().collect();
        let emptied = replaced.keys().filter(|day| !all.contains(day)).copied();
        let order: Vec<Day> = all.iter().rev().copied().chain(emptied).collect();
        for day in order {
            self.lock.check()?;
            let edit = Edit {
                drop: replaced.remove(&day).unwrap_or_default(),
                gone: gone.remove(&day).unwrap_or_default(),
            };
            self.commit_day(day, days.remove(&day), edit, index).await?;
        }
        Ok(())
    }

    /// Commits one object day: its rows without those that go, then the new ones.
    async fn commit_day(
        &self,
        day: Day,
        rows: Option<(Spooled, Vec<bool>)>,
        edit: Edit,
        index: &mut Index,
    ) -> Result<(), EngineError> {
        let before = index.state.get(&day.0).map(|summary| summary.version.clone());
        let mut writer = self.dataset.state_writer(day, &self.options_text, before.as_ref())?;
        let old = before.map(|version| StateFile { day, bytes: version.size });
        let entries = match self.fill(&mut writer, old, rows, &edit).await {
            Ok(entries) => entries,
            Err(error) => {
                writer.abort().await;
                return Err(error);
            }
        };
        let objects = entries.len() as u64;
        match writer.finish().await? {
            Some(version) => {
                tracing::info!(%day, objects, "object day committed");
                let summary = Summary::of(version, self.options_text.clone(), &entries);
                index.state.insert(day.0, summary);
            }
            None => {
                index.state.remove(&day.0);
            }
        }
        Ok(())
    }

    /// Writes the rows of one object day; returns their entries.
    async fn fill(
        &self,
        writer: &mut StateWriter,
        old: Option<StateFile>,
        rows: Option<(Spooled, Vec<bool>)>,
        edit: &Edit,
    ) -> Result<Vec<LedgerEntry>, EngineError> {
        let mut entries = Vec::new();
        if let Some(file) = old {
            let schema = state::schema();
            let names: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            let stays = |entry: &LedgerEntry| !edit.drop.contains(&entry.location);
            let mut old = self.dataset.rows(file, &names, stays).await?;
            while let Some(batch) = old.try_next().await? {
                let mut of_batch = ledger::entries(file.day, &batch)?;
                writer.write(marked(batch, &mut of_batch, &edit.gone)?).await?;
                entries.extend(of_batch);
            }
        }
        if let Some((spooled, counts)) = rows {
            let mut counts = counts.into_iter();
            for batch in spooled.batches() {
                let batch = batch?;
                let keep: BooleanArray = counts.by_ref().take(batch.num_rows()).map(Some).collect();
                let batch = filtered(&batch, keep)?;
                entries.extend(ledger::entries(writer.day(), &batch)?);
                writer.write(batch).await?;
            }
        }
        Ok(entries)
    }
}

/// Changes to the rows that an object day has.
#[derive(Default)]
struct Edit {
    /// Full names of the objects whose rows go.
    drop: BTreeSet<String>,
    /// Objects that went (true) or came back.
    gone: BTreeMap<String, bool>,
}

/// Whether a reading says nothing new: the same failure again, or a failure where the same version was read
/// before, whose facts are better than none.
fn is_as_before(before: &[LedgerEntry], now: &LedgerEntry, reading: &Reading) -> bool {
    let [entry] = before else { return false };
    reading.error.is_some()
        && (entry.bytes, &entry.etag) == (now.bytes, &now.etag)
        && (entry.reading.error == reading.error || entry.reading.error.is_none())
}

/// The rows with what `gone` says of them.
fn marked(
    batch: RecordBatch,
    entries: &mut [LedgerEntry],
    gone: &BTreeMap<String, bool>,
) -> Result<RecordBatch, EngineError> {
    if gone.is_empty() {
        return Ok(batch);
    }
    for entry in entries.iter_mut() {
        if let Some(now) = gone.get(&entry.location) {
            entry.gone = *now;
        }
    }
    let marks: BooleanArray = entries.iter().map(|entry| Some(entry.gone)).collect();
    let at = batch.schema().index_of("gone")?;
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[at] = Arc::new(marks);
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
