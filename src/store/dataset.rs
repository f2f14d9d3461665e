//! Finding, reading and replacing the files of a dataset, on disk or S3 alike.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::{Path, PathPart};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::parquet::EncodeError;
use super::segment::Segment;
use super::state::Committed;
use crate::failpoint;
use crate::schema::{PARTITION_COLUMN, TABLES, Table};
use crate::source::{Source, SourceUrl};
use crate::units::Day;

/// The folder of what is not for readers. Engines that glob for tables skip names that begin like this.
pub const STATE_FOLDER: &str = "_state";

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
    /// A file does not hold what it should.
    #[error("{name} is damaged ({reason}); remove it, and the next audit reads its objects again")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version wrote it.
    #[error(
        "{name} was written by a newer halfrate ({what} {found}, known are up to {known}); upgrade"
    )]
    Newer {
        /// The file.
        name: String,
        /// What has a version.
        what: &'static str,
        /// Its version.
        found: String,
        /// The newest version known here.
        known: String,
    },
    /// Somebody else replaced a file of the state meanwhile.
    #[error("{name} was replaced by another audit meanwhile; run this one again")]
    Overtaken {
        /// The file.
        name: String,
    },
}

/// Which content a file has, as its store tells without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Entity tag, without quotes.
    pub etag: Option<String>,
    /// Bytes.
    pub size: u64,
}

impl Version {
    /// The version of a listed file.
    pub fn of(meta: &ObjectMeta) -> Self {
        Self { etag: meta.e_tag.as_deref().map(bare), size: meta.size }
    }

    /// The version of a file of `size` bytes that was just written.
    pub(super) fn of_put(etag: Option<&str>, size: u64) -> Self {
        Self { etag: etag.map(bare), size }
    }
}

/// An entity tag without the quotes that some answers have and others lack.
fn bare(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// What a file to write must be before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Anything or nothing.
    Any,
    /// Not there.
    Missing,
    /// Of this version.
    Is(Version),
}

/// One output folder or prefix.
#[derive(Clone, Debug)]
pub struct Dataset {
    source: Source,
    /// Ledgers that were just committed: the tables are made of them next.
    pub(super) committed: Arc<Mutex<BTreeMap<Segment, Committed>>>,
}

impl Dataset {
    /// The dataset at `source`.
    pub fn new(source: Source) -> Self {
        Self { source, committed: Arc::default() }
    }

    /// Where it lies.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it lies on this machine's disk.
    pub fn is_local(&self) -> bool {
        matches!(self.source.url, SourceUrl::Local(_))
    }

    /// The path of a table's file (of one day, where the table is partitioned).
    pub fn path(&self, table: &Table, day: Option<Day>) -> Path {
        let file = format!("{}.parquet", table.name);
        match day {
            Some(day) => self.below(&[table.name, &format!("{PARTITION_COLUMN}={day}"), &file]),
            None => self.below(&[&file]),
        }
    }

    /// The path of a file of the state folder.
    pub fn state_path(&self, file: &str) -> Path {
        self.below(&[STATE_FOLDER, file])
    }

    /// The path of the state file of a segment.
    pub fn segment_path(&self, segment: Segment) -> Path {
        self.state_path(&format!("{segment}.parquet"))
    }

    fn below(&self, parts: &[&str]) -> Path {
        self.source.prefix.parts().chain(parts.iter().map(|part| PathPart::from(*part))).collect()
    }

    /// The path without the dataset's own prefix, such as `usage/date=2026-10-01/usage.parquet`.
    pub fn name_of(&self, path: &Path) -> String {
        path.prefix_match(&self.source.prefix).map_or_else(
            || path.to_string(),
            |parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
        )
    }

    /// Replaces a file by one act of its store and returns its new version.
    ///
    /// On disk the bytes and the new name are on the platter when this returns. On S3 the store checks
    /// `before`; on disk the lock stands for it.
    ///
    /// # Errors
    /// The store refuses, or the file is not as it should be before.
    pub async fn put(
        &self,
        path: &Path,
        bytes: Bytes,
        before: Before,
    ) -> Result<Version, DatasetError> {
        let size = bytes.len() as u64;
        let options = PutOptions { mode: self.mode(&before), ..PutOptions::default() };
        let put = self.source.store.put_opts(path, PutPayload::from_bytes(bytes), options).await;
        let put = put.map_err(|error| self.unwritten(path, error))?;
        Ok(Version::of_put(put.e_tag.as_deref(), size))
    }

    /// What a store is told of the file that it replaces.
    pub(super) fn mode(&self, before: &Before) -> PutMode {
        match before {
            Before::Is(Version { etag: Some(etag), .. }) if !self.is_local() => {
                let e_tag = Some(format!("\"{etag}\""));
                PutMode::Update(UpdateVersion { e_tag, version: None })
            }
            Before::Missing if !self.is_local() => PutMode::Create,
            _ => PutMode::Overwrite,
        }
    }

