//! The `runs` table: the runs of tolerant workloads and lanes, each a candidate for a batch job.

use arrow::array::RecordBatch;

use super::cells::{self, Get};
use super::keys::{self, Keyed, OfWorkload};
use super::{TableError, find};
use crate::tolerance::CandidateRun;

struct Row<'r> {
    keyed: &'r Keyed<'r>,
    run: &'r CandidateRun,
    jobs: Option<i64>,
}

impl OfWorkload for Row<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self.keyed
    }
}

pub(super) fn batch(workloads: &[Keyed<'_>]) -> Result<RecordBatch, TableError> {
    let mut rows = Vec::new();
    for keyed in workloads {
        let workload = keyed.workload;
        for (index, run) in workload.judgement.candidates.iter().enumerate() {
            rows.push(Row { keyed, run, jobs: workload.run_jobs.get(index).copied() });
        }
    }
    cells::batch(find("runs")?, &rows, |column| keys::getter(column).or_else(|| getter(column)))
}

fn getter<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "first_minute" => |row| row.run.start.into(),
        "last_minute" => |row| row.run.end.into(),
        "minutes" => |row| (row.run.end.0 - row.run.start.0 + 1).into(),
        "requests" => |row| row.run.requests.into(),
        "errors" => |row| row.run.errors.into(),
        "input_tokens" => |row| row.run.tokens.input.into(),
        "cache_read_tokens" => |row| row.run.tokens.cache_read.into(),
        "cache_write_tokens" => |row| row.run.tokens.cache_write.into(),
        "output_tokens" => |row| row.run.tokens.output.into(),
        "total_tokens" => |row| row.run.tokens.total().into(),
        "jobs" => |row| row.jobs.into(),
        _ => return None,
    };
    Some(get)
}
