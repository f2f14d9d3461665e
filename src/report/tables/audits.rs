//! The `audits` table: one row about the report itself.

use arrow::array::RecordBatch;
use serde_json::{Map, Value};

use super::cells::{self, Cell, Get};
use super::{TableError, find};
use crate::report::Report;
use crate::report::totals::Totals;
use crate::savings::Range;
use crate::schema;
use crate::units::Usd;

struct Row<'r> {
    report: &'r Report,
    totals: Totals,
}

impl Row<'_> {
    fn savings(&self, pick: fn(Range) -> Usd) -> Option<Usd> {
        self.totals.savings.map(pick)
    }

    fn month(&self, amount: Option<Usd>) -> Cell<'static> {
        amount.map(|amount| self.report.month(amount)).into()
    }
}

pub(super) fn batch(report: &Report) -> Result<RecordBatch, TableError> {
    let rows = [Row { report, totals: Totals::of(report) }];
    cells::batch(find("audits")?, &rows, |column| {
        run(column).or_else(|| scan(column)).or_else(|| volume(column)).or_else(|| money(column))
    })
}

fn run<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "run_at" => |row| Cell::Time(row.report.run_at * 1_000_000),
        "version" => |row| (&row.report.version).into(),
        "schema_version" => |_| schema::VERSION.into(),
        "sources" => |row| Value::from(row.report.sources.clone()).to_string().into(),
        "parameters" => |row| {
            let pairs = row.report.parameters.iter().cloned();
            let object: Map<String, Value> = pairs.map(|(name, v)| (name, v.into())).collect();
            Value::from(object).to_string().into()
        },
        "config" => |row| (&row.report.config_text).into(),
        "prices" => |row| (&row.report.prices_text).into(),
        "window_from" => |row| row.report.window.from.into(),
        "window_to" => |row| row.report.window.to.into(),
        "window_days" => |row| row.report.window.days().into(),
        "price_book" => |row| (&row.report.price_book).into(),
        "complete" => |row| row.report.complete.into(),
        _ => return None,
    };
    Some(get)
}

/// Counts of the scan are far below 2⁶³: they count bytes that somebody stored.
fn scanned(count: u64) -> Cell<'static> {
    Cell::Count(i64::try_from(count).unwrap_or(i64::MAX))
}

fn scan<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "objects" => |row| scanned(row.report.scan.objects),
        "unreadable" => |row| scanned(row.report.scan.unreadable),
        "bytes" => |row| scanned(row.report.scan.bytes),
        "inflated_bytes" => |row| scanned(row.report.scan.inflated_bytes),
        "records" => |row| scanned(row.report.scan.records),
        "rows" => |row| scanned(row.report.scan.rows),
        "rejects" => |row| scanned(row.report.scan.rejects),
        "duplicates" => |row| scanned(row.report.scan.duplicates),
        "outside_window" => |row| scanned(row.report.scan.outside_window),
        "skipped" => |row| {
            let pairs = row.report.scan.skipped.iter().cloned();
            let object: Map<String, Value> = pairs.map(|(why, n)| (why, n.into())).collect();
            Value::from(object).to_string().into()
        },
        _ => return None,
    };
    Some(get)
}

fn volume<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "workloads" => |row| (row.report.workloads.len() as i64).into(),
        "requests" => |row| row.totals.requests.into(),
        "errors" => |row| row.totals.errors.into(),
        "input_tokens" => |row| row.totals.tokens.input.into(),
        "cache_read_tokens" => |row| row.totals.tokens.cache_read.into(),
        "cache_write_tokens" => |row| row.totals.tokens.cache_write.into(),
        "output_tokens" => |row| row.totals.tokens.output.into(),
        "total_tokens" => |row| row.totals.tokens.total().into(),
        "unpriced_tokens" => |row| row.totals.unpriced.into(),
        "eligible_tokens" => |row| row.totals.eligible.into(),
        "blocked_tokens" => |row| row.totals.blocked.into(),
        "pilot_tokens" => |row| row.totals.pilot.into(),
        "addressable_tokens" => |row| row.totals.addressable.into(),
        _ => return None,
    };
    Some(get)
}

fn money<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "cost_usd" => |row| row.totals.cost.into(),
        "eligible_cost_usd" => |row| row.totals.eligible_cost.into(),
        "savings_low_usd" => |row| row.savings(|range| range.low).into(),
        "savings_expected_usd" => |row| row.savings(|range| range.expected).into(),
        "savings_high_usd" => |row| row.savings(|range| range.high).into(),
        "cost_month_usd" => |row| row.month(row.totals.cost),
        "eligible_cost_month_usd" => |row| row.month(row.totals.eligible_cost),
        "savings_low_month_usd" => |row| row.month(row.savings(|range| range.low)),
        "savings_expected_month_usd" => |row| row.month(row.savings(|range| range.expected)),
        "savings_high_month_usd" => |row| row.month(row.savings(|range| range.high)),
        _ => return None,
    };
    Some(get)
}
