//! What a slice of objects yielded, set aside by object day until it is committed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, RecordBatch, StructArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::TimestampMicrosecondType;

use super::EngineError;
use super::scan::{ObjectRow, items};
use super::spool::{Spool, Spooled};
use crate::schema::state;
use crate::store::ledger::{self, LedgerEntry, day_of_micros};
use crate::table::columns::packed_requests;
use crate::table::partial::RequestId;
use crate::units::Day;

/// Bytes of rows of one object day held in memory. A slice has few days or little of each.
const MEMORY_BYTES: usize = 2 << 20;

/// One reading of one object.
pub(super) struct FreshRow {
    pub(super) entry: LedgerEntry,
    /// Requests that count in it.
    pub(super) ids: Vec<RequestId>,
    /// Requests that are in it and count elsewhere.
    pub(super) excluded: Vec<RequestId>,
    /// Its place in the plan; none for one that the state had and that was read again.
    pub(super) planned: Option<usize>,
}

/// Readings not yet committed.
#[derive(Default)]
pub(super) struct Fresh {
    /// The latest reading of each object.
    pub(super) rows: BTreeMap<String, FreshRow>,
    days: BTreeMap<Day, Aside>,
    /// Object days of rows that the readings replace, with what they replace.
    pub(super) replaced: BTreeMap<Day, BTreeSet<String>>,
    /// Record days whose requests have to be settled.
    pub(super) touched: BTreeSet<Day>,
}

/// The rows of one object day.
struct Aside {
    spool: Spool,
    /// Revision of each row in the spool, in its order: only the latest of an object counts.
    revisions: Vec<u64>,
}

impl Fresh {
    /// Sets one reading aside, in place of an earlier one of the same object.
    pub(super) fn push(
        &mut self,
        mut entry: LedgerEntry,
        row: ObjectRow,
        excluded: Vec<RequestId>,
        planned: Option<usize>,
    ) -> Result<(), EngineError> {
        let usage = items(&row.facts, "usage")?;
        entry.reading = row.reading;
        entry.days = days_of(&usage)?;
        // A day of which nothing counts here may count here once its owner is rewritten.
        for day in excluded.iter().map(|(day, _)| *day).collect::<BTreeSet<Day>>() {
            if let Err(at) = entry.days.binary_search_by_key(&day, |(day, _)| *day) {
                entry.days.insert(at, (day, 0));
            }
        }
        let batch = state_row(&entry, &row.facts, &excluded)?;
        let aside = self.days.entry(entry.day).or_insert_with(|| Aside {
            spool: Spool::new(state::schema(), MEMORY_BYTES),
            revisions: Vec::new(),
        });
        aside.spool.push(batch)?;
        aside.revisions.push(entry.revision);
        self.touched.extend(entry.days.iter().map(|(day, _)| *day));
        let fresh = FreshRow { ids: row.ids, excluded, planned, entry };
        self.rows.insert(fresh.entry.location.clone(), fresh);
        Ok(())
    }

    /// Remembers a row of the state that no longer counts.
    pub(super) fn replaces(&mut self, entry: &LedgerEntry) {
        self.replaced.entry(entry.day).or_default().insert(entry.location.clone());
        self.touched.extend(entry.days.iter().map(|(day, _)| *day));
    }

    /// Whether a row of the state is replaced.
    pub(super) fn is_replaced(&self, entry: &LedgerEntry) -> bool {
        self.replaced.get(&entry.day).is_some_and(|gone| gone.contains(&entry.location))
    }

    /// Ends it: the rows to commit by object day, and what they replace.
    pub(super) fn finish(self) -> Result<Finished, EngineError> {
        let latest: HashSet<u64> = self.rows.values().map(|row| row.entry.revision).collect();
        let mut days = BTreeMap::new();
        for (day, aside) in self.days {
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
    pub(super) replaced: BTreeMap<Day, BTreeSet<String>>,
}

/// Requests by day of partial usage, ascending.
fn days_of(usage: &RecordBatch) -> Result<Vec<(Day, i64)>, EngineError> {
    let minutes = usage.column_by_name("minute");
    let minutes = minutes.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let packed = usage.column_by_name(state::PACKED).and_then(|c| c.as_binary_opt::<i32>());
    let (Some(minutes), Some(packed)) = (minutes, packed) else {
        return Err(EngineError::Conservation("the scan's usage has no minutes or numbers".into()));
    };
    let mut days = BTreeMap::new();
    for (minute, packed) in minutes.values().iter().zip(packed.iter().flatten()) {
        *days.entry(day_of_micros(*minute)).or_insert(0) += packed_requests(packed);
    }
    Ok(days.into_iter().collect())
}

/// An object's row of the state: its ledger entry and its row of the facts view.
fn state_row(
    entry: &LedgerEntry,
    facts: &RecordBatch,
    excluded: &[RequestId],
) -> Result<RecordBatch, EngineError> {
    let mut columns = ledger::columns(std::slice::from_ref(entry))?;
    for name in ["workloads", "usage", "sizes", "rejects"] {
        let column = facts.column_by_name(name).map(Arc::clone);
        columns.push(column.ok_or_else(|| {
            EngineError::Conservation(format!("the scan has no list column {name}"))
        })?);
    }
    columns.push(ids_of(facts)?);
    columns.push(id_list(excluded)?);
    Ok(RecordBatch::try_new(state::schema(), columns)?)
}

fn ids_of(facts: &RecordBatch) -> Result<ArrayRef, EngineError> {
    let column = facts.column_by_name("ids").filter(|column| column.as_list_opt::<i32>().is_some());
    let column = column.map(Arc::clone);
    column.ok_or_else(|| EngineError::Conservation("the scan has no list column ids".into()))
}

fn id_list(ids: &[RequestId]) -> Result<ArrayRef, EngineError> {
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(ids.iter().map(|(d, _)| d.0)));
    let hashes: ArrayRef = Arc::new(UInt64Array::from_iter_values(ids.iter().map(|(_, id)| *id)));
    let items =
        StructArray::try_new_with_length(state::id_fields(), vec![days, hashes], None, ids.len())?;
    Ok(ledger::list(Arc::new(items), OffsetBuffer::from_lengths([ids.len()]))?)
}
