//! Writing the tables: what is current stays, what is not is replaced, what no longer belongs is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::path::Path;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use twox_hash::XxHash64;

use super::dataset::{Before, Dataset, DatasetError, Version};
use super::index::{Index, Made};
use super::parquet::{EncodeError, TableWriter, encode};
use crate::failpoint;
use crate::schema::{TABLES, Table};
use crate::units::Day;

/// Files written at a time. Each waits for the disk or for S3, and is held in memory meanwhile.
const AT_ONCE: usize = 8;

/// Files being encoded at a time: their rows stay in memory until then. More than one, so that columns of the next are
/// there when no more of one are left for a core.
const ENCODED_AT_ONCE: usize = 4;

/// The tables of a dataset while an audit brings them up to date.
pub struct Tables<'d> {
    dataset: &'d Dataset,
    /// Files of partitioned tables that were there before.
    found: BTreeMap<Path, Version>,
    /// What the index said they were made of.
    known: BTreeMap<String, Made>,
    /// Files that belong, with what they are made of.
    made: BTreeMap<Path, Made>,
    /// Files that are or were on their way.
    begun: BTreeSet<Path>,
    writing: JoinSet<Result<(Path, Made), DatasetError>>,
    /// Permits to hold rows that are not encoded yet.
    encoding: Arc<Semaphore>,
    /// The partition that rows are being appended to, and its digest.
    open: Option<(&'static Table, Day, String, TableWriter<Vec<u8>>)>,
}

impl<'d> Tables<'d> {
    /// The tables of `dataset` as `index` knows them.
    ///
    /// # Errors
    /// The store refuses to list.
    pub async fn open(dataset: &'d Dataset, index: &Index) -> Result<Self, DatasetError> {
        Ok(Self {
            dataset,
            found: dataset.table_files().await?,
            known: index.tables.clone(),
            made: BTreeMap::new(),
            begun: BTreeSet::new(),
            writing: JoinSet::new(),
            encoding: Arc::new(Semaphore::new(ENCODED_AT_ONCE)),
            open: None,
        })
    }

    /// Whether a partition was made of what `digest` says and nobody touched it since; if so, it stays.
    pub fn is_current(&mut self, table: &'static Table, day: Day, digest: &str) -> bool {
        let path = self.dataset.path(table, Some(day));
        let Some(current) = self.current(&path).filter(|current| current.digest == digest) else {
            return false;
        };
        let current = current.clone();
        self.made.insert(path, current);
        true
    }

    /// What a partition was made of, if nobody touched it since.
    fn current(&self, path: &Path) -> Option<&Made> {
        let known = self.known.get(&self.dataset.name_of(path))?;
        (self.found.get(path) == Some(&known.version)).then_some(known)
    }