    /// The error of a file that could not be written.
    pub(super) fn unwritten(&self, path: &Path, error: object_store::Error) -> DatasetError {
        use object_store::Error::{AlreadyExists, Precondition};
        match error {
            Precondition { .. } | AlreadyExists { .. } => {
                DatasetError::Overtaken { name: self.source.locate(path) }
            }
            error => self.failed("cannot write", path, error),
        }
    }

    /// A whole file, or `None` where there is none.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn get(&self, path: &Path) -> Result<Option<(Bytes, Version)>, DatasetError> {
        let read = async {
            let got = self.source.store.get(path).await?;
            let version = Version::of(&got.meta);
            Ok((got.bytes().await?, version))
        };
        match read.await {
            Ok(read) => Ok(Some(read)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed("cannot read", path, source)),
        }
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn remove(&self, path: &Path) -> Result<(), DatasetError> {
        match self.source.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                failpoint::point("file-removed");
                Ok(())
            }
            Err(source) => Err(self.failed("cannot delete", path, source)),
        }
    }

    /// The files of the state folder by name.
    ///
    /// # Errors
    /// The store refuses to list.
    pub async fn state_files(&self) -> Result<BTreeMap<String, Version>, DatasetError> {
        let folder = self.below(&[STATE_FOLDER]);
        let files = self.list(&folder).await?;
        let name = |meta: &ObjectMeta| meta.location.filename().unwrap_or_default().to_owned();
        Ok(files.iter().map(|meta| (name(meta), Version::of(meta))).collect())
    }

    /// Removes what killed audits left half-written of the state and of small tables; to be called under the
    /// lock. S3 has no such files: what is not whole is not there.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn sweep(&self) -> Result<(), DatasetError> {
        if !self.is_local() {
            return Ok(());
        }
        self.sweep_folder(&self.below(&[STATE_FOLDER]), |name| is_staged(name, "")).await?;
        let of_table = |name: &str| {
            TABLES.iter().any(|table| is_staged(name, &format!("{}.parquet", table.name)))
        };
        self.sweep_folder(&self.below(&[]), of_table).await
    }

    async fn sweep_folder(
        &self,
        folder: &Path,
        is_left: impl Fn(&str) -> bool,
    ) -> Result<(), DatasetError> {
        let listed = self.source.store.list_with_delimiter(Some(folder)).await;
        let listed = listed.map_err(|source| self.failed("cannot list", folder, source))?;
        for meta in listed.objects {
            if meta.location.filename().is_some_and(&is_left) {
                self.remove(&meta.location).await?;
            }
        }
        Ok(())
    }

    /// The files of all partitioned tables that audits wrote, by path.
    ///
    /// # Errors
    /// The store refuses to list.
    pub async fn table_files(&self) -> Result<BTreeMap<Path, Version>, DatasetError> {
        let mut found = BTreeMap::new();
        for table in TABLES.into_iter().filter(|table| table.partitioned) {
            for meta in self.list(&self.below(&[table.name])).await? {
                if self.is_ours(table, &meta.location) {
                    found.insert(meta.location.clone(), Version::of(&meta));
                }
            }
        }
        Ok(found)
    }

    async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, DatasetError> {
        match self.source.store.list(Some(folder)).try_collect().await {
            Ok(found) => Ok(found),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(source) => Err(self.failed("cannot list", folder, source)),
        }
    }

    /// Whether a file is one that an audit writes: `<table>/date=…/<table>.parquet`, or what a killed one
    /// left beside it.
    fn is_ours(&self, table: &Table, path: &Path) -> bool {
        let name = format!("{}.parquet", table.name);
        let day = |part: &str| {
            part.strip_prefix(PARTITION_COLUMN).is_some_and(|rest| rest.starts_with('='))
        };
        let Some(rest) = path.prefix_match(&self.below(&[table.name])) else { return false };
        let parts: Vec<_> = rest.collect();
        let [folder, file] = &parts[..] else { return false };
        day(folder.as_ref()) && (file.as_ref() == name || is_staged(file.as_ref(), &name))
    }

    /// The error of a store with what was tried.
    pub(super) fn failed(
        &self,
        what: &'static str,
        path: &Path,
        source: object_store::Error,
    ) -> DatasetError {
        DatasetError::Store { what, name: self.source.locate(path), source }
    }

    /// The error of a file that does not hold what it should.
    pub(super) fn damaged(&self, path: &Path, reason: &dyn std::fmt::Display) -> DatasetError {
        DatasetError::Damaged { name: self.source.locate(path), reason: reason.to_string() }
    }
}

/// Whether `file` is a staged file of `name`, which a killed process left: `.<name>.<process>.staged`.
pub fn is_staged(file: &str, name: &str) -> bool {
    file.strip_prefix('.').is_some_and(|rest| rest.starts_with(name) && rest.ends_with(".staged"))
}
