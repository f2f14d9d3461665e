//! What a listing finds: objects that may hold records, and what was passed over and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::Source;
use super::key::{KeyClass, LogKey, classify};
use super::selection::{Selection, Verdict};
use crate::units::Day;

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

/// The segments of a path.
pub(super) fn segments(path: &Path) -> Vec<&str> {
    path.as_ref().split('/').filter(|s| !s.is_empty()).collect()
}

/// The listing while it grows.
pub(super) struct Found<'a> {
    source: &'a Source,
    pub(super) selection: Selection,
    /// Segments of the source's own prefix.
    pub(super) root: usize,
    pub(super) listing: Listing,
    pub(super) looked_at: BTreeSet<String>,
    /// Folders of other services met so far, so that each counts once.
    other_services: BTreeSet<String>,
    /// Every account and region name once, however many objects bear it.
    names: BTreeSet<Arc<str>>,
}

impl<'a> Found<'a> {
    pub(super) fn new(source: &'a Source, selection: Selection) -> Self {
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
    pub(super) fn enters(&mut self, folder: &Path) -> bool {
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
    pub(super) fn sort_in(&mut self, object: ObjectMeta) {
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

    pub(super) fn keep(&mut self, object: ObjectMeta, key: Option<LogKey>) {
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

    /// Leaves out what was delivered before `from`, where keys tell.
    pub(super) fn begin_at(&mut self, from: Day) {
        self.selection.from = Some(from);
        let wanted = |object: &LogObject| object.key.as_ref().is_none_or(|key| key.hour.0 >= from);
        self.listing.objects.retain(wanted);
    }

    pub(super) fn finish(mut self) -> Listing {
        self.listing.objects.sort_by(|a, b| a.relative_key().cmp(b.relative_key()));
        self.listing.looked_at = self.looked_at.into_iter().collect();
        if !self.other_services.is_empty() {
            self.listing.skipped.insert(SkipReason::OtherService, self.other_services.len() as u64);
        }
        self.listing
    }
}
