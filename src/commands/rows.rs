//! Rows on standard output: a table, CSV, JSON or Parquet, batch by batch as they come.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::json::ArrayWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::output::{harmless, print};
use crate::cli::RowFormat;

/// What laying out a table takes, in sizes of its rows: the rows, their cells as text, and the lines.
const TEXT_FACTOR: usize = 4;

/// Writes one query's rows.
pub(super) struct RowWriter {
    format: RowFormat,
    rows: SendableRecordBatchStream,
    /// The session's memory: what is held of the rows counts as the query's own.
    pool: Arc<dyn MemoryPool>,
}

impl RowWriter {
    pub(super) fn new(
        format: RowFormat,
        rows: SendableRecordBatchStream,
        pool: Arc<dyn MemoryPool>,
    ) -> Self {
        Self { format, rows, pool }
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
    async fn table(mut self) -> anyhow::Result<()> {
        let schema = self.rows.schema();
        let held = MemoryConsumer::new("rows of a table").register(&self.pool);
        let mut batches: Vec<RecordBatch> = Vec::new();
        while let Some(batch) = self.rows.try_next().await? {
            held.try_grow(TEXT_FACTOR * batch.get_array_memory_size())
                .context("a table is laid out in memory; add LIMIT, or use --format csv")?;
            batches.push(batch);
        }
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let table = pretty_format_batches_with_schema(schema, &batches)?;
        let plural = if count == 1 { "" } else { "s" };
        print(&harmless(&format!("{table}\n{count} row{plural}\n")))
    }

    async fn csv(mut self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        // The header comes even without rows.
        let empty = RecordBatch::new_empty(self.rows.schema());
        out.write_all(&csv_of(&empty, true)?)?;
        while let Some(batch) = self.rows.try_next().await? {
            out.write_all(&csv_of(&batch, false)?)?;
        }
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

/// Rows as CSV, in memory first: the writer would turn a reader that went away into a mere message.
fn csv_of(batch: &RecordBatch, header: bool) -> Result<Vec<u8>, ArrowError> {
    let mut text = Vec::new();
    WriterBuilder::new().with_header(header).build(&mut text).write(&flat(batch)?)?;
    Ok(text)
}

/// Maps, lists and structs as text, for CSV, which has no such things; and text that a spreadsheet would
/// take for a formula made plain.
///
/// Names in logs are whatever somebody chose, and CSV files are opened in spreadsheets, where a cell that
/// begins like a formula is executed. Such text gets a leading apostrophe, which spreadsheets take for
/// "this is text". JSON and Parquet have it as it is.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(without_formulas(as_text(column)?)));
        } else if is_text(column.data_type()) {
            let text = cast(column, &DataType::Utf8)?;
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(without_formulas(text.as_string::<i32>().clone())));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn without_formulas(text: StringArray) -> StringArray {
    let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !text.iter().flatten().any(is_formula) {
        return text;
    }
    let plain = |cell: &str| if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() };
    text.iter().map(|cell| cell.map(plain)).collect()
}

fn as_text(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::new();
    let cells = ArrayFormatter::try_new(column, &options)?;
    (0..column.len()).map(|row| cells.value(row).try_to_string().map(Some)).collect()
}
