//! State files: the ledger and the partial facts of one segment, committed together.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use arrow::array::{AsArray, BinaryArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::by_column::ByColumn;
use super::dataset::{Before, Dataset, DatasetError, Version};
use super::ledger::{self, LedgerEntry};
use super::pieces::Pieces;
use super::ranges::Ranges;
use super::segment::Segment;
use crate::failpoint;
use crate::schema::state::{EXCLUDED, FACTS, LEDGER, OPTIONS_KEY, VERSION, VERSION_KEY, schema};

/// Bytes of rows after which a row group ends: they are held until then, and encoded they are about a third.
const ROW_GROUP_BYTES: usize = 4 << 20;

/// Ledger entries handed on at once.
const LEDGER_ROWS: usize = 1024;

/// Rows handed on at once; a row is all that one object yielded, some tens of kilobytes.
const BATCH_ROWS: usize = 64;

/// Zstandard level: higher ones gain little for twice the time.
const ZSTD_LEVEL: i32 = 1;

/// Which state file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFile {
    /// The segment that it holds.
    pub segment: Segment,
    /// Its size in bytes: where its footer ends.
    pub bytes: u64,
}

/// Most entries of ledgers that are kept after they were committed, of all segments together: some 4 MB.
const KEPT_ENTRIES: usize = 8192;

/// The ledger of a state file that this process wrote.
#[derive(Debug)]
pub(super) struct Committed {
    file: StateFile,
    entries: Arc<[LedgerEntry]>,
    options: String,
}

/// One segment while it is written: the rows of a row group are in memory, and what was made of those before goes to the
/// store.
pub struct StateWriter {
    dataset: Dataset,
    segment: Segment,
    options: String,
    writer: ByColumn,
    pieces: Pieces,
    /// Rows of a row group that is not full yet, and their bytes.
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    row_group_bytes: usize,
    rows: usize,
}

impl StateWriter {
    /// Which one it is.
    pub fn segment(&self) -> Segment {
        self.segment
    }

    /// Adds rows of the whole schema.
    ///
    /// # Errors
    /// The rows have another schema, or the store refuses.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<(), DatasetError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows();
        for column in batch.columns() {
            let bytes = column.to_data().get_slice_memory_size();
            self.pending_bytes +=
                bytes.map_err(|error| self.dataset.damaged_state(self.segment, &error))?;
        }
        self.pending.push(batch);
        if self.pending_bytes < self.row_group_bytes {
            return Ok(());
        }
        self.end_group()?;
        let made = self.writer.made();
        let made = made.map_err(|error| self.dataset.damaged_state(self.segment, &error))?;
        self.pieces.push(made).await
    }

    fn end_group(&mut self) -> Result<(), DatasetError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let column = |at| Ok(pending.iter().map(|batch| Arc::clone(batch.column(at))).collect());
        let ended = self.writer.row_group(column);
        ended.map_err(|error| self.dataset.damaged_state(self.segment, &error))
    }

    /// Puts what was written in place of what is there, or removes that when nothing was written: the one
    /// act by which facts and ledger become true. `entries` are those of the rows. Returns the new version.
    ///
    /// # Errors
    /// The store refuses, or another audit replaced the file meanwhile.
    pub async fn finish(
        mut self,
        entries: Arc<[LedgerEntry]>,
    ) -> Result<Option<Version>, DatasetError> {
        self.dataset.kept().remove(&self.segment);
        let ended = self.end().await;
        match &ended {
            Ok(version) => {
                failpoint::point("state-committed");
                if let Some(version) = version {
                    let file = StateFile { segment: self.segment, bytes: version.size };
                    self.dataset.keep(Committed { file, entries, options: self.options });
                }
            }
            Err(_) => self.pieces.abort().await,
        }
        ended
    }

    async fn end(&mut self) -> Result<Option<Version>, DatasetError> {
        if self.rows == 0 {
            self.dataset.remove(&self.dataset.segment_path(self.segment)).await?;
            return Ok(None);
        }
        if !self.pending.is_empty() {
            self.end_group()?;
        }
        let rest = self.writer.finish();
        let rest = rest.map_err(|error| self.dataset.damaged_state(self.segment, &error))?;
        Ok(Some(self.pieces.finish(rest).await?))
    }

    /// Gives it up: what is there stays.
    pub async fn abort(mut self) {
        self.pieces.abort().await;
    }
}

