//! The `rates` table: the arithmetic of every workload, line by line, each with the price-book row it took.

use arrow::array::RecordBatch;

use super::cells::{self, Get};
use super::keys::{self, Keyed, OfWorkload};
use super::{TableError, find};
use crate::savings::Line;
use crate::units::Usd;

struct Row<'r> {
    keyed: &'r Keyed<'r>,
    ordinal: i32,
    line: &'r Line,
}

impl OfWorkload for Row<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self.keyed
    }
}

pub(super) fn batch(workloads: &[Keyed<'_>]) -> Result<RecordBatch, TableError> {
    let mut rows = Vec::new();
    for keyed in workloads {
        let mut lines: Vec<&Line> = keyed.workload.assessment.lines.iter().collect();
        // The sort is stable: within a mode the lines stay as the bill has them.
        lines.sort_by_key(|line| line.mode.as_str());
        for of_mode in lines.chunk_by(|a, b| a.mode == b.mode) {
            for (ordinal, line) in (1..).zip(of_mode) {
                rows.push(Row { keyed, ordinal, line });
            }
        }
    }
    cells::batch(find("rates")?, &rows, |column| keys::getter(column).or_else(|| getter(column)))
}

fn getter<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "mode" => |row| row.line.mode.as_str().into(),
        "ordinal" => |row| row.ordinal.into(),
        "token_kind" => |row| row.line.kind.into(),
        "tokens" => |row| row.line.tokens.into(),
        "usd_per_million" => |row| Usd(row.line.usd_per_million).into(),
        "cost_usd" => |row| row.line.amount.into(),
        "source" => |row| (&row.line.source).into(),
        _ => return None,
    };
    Some(get)
}
