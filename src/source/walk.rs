//! The objects of a source that may hold wanted records.
//!
//! One request brings up to a thousand keys, so reading keys is cheap and asking for folders is
//! dear. A folder is therefore probed flat first; only where its keys fill a whole page is it split
//! into its folders, which are judged by name and listed side by side. In the shared log folder
//! above the day, where names tell what is wanted, the split comes first. What is found does not
//! depend on which way was taken.

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::error::SourceError;
use super::key::{KeyClass, Layout, classify, is_record_name};
use super::list::{Found, Listing, segments};
use super::selection::{Selection, children_tell, is_hour};
use super::{Source, SourceUrl};
use crate::units::Day;

/// Keys in a page of S3's listing: the most that one request brings.
const PAGE: usize = 1000;

/// Folders listed side by side. S3 answers a listing in 50 to 100 ms and allows thousands a second
/// for a prefix, so 32 list a month of hours in about two seconds.
const SIDE_BY_SIDE: usize = 32;

/// Folders that a folder outside the known layout may have and still be split. Beyond a page of
/// them, one request for each would be slower than reading its keys in sequence.
const MOST_FOLDERS: usize = PAGE;

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
    let mut walk = Walk::new(source, selection);
    walk.go(true, on_progress).await?;
    walk.finish(None, on_progress).await
}

/// A listing in two steps: down to the folders of dates, and, once it is known which days are wanted, into
/// those of them. So a bucket with years of logs is not read whole to look at the last month.
pub struct Walk<'a> {
    source: &'a Source,
    found: Found<'a>,
    /// Folders to list.
    waiting: Vec<Path>,
    /// Folders of years, months and days in the layout, met and not yet entered.
    dates: Vec<Path>,
    denied: Option<object_store::Error>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, selection: &Selection) -> Self {
        Self {
            source,
            found: Found::new(source, selection.clone()),
            waiting: Vec::new(),
            dates: Vec::new(),
            denied: None,
        }
    }

    /// Lists everything but the folders of dates.
    ///
    /// # Errors
    /// As [`list`].
    pub async fn begin(
        source: &'a Source,
        selection: &Selection,
        on_progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, SourceError> {
        let mut walk = Self::new(source, selection);
        walk.go(false, on_progress).await?;
        Ok(walk)
    }

    /// The first and the last day that keys tell of, as far as folders and what was found so far say. Asks
    /// for a few folders.
    ///
    /// # Errors
    /// As [`list`].
    pub async fn span(&mut self) -> Result<Option<(Day, Day)>, SourceError> {
        let newest = self.extreme(|hours| hours.1).await?;
        let oldest = self.extreme(|hours| -hours.0).await?;
        let keys = self.found.listing.objects.iter().filter_map(|object| object.key.as_ref());
        let of_keys = keys.map(|key| key.hour.0);
        let day = |hours: i64| Day(i32::try_from(hours.div_euclid(24)).unwrap_or(i32::MAX));
        let last = of_keys.clone().chain(newest.map(|end| day(end - 1))).max();
        let first = of_keys.chain(oldest.map(|start| day(-start))).min();
        Ok(first.zip(last))
    }

    /// Lists the rest, of keys from `from` on, and ends.
    ///
    /// # Errors
    /// As [`list`].
    pub async fn finish(
        mut self,
        from: Option<Day>,
        on_progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Listing, SourceError> {
        if let Some(from) = from {
            self.found.begin_at(from);
        }
        let dates = std::mem::take(&mut self.dates);
        self.waiting = dates.into_iter().filter(|folder| self.found.enters(folder)).collect();
        self.walk(true, on_progress).await?;
        match self.denied {
            Some(error) if self.found.listing.objects.is_empty() => {
                Err(SourceError::list(&self.source.name, error))
            }
            _ => Ok(self.found.finish()),
        }
    }

    /// Begins at the source's own prefix.
    async fn go(
        &mut self,
        into_dates: bool,
        on_progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), SourceError> {
        match single(self.source).await {
            Ok(Some(object)) => {
                self.found.looked_at.insert(self.source.locate(&object.location));
                let key = match classify(object.location.as_ref(), self.found.root) {
                    KeyClass::Record(key) => key,
                    _ => None,
                };
                self.found.keep(object, key);
                return Ok(());
            }
            Ok(None) => {}
            // An S3 identity without s3:ListBucket hears "denied" for what is not there, so it may
            // still be a folder.
            Err(error @ object_store::Error::PermissionDenied { .. }) => self.denied = Some(error),
            Err(error) => return Err(SourceError::list(&self.source.name, error)),
        }
        self.waiting.push(self.source.prefix.clone());
        self.walk(into_dates, on_progress).await
    }

    /// Lists the folders that wait and what they lead to.
    async fn walk(
        &mut self,
        into_dates: bool,
        on_progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), SourceError> {
        let store = self.source.store.as_ref();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < SIDE_BY_SIDE
                && let Some(folder) = self.waiting.pop()
            {
                self.found.looked_at.insert(self.source.locate(&folder));
                running.push(visit(store, folder, self.found.root));
            }
            let Some(visited) = running.next().await else { break };
            let visited = visited.map_err(|e| SourceError::list(&self.source.name, e))?;
            self.sort_in(visited, into_dates);
            on_progress(self.found.listing.objects.len());
        }
        Ok(())
    }

    fn sort_in(&mut self, (objects, folders): (Vec<ObjectMeta>, Vec<Path>), into_dates: bool) {
        for folder in folders {
            if !self.found.enters(&folder) {
                continue;
            }
            if !into_dates && hours(&folder).is_some() {
                self.dates.push(folder);
            } else {
                self.waiting.push(folder);
            }
        }
        for object in objects {
            self.found.sort_in(object);
        }
    }

    /// The greatest `of` the hours of any day folder: folders that may hold it are opened down to the day.
    async fn extreme(
        &mut self,
        of: impl Fn((i64, i64)) -> i64,
    ) -> Result<Option<i64>, SourceError> {
        loop {
            let known = |folder: &Path| hours(folder).map(&of);
            let Some(most) = self.dates.iter().filter_map(known).max() else { return Ok(None) };
            let opens = |folder: &Path| {
                known(folder) == Some(most) && children_tell(&segments(folder), self.found.root)
            };
            let (open, rest): (Vec<Path>, Vec<Path>) =
                std::mem::take(&mut self.dates).into_iter().partition(opens);
            self.dates = rest;
            if open.is_empty() {
                return Ok(Some(most));
            }
            for folder in open {
                self.found.looked_at.insert(self.source.locate(&folder));
                let visited = visit(self.source.store.as_ref(), folder, self.found.root).await;
                let visited = visited.map_err(|e| SourceError::list(&self.source.name, e))?;
                self.sort_in(visited, false);
            }
        }
    }
}

/// The hours that a folder of dates can hold.
fn hours(folder: &Path) -> Option<(i64, i64)> {
    Layout::of(&segments(folder))?.hours()
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
