//! The disk as an object store, on which every file name is a valid one.
//!
//! object_store's own `LocalFileSystem` ends a listing at a name with a line break and hides names
//! such as `a#1`; logs are copied around by many tools, so reading is done here. Its writing survives
//! the death of a process but not of the machine, so replacing a file is done here as well.

mod staged;

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path as FsPath, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use tokio::sync::mpsc;

use super::buffers::Buffers;
use super::names::{decode_path, encode_key};
use staged::{Staged, Upload};

/// Files listed per message between the walking thread and the reader: large enough that the
/// hand-over costs nothing, small enough that a dropped listing stops soon.
const BATCH: usize = 1000;

/// Files deleted at once: a disk gains nothing from more.
const DELETES: usize = 8;

/// The whole disk as an object store: a path is an absolute file name without its first slash.
#[derive(Debug, Default)]
pub struct LocalStore {
    writer: LocalFileSystem,
}

impl LocalStore {
    /// The store of this machine's disk.
    pub fn new() -> Self {
        Self { writer: LocalFileSystem::new() }
    }

    /// The path of an absolute file name.
    pub fn location(file: &FsPath) -> Path {
        let bytes = file.as_os_str().as_bytes();
        let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
        encode_key(bytes.strip_suffix(b"/").unwrap_or(bytes))
    }

    /// The file of a path.
    pub fn file(location: &Path) -> PathBuf {
        let mut bytes = vec![b'/'];
        bytes.extend(decode_path(location));
        PathBuf::from(std::ffi::OsString::from_vec(bytes))
    }

    /// Replaces a file by one act.
    fn replace(location: &Path, payload: PutPayload) -> io::Result<PutResult> {
        let mut staged = Staged::begin(location)?;
        staged.part(payload)()?;
        staged.finish()
    }

    /// The path by which the writer knows the same file.
    fn written(location: &Path) -> Result<Path> {
        let name = String::from_utf8(decode_path(location))
            .map_err(|e| Error::Generic { store: STORE, source: Box::new(e) })?;
        Ok(Path::parse(name)?)
    }
}

const STORE: &str = "disk";

/// Extension of a request: whoever polls its future is no thread of an executor and may wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct MayWait;

fn failed(location: &Path, error: io::Error) -> Error {
    let path = format!("/{location}");
    let source = Box::new(error);
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound { path, source },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source },
        _ => Error::Generic { store: STORE, source: format!("{path}: {source}").into() },
    }
}

fn described(location: Path, metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().map(DateTime::<Utc>::from).unwrap_or_default();
    // The form that `LocalFileSystem` gives after writing, so that the two agree.
    let e_tag = format!(
        "{:x}-{:x}-{:x}",
        metadata.ino(),
        modified.timestamp_micros().max(0),
        metadata.len()
    );
    ObjectMeta {
        location,
        last_modified: modified,
        size: metadata.len(),
        e_tag: Some(e_tag),
        version: None,
    }
}

/// Opens a file and reads what is wanted of it: here and not by `GetResult::bytes`, which fills its buffer
/// with zeros first and goes to another thread once more.
fn read(location: Path, options: &GetOptions) -> Result<GetResult> {
    let fail = |e| failed(&location, e);
    let file = fs::File::open(LocalStore::file(&location)).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(fail(io::Error::new(io::ErrorKind::NotFound, "is a folder")));
    }
    let meta = described(location, &metadata);
    options.check_preconditions(&meta)?;
    let range = wanted(options.range.as_ref(), meta.size).map_err(|e| Error::Generic {
        store: STORE,
        source: format!("/{}: {e}", meta.location).into(),
    })?;
    let bytes = match options.head {
        true => Bytes::new(),
        false => bytes_of(&file, &range, options.extensions.get::<Buffers>())
            .map_err(|e| failed(&meta.location, e))?,
    };
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed()),
        meta,
        range,
        attributes: Default::default(),
    })
}

fn bytes_of(file: &fs::File, range: &Range<u64>, buffers: Option<&Buffers>) -> io::Result<Bytes> {
    let length = range.end - range.start;
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let own = Buffers::default();
    let bytes = buffers.unwrap_or(&own).take_full(length);
    let mut bytes = bytes.map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.read_exact_at(&mut bytes, range.start).map_err(|error| match error.kind() {
        kind @ io::ErrorKind::UnexpectedEof => io::Error::new(kind, "cut short while it was read"),
        _ => error,
    })?;
    Ok(match buffers {
        Some(buffers) => buffers.lend(bytes),
        None => bytes.into(),
    })
}

