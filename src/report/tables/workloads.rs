//! The `workloads` table.

use arrow::array::RecordBatch;

use super::cells::{self, Cell, Get};
use super::keys::{self, Keyed, OfWorkload};
use super::{TableError, find};
use crate::report::Report;
use crate::savings::{Assessment, Range};
use crate::units::Usd;

struct Row<'r> {
    report: &'r Report,
    keyed: &'r Keyed<'r>,
}

impl OfWorkload for Row<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self.keyed
    }
}

impl Row<'_> {
    fn assessment(&self) -> &Assessment {
        &self.workload().assessment
    }

    fn savings(&self, pick: fn(Range) -> Usd) -> Option<Usd> {
        self.assessment().savings.map(pick)
    }

    fn month(&self, amount: Option<Usd>) -> Cell<'static> {
        amount.map(|amount| self.report.month(amount)).into()
    }
}

pub(super) fn batch(report: &Report, workloads: &[Keyed<'_>]) -> Result<RecordBatch, TableError> {
    let rows: Vec<Row<'_>> = workloads.iter().map(|keyed| Row { report, keyed }).collect();
    cells::batch(find("workloads")?, &rows, |column| {
        keys::getter(column)
            .or_else(|| judged(column))
            .or_else(|| volume(column))
            .or_else(|| money(column))
            .or_else(|| window(column))
    })
}

fn judged<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "verdict" => |row| row.workload().judgement.verdict.as_str().into(),
        "score" => |row| row.workload().judgement.score.into(),
        "probability" => |row| row.workload().judgement.probability.into(),
        "decisive" => |row| row.workload().judgement.decisive.into(),
        "runs" => |row| (row.workload().judgement.run_count as i64).into(),
        "settle" => |row| row.workload().judgement.settle.as_ref().into(),
        "mode" => |row| row.assessment().mode.as_str().into(),
        "priced_as" => |row| row.assessment().priced_as.as_ref().into(),
        "jobs" => |row| row.assessment().jobs.into(),
        "reason" => |row| (&row.assessment().reason).into(),
        _ => return None,
    };
    Some(get)
}

fn volume<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "requests" => |row| row.workload().total.requests.into(),
        "errors" => |row| row.workload().total.errors.into(),
        "streaming_requests" => |row| row.workload().total.streaming.into(),
        "active_minutes" => |row| row.workload().active_minutes.into(),
        "first_minute" => |row| row.workload().first.into(),
        "last_minute" => |row| row.workload().last.into(),
        "input_tokens" => |row| row.workload().total.tokens.input.into(),
        "cache_read_tokens" => |row| row.workload().total.tokens.cache_read.into(),
        "cache_write_tokens" => |row| row.workload().total.tokens.cache_write.into(),
        "output_tokens" => |row| row.workload().total.tokens.output.into(),
        "total_tokens" => |row| row.workload().total.tokens.total().into(),
        "eligible_tokens" => |row| row.assessment().eligible.total().into(),
        "blocked_tokens" => |row| row.assessment().blocked.total().into(),
        "pilot_tokens" => |row| row.assessment().pilot.total().into(),
        "addressable_tokens" => |row| row.assessment().addressable.total().into(),
        _ => return None,
    };
    Some(get)
}

fn money<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "cost_usd" => |row| row.assessment().cost.into(),
        "eligible_cost_usd" => |row| row.assessment().eligible_cost.into(),
        "batch_cost_usd" => |row| row.assessment().batch_cost.into(),
        "flex_cost_usd" => |row| row.assessment().flex_cost.into(),
        "savings_low_usd" => |row| row.savings(|range| range.low).into(),
        "savings_expected_usd" => |row| row.savings(|range| range.expected).into(),
        "savings_high_usd" => |row| row.savings(|range| range.high).into(),
        "cost_month_usd" => |row| row.month(row.assessment().cost),
        "eligible_cost_month_usd" => |row| row.month(row.assessment().eligible_cost),
        "savings_low_month_usd" => |row| row.month(row.savings(|range| range.low)),
        "savings_expected_month_usd" => |row| row.month(row.savings(|range| range.expected)),
        "savings_high_month_usd" => |row| row.month(row.savings(|range| range.high)),
        _ => return None,
    };
    Some(get)
}

fn window<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "window_from" => |row| row.report.window.from.into(),
        "window_to" => |row| row.report.window.to.into(),
        "window_days" => |row| row.report.window.days().into(),
        _ => return None,
    };
    Some(get)
}
