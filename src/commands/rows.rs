//! Rows on standard output: a table, CSV, JSON or Parquet, batch by batch as they come.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::json::ArrayWriter;
use arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::output::print;
use crate::cli::RowFormat;

/// Writes one query's rows.
pub(super) struct RowWriter {
    format: RowFormat,
    rows: SendableRecordBatchStream,
}

impl RowWriter {
    pub(super) fn new(format: RowFormat, rows: SendableRecordBatchStream) -> Self {
        Self { format, rows }
    }

    /// Writes them all.
    pub(super) async fn write_all(self) -> anyhow::Result<()> {
        match self.format {
            RowFormat::Table => self.table().await,
            RowFormat::Csv => self.csv().await,
            RowFormat::Json => self.json().await,
            RowFormat::Parquet => self.parquet().await,
        }
    }

    /// Columns are as wide as their widest cell, so a table waits for its last row.
    async fn table(self) -> anyhow::Result<()> {
        let schema = self.rows.schema();
        let batches: Vec<RecordBatch> = self.rows.try_collect().await?;
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let table = pretty_format_batches_with_schema(schema, &batches)?;
        let plural = if count == 1 { "" } else { "s" };
        print(&format!("{table}\n{count} row{plural}\n"))
    }

    async fn csv(mut self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let empty = RecordBatch::new_empty(self.rows.schema());
        let mut writer = WriterBuilder::new().with_header(true).build(&mut out);
        // The header comes even without rows.
        writer.write(&empty)?;
        while let Some(batch) = self.rows.try_next().await? {
            writer.write(&batch)?;
        }
        drop(writer);
        Ok(out.flush()?)
    }

    async fn json(mut self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let mut writer = ArrayWriter::new(&mut out);
        while let Some(batch) = self.rows.try_next().await? {
            writer.write(&batch)?;
        }
        writer.finish()?;
        drop(writer);
        Ok(writeln!(out)?)
    }

    async fn parquet(mut self) -> anyhow::Result<()> {
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut writer = ArrowWriter::try_new(io::stdout(), self.rows.schema(), Some(properties))?;
        while let Some(batch) = self.rows.try_next().await? {
            writer.write(&batch)?;
        }
        writer.close()?;
        Ok(())
    }
}