fn properties(options: &str) -> Result<WriterProperties, ParquetError> {
    let pair = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let zstd = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_created_by("halfrate".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![
            pair(VERSION_KEY, &VERSION.to_string()),
            pair(OPTIONS_KEY, options),
        ]));
    // Packed facts repeat nowhere as a whole: a dictionary of them only costs.
    for name in FACTS.into_iter().chain([EXCLUDED]) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    // What repeats within and between objects. Other facts are as dense as a fast compressor would make them.
    for name in ["key", "location", "etag", "workloads"] {
        properties = properties.set_column_compression(ColumnPath::from(name), zstd);
    }
    Ok(properties.build())
}

impl Dataset {
    /// A writer of `segment`, which takes the place of the version `before`; `options` tells with what the
    /// facts were read.
    ///
    /// # Errors
    /// The encoder cannot be set up.
    pub fn state_writer(
        &self,
        segment: Segment,
        options: &str,
        before: Option<&Version>,
    ) -> Result<StateWriter, DatasetError> {
        let writer = properties(options).and_then(|properties| ByColumn::new(schema(), properties));
        let writer = writer.map_err(|error| self.damaged_state(segment, &error))?;
        let before = before.map_or(Before::Missing, |version| Before::Is(version.clone()));
        Ok(StateWriter {
            dataset: self.clone(),
            segment,
            options: options.to_owned(),
            writer,
            pieces: Pieces::new(self, self.segment_path(segment), before),
            pending: Vec::new(),
            pending_bytes: 0,
            row_group_bytes: failpoint::bytes("HALFRATE_ROW_GROUP_BYTES", ROW_GROUP_BYTES),
            rows: 0,
        })
    }

    fn keep(&self, committed: Committed) {
        let mut kept = self.kept();
        kept.insert(committed.file.segment, committed);
        // The earliest are asked for first.
        while kept.values().map(|committed| committed.entries.len()).sum::<usize>() > KEPT_ENTRIES {
            kept.pop_last();
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Segment, Committed>> {
        // Whole, whatever a thread that held the lock did.
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger of a segment, and the options that its facts were read with.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or was written by a newer version.
    pub async fn ledger(
        &self,
        file: StateFile,
    ) -> Result<(Vec<LedgerEntry>, String), DatasetError> {
        if let Some(Committed { entries, options, .. }) =
            self.kept().get(&file.segment).filter(|kept| kept.file == file)
        {
            return Ok((entries.to_vec(), options.clone()));
        }
        let path = self.segment_path(file.segment);
        let builder = self.open(&path, file.bytes).await?;
        let options = meta(&builder, OPTIONS_KEY).unwrap_or_default();
        let builder = builder.with_batch_size(LEDGER_ROWS);
        let mut rows = self.stream(&path, builder, &LEDGER, None)?;
        let mut entries = Vec::new();
        while let Some(batch) = rows.try_next().await? {
            let some =
                ledger::entries(file.segment, &batch).map_err(|e| self.damaged(&path, &e))?;
            entries.extend(some);
        }
        Ok((entries, options))
    }

    /// The rows of a segment that `wanted` picks by their ledger entry, with these columns.
    ///
    /// # Errors
    /// As [`Dataset::ledger`].
    pub async fn rows(
        &self,
        file: StateFile,
        columns: &[&str],
        wanted: impl Fn(&LedgerEntry) -> bool,
    ) -> Result<BoxStream<'static, Result<RecordBatch, DatasetError>>, DatasetError> {
        let path = self.segment_path(file.segment);
        let (entries, _) = self.ledger(file).await?;
        let picked: BooleanArray = entries.iter().map(|entry| Some(wanted(entry))).collect();
        let selection =
            (picked.true_count() < picked.len()).then(|| RowSelection::from_filters(&[picked]));
        let builder = self.open(&path, file.bytes).await?.with_batch_size(BATCH_ROWS);
        self.stream(&path, builder, columns, selection)
    }

    /// The packed ids of requests by row, of the rows that `wanted` picks: the entry, what counts there, and
    /// what does not because an earlier object counts it.
    ///
    /// # Errors
    /// As [`Dataset::ledger`].
    pub async fn identified(
        &self,
        file: StateFile,
        wanted: impl Fn(&LedgerEntry) -> bool,
        mut each: impl FnMut(LedgerEntry, &[u8], &[u8]),
    ) -> Result<(), DatasetError> {
        let path = self.segment_path(file.segment);
        let columns: Vec<&str> = LEDGER.into_iter().chain(["ids", EXCLUDED]).collect();
        let mut rows = self.rows(file, &columns, wanted).await?;
        while let Some(batch) = rows.try_next().await? {
            let damaged = |error: arrow::error::ArrowError| self.damaged(&path, &error);
            let ids = packed(&batch, "ids").map_err(damaged)?;
            let excluded = packed(&batch, EXCLUDED).map_err(damaged)?;
            let entries = ledger::entries(file.segment, &batch).map_err(damaged)?;
            for (row, entry) in entries.into_iter().enumerate() {
                each(entry, ids.value(row), excluded.value(row));
            }
        }
        Ok(())
    }

    /// The error of a segment that does not hold what it should.
    pub fn damaged_state(&self, segment: Segment, reason: &dyn std::fmt::Display) -> DatasetError {
        self.damaged(&self.segment_path(segment), reason)
    }

    async fn open(
        &self,
        path: &Path,
        bytes: u64,
    ) -> Result<ParquetRecordBatchStreamBuilder<Ranges>, DatasetError> {
        let file = Ranges::new(Arc::clone(&self.source().store), path.clone(), bytes);
        let builder = ParquetRecordBatchStreamBuilder::new(file).await;
        let builder = builder.map_err(|error| self.unread(path, error))?;
        let found = meta(&builder, VERSION_KEY).and_then(|version| version.parse::<u32>().ok());
        match found {
            Some(VERSION) => Ok(builder),
            Some(found) if found < VERSION => {
                Err(self.damaged(path, &format!("state version {found}, of no release")))
            }
            Some(found) => Err(DatasetError::Newer {
                name: self.source().locate(path),
                what: "state version",
                found: found.to_string(),
                known: VERSION.to_string(),
            }),
            None => Err(self.damaged(path, &"no state version")),
        }
    }

    fn stream(
        &self,
        path: &Path,
        builder: ParquetRecordBatchStreamBuilder<Ranges>,
        columns: &[&str],
        selection: Option<RowSelection>,
    ) -> Result<BoxStream<'static, Result<RecordBatch, DatasetError>>, DatasetError> {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let mut builder = builder.with_projection(mask);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let stream = builder.build().map_err(|error| self.unread(path, error))?;
        let (dataset, path) = (self.clone(), path.clone());
        Ok(stream.map_err(move |error| dataset.unread(&path, error)).boxed())
    }

    fn unread(&self, path: &Path, error: ParquetError) -> DatasetError {
        match error {
            ParquetError::External(source) => match source.downcast::<object_store::Error>() {
                Ok(source) => self.failed("cannot read", path, *source),
                Err(source) => self.damaged(path, &source),
            },
            error => self.damaged(path, &error),
        }
    }
}

fn meta(builder: &ParquetRecordBatchStreamBuilder<Ranges>, key: &str) -> Option<String> {
    let pairs = builder.metadata().file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.clone()
}

/// A column of packed facts.
///
/// # Errors
/// There is none of that name.
pub fn packed<'b>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b BinaryArray, arrow::error::ArrowError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>());
    let missing = || arrow::error::ArrowError::SchemaError(format!("state has no packed {name}"));
    column.ok_or_else(missing)
}

