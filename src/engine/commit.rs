//! Committing what was read and settled: object day by object day, each by one act of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use futures::TryStreamExt;

use super::EngineError;
use super::fresh::Finished;
use super::spool::Spooled;
use super::update::Update;
use crate::schema::state;
use crate::store::index::{Index, Summary};
use crate::store::ledger::{self, LedgerEntry};
use crate::store::state::{StateFile, StateWriter, filtered};
use crate::units::Day;

/// Changes to the rows that an object day has.
#[derive(Default)]
pub(super) struct Edit {
    /// Full names of the objects whose rows go.
    pub(super) drop: BTreeSet<String>,
    /// Objects that went (true) or came back.
    pub(super) gone: BTreeMap<String, bool>,
}

impl Update<'_> {
    /// Commits a slice, the latest day first: what an object on an earlier day takes over from one on a
    /// later day is given up before it is taken, so that no crash can leave it counted twice.
    pub(super) async fn commit(
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
    pub(super) async fn commit_day(
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
        let (objects, entries): (_, Arc<[LedgerEntry]>) = (entries.len() as u64, entries.into());
        match writer.finish(Arc::clone(&entries)).await? {
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
