//! The objects of a source that may hold wanted records.
//!
//! One request brings up to a thousand keys, so reading keys is cheap and asking for folders is
//! dear. A folder is therefore probed flat first; only where its keys fill a whole page is it split
//! into its folders, which are judged by name and listed side by side. In the shared log folder
//! above the day, where names tell what is wanted, the split comes first. What is found does not
//! depend on which way was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::error::SourceError;
use super::key::{KeyClass, LogKey, classify, is_record_name};
use super::selection::{Selection, Verdict, children_tell, is_hour};
use super::{Source, SourceUrl};

/// Keys in a page of S3's listing: the most that one request brings.
const PAGE: usize = 1000;

/// Folders listed side by side. S3 answers a listing in 50 to 100 ms and allows thousands a second
/// for a prefix, so 32 list a month of hours in about two seconds.
const SIDE_BY_SIDE: usize = 32;

/// Folders that a folder outside the known layout may have and still be split. Beyond a page of
/// them, one request for each would be slower than reading its keys in sequence.
const MOST_FOLDERS: usize = PAGE;

/// An object that may hold wanted records.
#[derive(Clone, Debug, PartialEq)]
pub struct LogObject {
    /// Path in the store.
    pub path: Path,
    /// What the key says where it follows Bedrock's layout.
    pub key: Option<LogKey>,
    /// Bytes, compressed.
    pub size: u64,
    /// The store's version of the content.
    pub etag: Option<String>,
    /// When it was written.
    pub last_modified: DateTime<Utc>,
    /// Where in `path` the part after the source's own prefix begins.
    relative: u32,
}

impl LogObject {
    /// The part of the path after the source's prefix: the same on disk and on S3.
    pub fn relative_key(&self) -> &str {
        self.path.as_ref().get(self.relative as usize..).unwrap_or_default()
    }

    /// The form in which object_store and DataFusion know the object.
    pub fn meta(&self) -> ObjectMeta {
        ObjectMeta {
            location: self.path.clone(),
            last_modified: self.last_modified,
            size: self.size,
            e_tag: self.etag.clone(),
            version: None,
        }
    }
}

/// Why a key of the source is not among the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// Bodies that Bedrock keeps apart from their record.
    Sidecar,
    /// Bedrock's empty write tests.
    PermissionCheck,
    /// Files that are called like nothing that holds records.
    Foreign,
    /// Whole folders of other AWS services, each counted once.
    OtherService,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sidecar => "sidecar bodies",
            Self::PermissionCheck => "permission checks",
            Self::Foreign => "other files",
            Self::OtherService => "folders of other AWS services",
        })
    }
}

/// What a source holds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Objects that may hold wanted records, by relative key.
    pub objects: Vec<LogObject>,
    /// What was seen and left out. What lies outside the selection was not looked at and is not
    /// here.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Folders and prefixes that were listed, by name.
    pub looked_at: Vec<String>,
}

/// Lists what a selection wants of a source. `on_progress` hears the number of objects found so
/// far.
///
/// # Errors
/// The store's answer with the remedy: no such bucket, not allowed, wrong region, no connection.
pub async fn list(
    source: &Source,
    selection: &Selection,
    on_progress: &(dyn Fn(usize) + Sync),
) -> Result<Listing, SourceError> {
    let failed = |error| SourceError::list(&source.name, error);
    let mut found = Found::new(source, selection);
    let denied = match single(source).await {
        Ok(Some(object)) => {
            found.looked_at.insert(source.locate(&object.location));
            found.keep(object, None);
            return Ok(found.finish());
        }
        Ok(None) => None,
        // An S3 identity without s3:ListBucket hears "denied" for what is not there, so it may
        // still be a folder.
        Err(error @ object_store::Error::PermissionDenied { .. }) => Some(error),
        Err(error) => return Err(failed(error)),
    };
    let store = source.store.as_ref();
    let mut waiting = vec![source.prefix.clone()];
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < SIDE_BY_SIDE
            && let Some(folder) = waiting.pop()
        {
            found.looked_at.insert(source.locate(&folder));
            running.push(visit(store, folder, found.root));
        }
        let Some(visited) = running.next().await else { break };
        let (objects, folders) = visited.map_err(failed)?;
        waiting.extend(folders.into_iter().filter(|folder| found.enters(folder)));
        for object in objects {
            found.sort_in(object);
        }
        on_progress(found.listing.objects.len());
    }
    match denied {
        Some(error) if found.listing.objects.is_empty() => Err(failed(error)),
        _ => Ok(found.finish()),
    }
}

