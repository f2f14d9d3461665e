//! Writing and finding the files of a dataset, on disk or S3 alike.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::{Path, PathPart};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::parquet::{EncodeError, TableWriter, encode};
use crate::schema::{PARTITION_COLUMN, TABLES, Table};
use crate::source::Source;
use crate::units::Day;

/// A dataset could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The store refused.
    #[error("{what} {name}: {source}")]
    Store {
        /// What was tried, such as `cannot write`.
        what: &'static str,
        /// The file.
        name: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// Rows do not fit their table.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// One output folder or prefix.
pub struct Dataset {
    source: Source,
    /// Files written since it was opened.
    written: BTreeSet<Path>,
    /// The partition that rows are being appended to.
    open: Option<(&'static Table, Day, TableWriter<Vec<u8>>)>,
}

impl Dataset {
    /// The dataset at `source`.
    pub fn new(source: Source) -> Self {
        Self { source, written: BTreeSet::new(), open: None }
    }

    /// Where it lies.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The path of a table's file (of one day, where the table is partitioned).
    pub fn path(&self, table: &Table, day: Option<Day>) -> Path {
        let file = format!("{}.parquet", table.name);
        let mut parts: Vec<PathPart<'_>> = self.source.prefix.parts().collect();
        if let Some(day) = day {
            parts.push(PathPart::from(table.name));
            parts.push(PathPart::from(format!("{PARTITION_COLUMN}={day}")));
        }
        parts.push(PathPart::from(file));
        parts.into_iter().collect()
    }

    /// Writes a table's file (of one day) whole.
    ///
    /// # Errors
    /// The rows do not fit the table, or the store refuses.
    pub async fn write(
        &mut self,
        table: &'static Table,
        day: Option<Day>,
        batches: &[RecordBatch],
    ) -> Result<(), DatasetError> {
        let bytes = encode(table, batches)?;
        self.put(self.path(table, day), bytes).await
    }

    /// Appends rows of one day; days of a table come in order. [`Dataset::close`] ends the last.
    ///
    /// # Errors
    /// As [`Dataset::write`].
    pub async fn append(
        &mut self,
        table: &'static Table,
        day: Day,
        batch: &RecordBatch,
    ) -> Result<(), DatasetError> {
        let same = |open: &(&'static Table, Day, _)| open.0.name == table.name && open.1 == day;
        if !self.open.as_ref().is_some_and(same) {
            self.close().await?;
            self.open = Some((table, day, TableWriter::new(table, Vec::new())?));
        }
        if let Some((.., writer)) = &mut self.open {
            writer.write(batch)?;
        }
        Ok(())
    }

    /// Writes the partition that is still open.
    ///
    /// # Errors
    /// As [`Dataset::write`].
    pub async fn close(&mut self) -> Result<(), DatasetError> {
        if let Some((table, day, writer)) = self.open.take() {
            let bytes = writer.finish()?.into();
            self.put(self.path(table, Some(day)), bytes).await?;
        }
        Ok(())
    }

    /// Gives every partitioned table that has no file yet an empty one on `day`, so that engines that glob
    /// find a schema.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn fill_empty(&mut self, day: Day) -> Result<(), DatasetError> {
        for table in TABLES.into_iter().filter(|table| table.partitioned) {
            let folder = self.folder(table);
            if !self.written.iter().any(|path| path.prefix_matches(&folder)) {
                self.write(table, Some(day), &[]).await?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier audit left in the partitioned tables and this one did not write.
    ///
    /// # Errors
    /// The store refuses to list or to delete.
    pub async fn remove_others(&self) -> Result<(), DatasetError> {
        for table in TABLES.into_iter().filter(|table| table.partitioned) {
            let folder = self.folder(table);
            let failed = |source| self.failed("cannot list", &folder, source);
            let listed = self.source.store.list(Some(&folder));
            let found: Vec<_> = match listed.try_collect().await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => Vec::new(),
                Err(source) => return Err(failed(source)),
            };
            for meta in found {
                if self.is_ours(table, &meta.location) && !self.written.contains(&meta.location) {
                    let deleted = self.source.store.delete(&meta.location).await;
                    deleted.map_err(|e| self.failed("cannot delete", &meta.location, e))?;
                }
            }
        }
        Ok(())
    }

    /// The bytes of a small table, or `None` where there is none.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn read(&self, table: &Table) -> Result<Option<Bytes>, DatasetError> {
        let path = self.path(table, None);
        let got = match self.source.store.get(&path).await {
            Ok(got) => got.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => Err(source),
        };
        got.map(Some).map_err(|source| self.failed("cannot read", &path, source))
    }

    async fn put(&mut self, path: Path, bytes: Bytes) -> Result<(), DatasetError> {
        let put = self.source.store.put(&path, PutPayload::from_bytes(bytes)).await;
        put.map_err(|source| self.failed("cannot write", &path, source))?;
        self.written.insert(path);
        Ok(())
    }

    fn folder(&self, table: &Table) -> Path {
        self.source.prefix.clone().join(PathPart::from(table.name))
    }

    /// Whether a file is one that an audit writes: `<table>/date=…/<table>.parquet`.
    fn is_ours(&self, table: &Table, path: &Path) -> bool {
        let name = format!("{}.parquet", table.name);
        let day = |part: &str| {
            part.strip_prefix(PARTITION_COLUMN).is_some_and(|rest| rest.starts_with('='))
        };
        let Some(rest) = path.prefix_match(&self.folder(table)) else { return false };
        let parts: Vec<_> = rest.collect();
        matches!(&parts[..], [folder, file] if day(folder.as_ref()) && file.as_ref() == name)
    }

    fn failed(&self, what: &'static str, path: &Path, source: object_store::Error) -> DatasetError {
        DatasetError::Store { what, name: self.source.locate(path), source }
    }
}