    /// Appends rows of a partition; days of a table come in order. [`Tables::close`] ends the last.
    ///
    /// # Errors
    /// The rows do not fit the table, or the store refuses.
    pub async fn append(
        &mut self,
        table: &'static Table,
        day: Day,
        digest: &str,
        batch: &RecordBatch,
    ) -> Result<(), DatasetError> {
        let same =
            |open: &(&'static Table, Day, String, _)| open.0.name == table.name && open.1 == day;
        if !self.open.as_ref().is_some_and(same) {
            self.close().await?;
            let writer = TableWriter::new(table, Vec::new())?;
            self.open = Some((table, day, digest.to_owned(), writer));
        }
        if let Some((.., writer)) = &mut self.open {
            writer.write(batch)?;
        }
        Ok(())
    }

    /// Writes the partition that is still open.
    ///
    /// # Errors
    /// As [`Tables::append`].
    pub async fn close(&mut self) -> Result<(), DatasetError> {
        let Some((table, day, digest, writer)) = self.open.take() else { return Ok(()) };
        let path = self.dataset.path(table, Some(day));
        self.make(path, Some(digest), move || Ok(writer.finish()?.into())).await
    }

    /// Writes a table's file (of one day) whole, unless it has that content already.
    ///
    /// # Errors
    /// As [`Tables::append`], at the latest when it is flushed.
    pub async fn write(
        &mut self,
        table: &'static Table,
        day: Option<Day>,
        batches: Vec<RecordBatch>,
    ) -> Result<(), DatasetError> {
        self.make(self.dataset.path(table, day), None, move || encode(table, &batches)).await
    }

    /// Writes a partition that was made of what `digest` says, as `encode` makes it when there is a thread for that.
    ///
    /// # Errors
    /// As [`Tables::append`], at the latest when it is flushed.
    pub async fn replace(
        &mut self,
        table: &'static Table,
        day: Day,
        digest: &str,
        encode: impl FnOnce() -> Result<Bytes, EncodeError> + Send + 'static,
    ) -> Result<(), DatasetError> {
        self.make(self.dataset.path(table, Some(day)), Some(digest.to_owned()), encode).await
    }

    /// Has a file encoded aside, and put in its place. Without a digest of what it is made of its content has one.
    async fn make(
        &mut self,
        path: Path,
        digest: Option<String>,
        encode: impl FnOnce() -> Result<Bytes, EncodeError> + Send + 'static,
    ) -> Result<(), DatasetError> {
        // Never closed, so there is always a permit to come.
        let permit = Arc::clone(&self.encoding).acquire_owned().await.ok();
        while self.writing.len() >= AT_ONCE {
            self.one_written().await?;
        }
        let (dataset, current) = (self.dataset.clone(), self.current(&path).cloned());
        self.begun.insert(path.clone());
        let encoded = tokio::task::spawn_blocking(encode);
        self.writing.spawn(async move {
            let bytes = match encoded.await {
                Ok(bytes) => bytes?,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            };
            drop(permit);
            let digest = digest.unwrap_or_else(|| of_content(&bytes));
            if let Some(current) = current.filter(|current| current.digest == digest) {
                return Ok((path, current));
            }
            let version = dataset.put(&path, bytes, Before::Any).await?;
            failpoint::point("table-written");
            Ok((path, Made { version, digest }))
        });
        Ok(())
    }

    async fn one_written(&mut self) -> Result<(), DatasetError> {
        match self.writing.join_next().await {
            Some(Ok(written)) => {
                let (path, made) = written?;
                self.made.insert(path, made);
                Ok(())
            }
            Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            None => Ok(()),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn flush(&mut self) -> Result<(), DatasetError> {
        self.close().await?;
        while !self.writing.is_empty() {
            self.one_written().await?;
        }
        Ok(())
    }

    /// Gives every partitioned table that has no file an empty one on `day`, so that engines that glob find
    /// a schema.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn fill_empty(&mut self, day: Day) -> Result<(), DatasetError> {
        self.close().await?;
        for table in TABLES.into_iter().filter(|table| table.partitioned) {
            let name = format!("{}/", table.name);
            let has_one = |path: &Path| self.dataset.name_of(path).starts_with(&name);
            if !self.made.keys().chain(&self.begun).any(has_one) {
                self.write(table, Some(day), Vec::new()).await?;
            }
        }
        self.flush().await
    }

    /// Removes the files of `tables` that do not belong.
    ///
    /// # Errors
    /// The store refuses to delete.
    pub async fn remove_others(&mut self, tables: &[&str]) -> Result<(), DatasetError> {
        self.flush().await?;
        let of_tables = |path: &Path| {
            let name = self.dataset.name_of(path);
            tables.iter().any(|table| name.split('/').next() == Some(table))
        };
        let stale = self.found.keys().filter(|path| !self.made.contains_key(*path));
        let stale: BTreeSet<Path> = stale.filter(|path| of_tables(path)).cloned().collect();
        for path in stale {
            self.dataset.remove(&path).await?;
            self.found.remove(&path);
        }
        Ok(())
    }

    /// What the index is to say of the tables.
    pub fn into_index(self) -> BTreeMap<String, Made> {
        let made = self.made.into_iter();
        made.map(|(path, made)| (self.dataset.name_of(&path), made)).collect()
    }
}

/// What tells a file's content from another.
fn of_content(bytes: &Bytes) -> String {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(bytes);
    format!("content {:016x}", hasher.finish())
}
