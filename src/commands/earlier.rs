//! The audit before one: its figures as they were told, and its workloads judged again.

use anyhow::Context;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;

use super::explain::parameters;
use super::inputs::Settings;
use super::judging;
use crate::report::Report;
use crate::report::moved::{Earlier, Standing};
use crate::table::columns::Reader;
use crate::units::{Day, Tokens, Usd};
use crate::workload::Window;

/// The last audit that ran before a moment.
const BEFORE: &str = "SELECT * FROM audits WHERE run_at < $1 ORDER BY run_at DESC LIMIT 1";

/// The audit that ran before `report`'s in the session's tables.
///
/// Its verdicts are gone with the tables that it wrote, but the facts of its window are there, and so are the
/// settings and prices that it was run with: judging them again says what it would say today.
pub(super) async fn earlier(
    session: &SessionContext,
    report: &Report,
) -> anyhow::Result<Option<Earlier>> {
    let moment = report.run_at.saturating_mul(1_000_000);
    let moment = ScalarValue::TimestampMicrosecond(Some(moment), Some("UTC".into()));
    let frame = session.sql(BEFORE).await?.with_param_values(vec![moment])?;
    let batches = frame.collect().await?;
    let Some(then) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let reader = Reader(then);
    let count = |name: &str| reader.count(name).map(|column| column.value(0));
    let text = |name: &str| reader.text(name).map(|column| column.value(0).to_owned());
    let day = |name: &str| reader.date(name).map(|column| Day(column.value(0)));
    let window = Window { from: day("window_from")?, to: day("window_to")? };
    let mut others = parameters(&text("parameters")?)?;
    let mut ours = report.parameters.clone();
    others.sort();
    ours.sort();
    let prices = text("prices")?;
    let config = text("config")?;
    Ok(Some(Earlier {
        run_at: reader.time("run_at")?.value(0).div_euclid(1_000_000),
        window,
        workloads: count("workloads")?,
        requests: count("requests")?,
        tokens: Tokens(count("total_tokens")?),
        eligible: Tokens(count("eligible_tokens")?),
        cost_month: money(then, "cost_month_usd")?,
        savings_month: [
            money(then, "savings_low_month_usd")?,
            money(then, "savings_expected_month_usd")?,
            money(then, "savings_high_month_usd")?,
        ],
        other_prices: text("price_book")? != report.price_book || prices != report.prices_text,
        other_settings: config != report.config_text || others != ours,
        standings: standings(session, &window, config, prices).await?,
    }))
}

/// The workloads of a window under the settings of then; `None` if they cannot be read any more.
async fn standings(
    session: &SessionContext,
    window: &Window,
    config: String,
    prices: String,
) -> anyhow::Result<Option<Vec<Standing>>> {
    let settings = Settings::of(config, "of the audit", prices, "prices of the audit");
    let Ok(settings) = settings else { return Ok(None) };
    let workloads = judging::workloads(session, window, &settings).await?;
    Ok(Some(workloads.iter().map(|workload| Standing::of(workload, window)).collect()))
}

fn money(row: &RecordBatch, name: &str) -> anyhow::Result<Option<Usd>> {
    let column = row.column_by_name(name).and_then(|c| c.as_primitive_opt::<Decimal128Type>());
    let column = column.with_context(|| format!("audits has no amount {name}"))?;
    Ok(column.is_valid(0).then(|| Usd::from_micros(column.value(0))))
}