fn wanted(range: Option<&GetRange>, size: u64) -> Result<Range<u64>, String> {
    let range = match range {
        None => return Ok(0..size),
        Some(GetRange::Bounded(range)) => range.start..range.end.min(size),
        Some(GetRange::Offset(start)) => *start..size,
        Some(GetRange::Suffix(length)) => size.saturating_sub(*length)..size,
    };
    if range.start >= range.end {
        return Err(format!("no bytes {range:?} in {size}"));
    }
    Ok(range)
}

/// One folder's entries by name: folders, and files with what they are. Broken links and what is
/// neither file nor folder are not there.
fn entries(folder: &FsPath) -> Result<Vec<(PathBuf, Metadata)>> {
    let fail = |e| failed(&LocalStore::location(folder), e);
    let mut found = Vec::new();
    let names = match fs::read_dir(folder) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(found);
        }
        names => names.map_err(fail)?,
    };
    for name in names {
        let path = name.map_err(fail)?.path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() || metadata.is_file() => found.push((path, metadata)),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(&LocalStore::location(&path), e)),
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Whether a folder is a link to a folder that it lies in: entering it would never end.
fn is_loop(folder: &FsPath) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|m| m.is_symlink())
        && match (folder.canonicalize(), folder.parent().map(FsPath::canonicalize)) {
            (Ok(target), Some(Ok(parent))) => parent.starts_with(target),
            _ => true,
        }
}

/// Sends every file below `folder`; ends early when nobody listens.
fn walk(folder: PathBuf, sender: &mpsc::Sender<Result<Vec<ObjectMeta>>>) {
    let mut batch = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let found = match entries(&folder) {
            Ok(found) => found,
            Err(e) => {
                let _ = sender.blocking_send(Err(e));
                return;
            }
        };
        for (path, metadata) in found {
            if metadata.is_file() {
                batch.push(described(LocalStore::location(&path), &metadata));
            } else if !is_loop(&path) {
                folders.push(path);
            }
            if batch.len() >= BATCH && sender.blocking_send(Ok(std::mem::take(&mut batch))).is_err()
            {
                return;
            }
        }
    }
    let _ = sender.blocking_send(Ok(batch));
}

fn level(prefix: &Path) -> Result<ListResult> {
    let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
    for (path, metadata) in entries(&LocalStore::file(prefix))? {
        let location = LocalStore::location(&path);
        if metadata.is_file() {
            result.objects.push(described(location, &metadata));
        } else if !is_loop(&path) {
            result.common_prefixes.push(location);
        }
    }
    Ok(result)
}

/// Runs what waits for the disk where it may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode != PutMode::Overwrite || !options.attributes.is_empty() {
            return self.writer.put_opts(&Self::written(location)?, payload, options).await;
        }
        let location = location.clone();
        blocking(move || Self::replace(&location, payload).map_err(|e| failed(&location, e))).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let location = location.clone();
        let begin = move || Staged::begin(&location).map_err(|error| failed(&location, error));
        Ok(Box::new(Upload(Some(blocking(begin).await?))))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let location = location.clone();
        if options.extensions.get::<MayWait>().is_some() {
            return read(location, &options);
        }
        blocking(move || read(location, &options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        locations
            .map_ok(|location| {
                blocking(move || match fs::remove_file(Self::file(&location)) {
                    Ok(()) => Ok(location),
                    Err(e) => Err(failed(&location, e)),
                })
            })
            .try_buffered(DELETES)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = Self::file(prefix.unwrap_or(&Path::ROOT));
        async move {
            let (sender, receiver) = mpsc::channel(2);
            tokio::task::spawn_blocking(move || walk(folder, &sender));
            stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|batch| (batch, receiver))
            })
            .map_ok(|batch| stream::iter(batch.into_iter().map(Ok)))
            .try_flatten()
        }
        .flatten_stream()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        blocking(move || level(&prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.writer.copy_opts(&Self::written(from)?, &Self::written(to)?, options).await
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk")
    }
}