/// The rows of a batch that `keep` is true of.
///
/// # Errors
/// The lengths differ.
pub fn filtered(
    batch: &RecordBatch,
    keep: BooleanArray,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    if keep.true_count() == keep.len() {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{S3Options, Source};
    use crate::units::Day;
    use parquet::arrow::ArrowWriter;

    #[tokio::test]
    async fn only_a_file_of_this_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::create(folder.path().to_str().unwrap(), &S3Options::default()).await;
        let dataset = Dataset::new(source.unwrap());
        let segment = Segment::first(Day(20_000));
        let told = async |version: Option<&str>| {
            let pair = |value: &str| KeyValue::new(VERSION_KEY.to_owned(), value.to_owned());
            let pairs = version.map(|version| vec![pair(version)]);
            let properties = WriterProperties::builder().set_key_value_metadata(pairs).build();
            let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).unwrap();
            writer.write(&RecordBatch::new_empty(schema())).unwrap();
            let bytes = writer.into_inner().unwrap();
            let file = StateFile { segment, bytes: bytes.len() as u64 };
            dataset.put(&dataset.segment_path(segment), bytes.into(), Before::Any).await.unwrap();
            dataset.ledger(file).await.map_err(|error| error.to_string())
        };
        assert_eq!(told(Some(&VERSION.to_string())).await.unwrap().0, []);
        let older = told(Some("1")).await.unwrap_err();
        assert!(
            older.contains("is damaged (state version 1, of no release); remove it"),
            "{older}"
        );
        let newer = told(Some("99")).await.unwrap_err();
        assert!(newer.contains("written by a newer halfrate (state version 99"), "{newer}");
        assert!(told(None).await.unwrap_err().contains("no state version"));
    }
}
