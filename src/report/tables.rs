//! The report as Arrow batches: one list of parts for each result table.

mod audits;
mod cells;
mod evidence;
mod keys;
mod rates;
mod runs;
mod volume;
mod workloads;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::Report;
use crate::schema::{self, Table};
use crate::units::Day;

/// A table's content.
#[derive(Clone, Debug)]
pub struct TableData {
    /// Which table.
    pub table: &'static Table,
    /// One part for each day, ascending, where the table is partitioned; else one part without a
    /// day.
    pub parts: Vec<Part>,
}

/// The content of one file, sorted by the table's order.
#[derive(Clone, Debug)]
pub struct Part {
    /// The day of the partition.
    pub day: Option<Day>,
    /// The rows.
    pub batch: RecordBatch,
}

/// A report could not be laid out as tables: its numbers contradict each other or the schema.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The schema has no such table.
    #[error("no table {0} in the schema")]
    NoTable(&'static str),
    /// The schema has a column that nothing here fills.
    #[error("nothing fills column {column} of table {table}")]
    NoSource {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A value has another type than its column.
    #[error("column {column} of table {table} was given another type of value")]
    WrongKind {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Days do not add up to the workload, or parts not to the eligible volume.
    #[error("workload {workload}: {what} do not add up")]
    Sum {
        /// The workload's id.
        workload: String,
        /// What does not add up.
        what: &'static str,
    },
    /// Arrow refused the columns, such as for a null where none may be.
    #[error("table {table}")]
    Arrow {
        /// The table.
        table: &'static str,
        /// Why.
        source: ArrowError,
    },
}

/// The tables that come from a report: `workloads`, `evidence`, `runs`, `rates`, `volume` and
/// `audits`.
///
/// # Errors
/// The report contradicts itself: days or parts that do not add up.
pub fn batches(report: &Report) -> Result<Vec<TableData>, TableError> {
    let workloads = keys::sorted(report);
    let one = |name, batch| Ok(TableData { table: find(name)?, parts: vec![whole(batch)] });
    Ok(vec![
        one("workloads", workloads::batch(report, &workloads)?)?,
        one("evidence", evidence::batch(&workloads)?)?,
        one("runs", runs::batch(&workloads)?)?,
        one("rates", rates::batch(&workloads)?)?,
        TableData { table: find("volume")?, parts: volume::parts(&workloads)? },
        one("audits", audits::batch(report)?)?,
    ])
}

fn whole(batch: RecordBatch) -> Part {
    Part { day: None, batch }
}

fn find(name: &'static str) -> Result<&'static Table, TableError> {
    schema::table(name).ok_or(TableError::NoTable(name))
}
