//! Committing what was read and settled: segment by segment, each by one act of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use futures::TryStreamExt;

use super::EngineError;
use super::fresh::{Finished, Replaced};
use super::plan::Gone;
use super::spool::Spooled;
use super::update::Update;
use crate::schema::state;
use crate::store::index::{Index, Summary};
use crate::store::ledger::{self, LedgerEntry};
use crate::store::segment::Segment;
use crate::store::state::{StateFile, StateWriter, filtered};
use crate::units::Day;

/// Changes to the rows that a segment has.
#[derive(Default)]
pub(super) struct Edit {
    /// Full names of the objects whose rows go.
    pub(super) drop: BTreeSet<String>,
    /// Objects that went (true) or came back.
    pub(super) gone: BTreeMap<String, bool>,
}

impl Edit {
    /// What is to be done to a segment.
    fn of(segment: Segment, replaced: &mut Replaced, gone: &mut Gone) -> Self {
        Self {
            drop: replaced.remove(&segment).unwrap_or_default(),
            gone: gone.remove(&segment).unwrap_or_default(),
        }
    }
}

impl Update<'_> {
    /// Commits a slice, the latest day first: what an object on an earlier day takes over from one on a
    /// later day is given up before it is taken, so that no crash can leave it counted twice. For the same reason
    /// a day's earlier segments give up what is replaced before its last one takes the new rows.
    pub(super) async fn commit(
        &self,
        finished: Finished,
        gone: &mut Gone,
        index: &mut Index,
    ) -> Result<(), EngineError> {
        let Finished { mut days, mut replaced } = finished;
        let with_rows: BTreeSet<Day> = days.keys().copied().collect();
        let emptied: BTreeSet<Day> = replaced.keys().map(|segment| segment.day).collect();
        let order = with_rows.iter().rev().chain(emptied.difference(&with_rows));
        for day in order.copied() {
            let open = index.open_segment(day);
            let rows = days.remove(&day);
            let edited = replaced.range(Segment::all_of(day)).map(|(segment, _)| *segment);
            let edited: Vec<Segment> =
                edited.filter(|segment| rows.is_none() || *segment != open).collect();
            for segment in edited {
                let edit = Edit::of(segment, &mut replaced, gone);
                self.commit_segment(segment, None, edit, index).await?;
            }
            if rows.is_some() {
                let edit = Edit::of(open, &mut replaced, gone);
                self.commit_segment(open, rows, edit, index).await?;
            }
        }
        Ok(())
    }

    /// Commits one segment: its rows without those that go, then the new ones.
    pub(super) async fn commit_segment(
        &self,
        segment: Segment,
        rows: Option<(Spooled, Vec<bool>)>,
        edit: Edit,
        index: &mut Index,
    ) -> Result<(), EngineError> {
        self.lock.check()?;
        let before = index.state.get(&segment);
        let old = before.map(|summary| summary.file(segment));
        let before = before.map(|summary| &summary.version);
        let mut writer = self.dataset.state_writer(segment, &self.options_text, before)?;
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
                let (day, number) = (segment.day, segment.number);
                tracing::info!(%day, segment = number, objects, "state committed");
                let summary = Summary::of(version, self.options_text.clone(), &entries);
                index.state.insert(segment, summary);
            }
            None => {
                index.state.remove(&segment);
            }
        }
        Ok(())
    }

    /// Writes the rows of one segment; returns their entries.
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
                let mut of_batch = ledger::entries(file.segment, &batch)?;
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
                entries.extend(ledger::entries(writer.segment(), &batch)?);
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
