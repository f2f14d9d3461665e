//! Writing the tables of a report beside those of the facts.

use anyhow::Context;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::commands::log::tell;
use crate::failpoint;
use crate::report::{Report, tables};
use crate::schema::{self, Table};
use crate::store::dataset::{Dataset, DatasetError};
use crate::store::index::Index;
use crate::store::tables::Tables;

/// Writes the result tables, then removes the partitions that no longer belong to any table.
pub(super) async fn write_report(
    dataset: &Dataset,
    tables: &mut Tables<'_>,
    report: &Report,
) -> anyhow::Result<()> {
    for data in tables::batches(report)? {
        for part in data.parts {
            let mut rows = match data.table.name {
                "audits" => earlier_audits(dataset, data.table, report.run_at).await?,
                _ => Vec::new(),
            };
            rows.push(part.batch);
            tables.write(data.table, part.day, rows).await?;
        }
    }
    tables.fill_empty(report.window.to).await?;
    failpoint::point("tables-done");
    let partitioned = schema::TABLES.into_iter().filter(|table| table.partitioned);
    tables.remove_others(&partitioned.map(|table| table.name).collect::<Vec<_>>()).await?;
    Ok(())
}

/// Whether there are audits in the dataset.
pub(super) async fn told_before(dataset: &Dataset) -> anyhow::Result<bool> {
    let Some(table) = schema::table("audits") else { return Ok(false) };
    Ok(dataset.get(&dataset.path(table, None)).await?.is_some())
}

/// Refuses tables of a newer version, and says so where an audit left tables without state.
pub(super) async fn check_earlier(dataset: &Dataset, index: &Index) -> anyhow::Result<()> {
    let Some(table) = schema::table("audits") else { return Ok(()) };
    let path = dataset.path(table, None);
    let Some((bytes, _)) = dataset.get(&path).await? else { return Ok(()) };
    let name = dataset.source().locate(&path);
    let found = version(bytes).with_context(|| format!("{name} cannot be read; move it away"))?;
    let number = |version: &str| version.parse::<u32>().unwrap_or(0);
    if number(&found) > number(schema::VERSION) {
        let known = schema::VERSION.to_owned();
        return Err(DatasetError::Newer { name, what: "schema version", found, known }.into());
    }
    if index.state.is_empty() && index.is_new {
        tell(&format!(
            "The tables in {} were written by a version that kept no state: every log is read \
             again, once.",
            dataset.source().name
        ));
    }
    Ok(())
}

/// The schema version that a file of tables tells.
fn version(bytes: Bytes) -> anyhow::Result<String> {
    let file = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let version = file.schema().metadata().get("halfrate.schema_version").cloned();
    version.context("it tells no schema version")
}

/// The audits that the dataset tells of, before `run_at`.
async fn earlier_audits(
    dataset: &Dataset,
    table: &'static Table,
    run_at: i64,
) -> anyhow::Result<Vec<RecordBatch>> {
    let Some((bytes, _)) = dataset.get(&dataset.path(table, None)).await? else {
        return Ok(Vec::new());
    };
    let read = || -> anyhow::Result<Vec<RecordBatch>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
        let mut batches = Vec::new();
        for batch in reader {
            batches.push(before(batch?, run_at)?);
        }
        Ok(batches)
    };
    read().context("audits.parquet of an earlier audit cannot be read; move it away")
}

fn before(batch: RecordBatch, run_at: i64) -> anyhow::Result<RecordBatch> {
    let times = batch
        .column_by_name("run_at")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .context("no column run_at")?;
    let earlier: BooleanArray =
        times.iter().map(|time| Some(time.is_some_and(|t| t < run_at * 1_000_000))).collect();
    Ok(arrow::compute::filter_record_batch(&batch, &earlier)?)
}
