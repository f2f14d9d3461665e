//! Replacing a file so that after any crash it is whole, the old or the new one.
//!
//! The bytes go to a staged file beside it, to the platter, and only then under the name.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path as FsPath;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use tempfile::TempPath;

use super::{LocalStore, blocking, described, failed};
use crate::failpoint;

/// The new bytes of a file; given up, they go.
#[derive(Debug)]
pub(super) struct Staged {
    location: Path,
    staged: TempPath,
    open: Arc<fs::File>,
    /// Where the next part goes.
    length: u64,
}

impl Staged {
    /// Begins with no bytes; makes the folder where it is missing.
    pub(super) fn begin(location: &Path) -> io::Result<Self> {
        let file = LocalStore::file(location);
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no file name"));
        };
        make_folder(folder)?;
        let mut staged = std::ffi::OsString::from(".");
        staged.push(name);
        staged.push(format!(".{}.staged", std::process::id()));
        let staged = folder.join(staged);
        let open = Arc::new(fs::File::create(&staged)?);
        let staged = TempPath::try_from_path(staged)?;
        Ok(Self { location: location.clone(), staged, open, length: 0 })
    }

    /// Adds a part when it is run; parts may come in any order.
    pub(super) fn part(
        &mut self,
        payload: PutPayload,
    ) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        let (open, mut at) = (Arc::clone(&self.open), self.length);
        self.length += payload.content_length() as u64;
        move || {
            payload.iter().try_for_each(|bytes| {
                open.write_all_at(bytes, at)?;
                at += bytes.len() as u64;
                Ok(())
            })
        }
    }

    /// Puts the bytes under the name.
    pub(super) fn finish(self) -> io::Result<PutResult> {
        let file = LocalStore::file(&self.location);
        self.open.sync_all()?;
        failpoint::point("file-staged");
        self.staged.persist(&file).map_err(|refused| refused.error)?;
        failpoint::point("file-renamed");
        if let Some(folder) = file.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        let e_tag = described(self.location, &self.open.metadata()?).e_tag;
        Ok(PutResult { e_tag, version: None })
    }
}

/// Makes a folder and those above it that are missing, each on the platter before the next.
fn make_folder(folder: &FsPath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => folder.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all()),
    }
}

/// A file written in parts; none when it was completed or given up.
#[derive(Debug)]
pub(super) struct Upload(pub(super) Option<Staged>);

impl Upload {
    fn over() -> object_store::Error {
        object_store::Error::Generic { store: super::STORE, source: "the upload is over".into() }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let Some(staged) = &mut self.0 else { return Box::pin(async { Err(Self::over()) }) };
        let (location, write) = (staged.location.clone(), staged.part(data));
        Box::pin(blocking(move || write().map_err(|error| failed(&location, error))))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.0.take().ok_or_else(Self::over)?;
        let location = staged.location.clone();
        blocking(move || staged.finish().map_err(|error| failed(&location, error))).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.0 = None;
        Ok(())
    }
}