/// The object that the source's name means, when it means one.
async fn single(source: &Source) -> Result<Option<ObjectMeta>, object_store::Error> {
    let may_be = match &source.url {
        // On S3 the question costs a request and a permission, so it is asked where the name looks
        // so.
        SourceUrl::S3 { key, .. } => {
            !key.ends_with('/') && is_record_name(key.rsplit('/').next().unwrap_or_default())
        }
        SourceUrl::Local(_) => true,
    };
    if !may_be {
        return Ok(None);
    }
    match source.store.head(&source.prefix).await {
        Ok(object) => Ok(Some(object)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists one folder: flat, or its own objects and its folders.
async fn visit(
    store: &dyn ObjectStore,
    folder: Path,
    root: usize,
) -> Result<(Vec<ObjectMeta>, Vec<Path>), object_store::Error> {
    let segments = segments(&folder);
    let by_name = children_tell(&segments, root);
    if !by_name {
        let keys = store.list(Some(&folder));
        if is_hour(&segments) {
            return Ok((keys.try_collect().await?, Vec::new()));
        }
        // A full page may have a next one; asking would already be the second request.
        let keys: Vec<_> = keys.take(PAGE).try_collect().await?;
        if keys.len() < PAGE {
            return Ok((keys, Vec::new()));
        }
    }
    let level = store.list_with_delimiter(Some(&folder)).await?;
    if !by_name && level.common_prefixes.len() > MOST_FOLDERS {
        return Ok((store.list(Some(&folder)).try_collect().await?, Vec::new()));
    }
    Ok((level.objects, level.common_prefixes))
}

fn segments(path: &Path) -> Vec<&str> {
    path.as_ref().split('/').filter(|s| !s.is_empty()).collect()
}

/// The listing while it grows.
struct Found<'a> {
    source: &'a Source,
    selection: &'a Selection,
    /// Segments of the source's own prefix.
    root: usize,
    listing: Listing,
    looked_at: BTreeSet<String>,
    /// Folders of other services met so far, so that each counts once.
    other_services: BTreeSet<String>,
    /// Every account and region name once, however many objects bear it.
    names: BTreeSet<Arc<str>>,
}

impl<'a> Found<'a> {
    fn new(source: &'a Source, selection: &'a Selection) -> Self {
        Self {
            source,
            selection,
            root: segments(&source.prefix).len(),
            listing: Listing::default(),
            looked_at: BTreeSet::new(),
            other_services: BTreeSet::new(),
            names: BTreeSet::new(),
        }
    }

    /// Whether a folder is worth listing; remembers the folders of other services.
    fn enters(&mut self, folder: &Path) -> bool {
        self.judge(&segments(folder))
    }

    fn judge(&mut self, segments: &[&str]) -> bool {
        match self.selection.judge(segments, self.root) {
            Verdict::Enter => true,
            Verdict::Outside => false,
            Verdict::OtherService(depth) => {
                self.other_services.insert(segments[..depth].join("/"));
                false
            }
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        *self.listing.skipped.entry(reason).or_default() += 1;
    }

    /// Puts an object where it belongs by the same rules that its folders were judged by.
    fn sort_in(&mut self, object: ObjectMeta) {
        // The marker that a console makes for an empty folder is no file: on disk it would not be
        // there.
        if object.size == 0 && object.location.filename() == Some("%_") {
            return;
        }
        let parent: Vec<&str> = segments(&object.location);
        let (_, folders) = parent.split_last().unwrap_or((&"", &[]));
        if !self.judge(folders) {
            return;
        }
        match classify(object.location.as_ref(), self.root) {
            KeyClass::Record(key) => self.keep(object, key),
            KeyClass::Sidecar => self.skip(SkipReason::Sidecar),
            KeyClass::PermissionCheck => self.skip(SkipReason::PermissionCheck),
            KeyClass::Foreign => self.skip(SkipReason::Foreign),
        }
    }

    fn keep(&mut self, object: ObjectMeta, key: Option<LogKey>) {
        let prefix = self.source.prefix.as_ref();
        let relative = if prefix.is_empty() {
            0
        } else if object.location == self.source.prefix {
            prefix.rfind('/').map_or(0, |slash| slash + 1)
        } else {
            prefix.len() + 1
        };
        let key = key.map(|key| LogKey {
            account: self.shared(key.account),
            region: self.shared(key.region),
            hour: key.hour,
        });
        self.listing.objects.push(LogObject {
            path: object.location,
            key,
            size: object.size,
            etag: object.e_tag,
            last_modified: object.last_modified,
            relative: relative as u32,
        });
    }

    fn shared(&mut self, name: Arc<str>) -> Arc<str> {
        match self.names.get(&name) {
            Some(known) => Arc::clone(known),
            None => {
                self.names.insert(Arc::clone(&name));
                name
            }
        }
    }

    fn finish(mut self) -> Listing {
        self.listing.objects.sort_by(|a, b| a.relative_key().cmp(b.relative_key()));
        self.listing.looked_at = self.looked_at.into_iter().collect();
        if !self.other_services.is_empty() {
            self.listing.skipped.insert(SkipReason::OtherService, self.other_services.len() as u64);
        }
        self.listing
    }
}
