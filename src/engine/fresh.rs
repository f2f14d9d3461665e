//! What a slice of objects yielded, set aside by object day until it is committed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::concat;

use super::EngineError;
use super::scan::{ObjectRow, packed_facts};
use super::spool::{Spool, Spooled};
use crate::schema::state;
use crate::store::ledger::{self, LedgerEntry};
use crate::store::segment::Segment;
use crate::table::packed::pack_ids;
use crate::table::partial::RequestId;
use crate::units::Day;

/// Bytes of rows held in memory, of all object days together: what a gigabyte of small records yields. A slice that waits for
/// its commit has as many.
const MEMORY_BYTES: usize = 8 << 20;

/// Rows that wait for their columns to be made together: by then a row costs no more than its bytes.
const PENDING_ROWS: usize = 64;

/// Full names of the objects whose rows go, by the segment that has them.
pub(super) type Replaced = BTreeMap<Segment, BTreeSet<String>>;

/// One reading of one object.
pub(super) struct FreshRow {
    pub(super) entry: LedgerEntry,
    /// Requests that count in it, packed.
    pub(super) ids: Buffer,
    /// Requests that are in it and count elsewhere, packed.
    pub(super) excluded: Vec<u8>,
    /// Its place in the plan; none for one that the state had and that was read again.
    pub(super) planned: Option<usize>,
}

/// Readings not yet committed.
#[derive(Default)]
pub(super) struct Fresh {
    /// The latest reading of each object.
    pub(super) rows: BTreeMap<String, FreshRow>,
    days: BTreeMap<Day, Aside>,
    /// What the readings replace.
    pub(super) replaced: Replaced,
    /// Record days whose requests have to be settled.
    pub(super) touched: BTreeSet<Day>,
}

/// The rows of one object day.
struct Aside {
    spool: Spool,
    /// Rows that are not in the spool yet: entry, facts, and what counts elsewhere.
    pending: Vec<(LedgerEntry, RecordBatch, Vec<u8>)>,
    /// Revision of each row, in the order of the spool: only the latest of an object counts.
    revisions: Vec<u64>,
}

impl Default for Aside {
    fn default() -> Self {
        let spool = Spool::new(state::schema());
        Self { spool, pending: Vec::new(), revisions: Vec::new() }
    }
}

impl Aside {
    /// Puts the pending rows into the spool, whose ids those in `rows` are from then on: they are in memory once.
    fn flush(&mut self, rows: &mut BTreeMap<String, FreshRow>) -> Result<(), EngineError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let batch = state_rows(&pending)?;
        for (at, (entry, ..)) in pending.iter().enumerate() {
            let row = rows.get_mut(&entry.location);
            if let Some(row) = row.filter(|row| row.entry.revision == entry.revision) {
                row.ids = packed_facts(&batch, at, "ids")?;
            }
        }
        self.spool.push(batch);
        Ok(())
    }
}

impl Fresh {
    /// Sets one reading aside, in place of an earlier one of the same object.
    pub(super) fn push(
        &mut self,
        mut entry: LedgerEntry,
        row: ObjectRow,
        excluded: &[RequestId],
        planned: Option<usize>,
    ) -> Result<(), EngineError> {
        entry.reading = row.reading;
        entry.days = row.days;
        // A day of which nothing counts here may count here once its owner is rewritten.
        for day in excluded.iter().map(|(day, _)| *day).collect::<BTreeSet<Day>>() {
            if let Err(at) = entry.days.binary_search_by_key(&day, |(day, _)| *day) {
                entry.days.insert(at, (day, 0));
            }
        }
        self.touched.extend(entry.days.iter().map(|(day, _)| *day));
        let (ids, excluded) = (packed_facts(&row.facts, 0, "ids")?, pack_ids(excluded));
        let aside = self.days.entry(entry.day).or_default();
        aside.revisions.push(entry.revision);
        aside.pending.push((entry.clone(), row.facts, excluded.clone()));
        let fresh = FreshRow { ids, excluded, planned, entry };
        self.rows.insert(fresh.entry.location.clone(), fresh);
        if aside.pending.len() == PENDING_ROWS {
            aside.flush(&mut self.rows)?;
            if self.days.values().map(|aside| aside.spool.bytes()).sum::<usize>() > MEMORY_BYTES {
                self.days.values_mut().try_for_each(|aside| aside.spool.spill())?;
            }
        }
        Ok(())
    }

    /// Remembers a row of the state that no longer counts.
    pub(super) fn replaces(&mut self, entry: &LedgerEntry) {
        self.replaced.entry(entry.place()).or_default().insert(entry.location.clone());
        self.touched.extend(entry.days.iter().map(|(day, _)| *day));
    }

    /// Whether a row of the state is replaced.
    pub(super) fn is_replaced(&self, entry: &LedgerEntry) -> bool {
        self.replaced.get(&entry.place()).is_some_and(|gone| gone.contains(&entry.location))
    }

    /// Ends it: the rows to commit by object day, and what they replace.
    pub(super) fn finish(mut self) -> Result<Finished, EngineError> {
        let latest: HashSet<u64> = self.rows.values().map(|row| row.entry.revision).collect();
        let mut days = BTreeMap::new();
        for (day, mut aside) in self.days {
            aside.flush(&mut self.rows)?;
            let counts = aside.revisions.iter().map(|revision| latest.contains(revision)).collect();
            days.insert(day, (aside.spool.finish()?, counts));
        }
        Ok(Finished { days, replaced: self.replaced })
    }
}

/// Readings to commit.
pub(super) struct Finished {
    /// Rows by object day, and which of them count.
    pub(super) days: BTreeMap<Day, (Spooled, Vec<bool>)>,
    pub(super) replaced: Replaced,
}

/// Rows of the state: ledger entries, and what their rows of the facts view hold.
fn state_rows(rows: &[(LedgerEntry, RecordBatch, Vec<u8>)]) -> Result<RecordBatch, EngineError> {
    let entries: Vec<LedgerEntry> = rows.iter().map(|(entry, ..)| entry.clone()).collect();
    let mut columns = ledger::columns(&entries)?;
    for name in [state::REJECTS].into_iter().chain(state::FACTS) {
        let missing = || EngineError::Conservation(format!("the scan has no column {name}"));
        let parts = rows.iter().map(|(_, facts, _)| facts.column_by_name(name));
        let parts = parts.collect::<Option<Vec<&ArrayRef>>>().ok_or_else(missing)?;
        let parts: Vec<&dyn Array> = parts.into_iter().map(AsRef::as_ref).collect();
        columns.push(concat(&parts)?);
    }
    let excluded = BinaryArray::from_iter_values(rows.iter().map(|(_, _, excluded)| excluded));
    columns.push(Arc::new(excluded));
    Ok(RecordBatch::try_new(state::schema(), columns)?)
}
