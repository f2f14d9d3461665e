//! What an audit has to do: the listing held against the ledger.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;

use super::EngineError;
use crate::source::{LogObject, Selection, Source};
use crate::store::dataset::Dataset;
use crate::store::index::{Index, Summary};
use crate::store::ledger::{LedgerEntry, object_day};
use crate::store::segment::Segment;
use crate::store::state::StateFile;
use crate::table::source::ScanObject;
use crate::units::Day;

/// What was listed, and what of it is to be read whatever the ledger says.
pub struct Listed<'l> {
    /// The sources that were listed.
    pub sources: &'l [Source],
    /// Index into `sources` and object, each object once.
    pub objects: &'l [(usize, LogObject)],
    /// Full names of empty objects, which are not read.
    pub emptied: &'l BTreeSet<String>,
    /// What was looked for: an object that one of these would have found and did not is gone.
    pub selections: &'l [Selection],
    /// Object days that are read again.
    pub rescan: Option<(Day, Day)>,
}

/// One object to read. There may be millions, so it is no more than a number.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its index in [`Listed::objects`].
    pub at: usize,
    /// The ledger's entries of older readings of it.
    pub before: Vec<LedgerEntry>,
}

/// Full names of objects that went (true) or came back, by the segment that has them.
pub type Gone = BTreeMap<Segment, BTreeMap<String, bool>>;

/// What an audit has to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Objects to read, in the order in which they count.
    pub objects: Vec<Pending>,
    /// Rows to take out: never read and no longer there, emptied, or overtaken by a later reading.
    pub dropped: Vec<LedgerEntry>,
    /// What changed about the objects that are read already.
    pub gone: Gone,
    /// Objects that the ledger has as they are listed.
    pub known: u64,
    /// Their bytes.
    pub known_bytes: u64,
    /// Records met in them when they were read.
    pub known_records: u64,
    /// Bytes to read.
    pub bytes: u64,
}

impl Plan {
    /// Holds what is listed against the ledger of `dataset`, reading no more than the ledger columns of
    /// the days that matter.
    ///
    /// # Errors
    /// A state file cannot be read.
    pub async fn make(
        dataset: &Dataset,
        index: &Index,
        listed: &Listed<'_>,
    ) -> Result<Self, EngineError> {
        let mut found = Matching::new(listed);
        let mut plan = Self::default();
        for file in listed.files_to_look_at(index) {
            let (entries, _) = dataset.ledger(file).await?;
            for entry in entries {
                found.compare(entry, &mut plan);
            }
        }
        found.finish(&mut plan);
        Ok(plan)
    }

    /// Reads everything that is listed.
    pub fn of_all(listed: &Listed<'_>) -> Self {
        let mut plan = Self::default();
        Matching::new(listed).finish(&mut plan);
        plan
    }
}

impl Listed<'_> {
    /// The index of an entry's object, where it is still of that version. Few are asked for, so the search
    /// may be long.
    pub(super) fn find(&self, entry: &LedgerEntry) -> Option<usize> {
        self.sources.iter().find_map(|source| {
            let path = entry.location.strip_prefix(&source.locate(&Path::ROOT))?;
            let same = |(of, object): &(usize, LogObject)| {
                self.sources[*of].store_url == source.store_url
                    && object.path.as_ref() == path
                    && entry.is_of(object)
            };
            self.objects.iter().position(same)
        })
    }

    /// One object as a scan takes it.
    pub(super) fn scanned(&self, at: usize, ordinal: i64) -> Result<ScanObject, EngineError> {
        let (source, object) = &self.objects[at];
        let store = ObjectStoreUrl::parse(&self.sources[*source].store_url)?;
        Ok(ScanObject { store, meta: object.meta(), ordinal })
    }

    /// The entry that an object will have, without a reading.
    pub(super) fn entry(&self, at: usize) -> LedgerEntry {
        let (source, object) = &self.objects[at];
        let source = &self.sources[*source];
        LedgerEntry::of(&source.name.as_str().into(), source.locate(&object.path), object)
    }

    /// How two objects count: as [`LedgerEntry::order`] of their entries.
    fn order(&self, one: usize, other: usize) -> Ordering {
        let key = |at: usize| {
            let object = &self.objects[at].1;
            let hour = object.key.as_ref().map(|key| key.hour.1);
            (object_day(object), hour, object.relative_key())
        };
        let place = |at: usize| {
            let (source, object) = &self.objects[at];
            self.sources[*source].locate(&object.path)
        };
        key(one).cmp(&key(other)).then_with(|| place(one).cmp(&place(other)))
    }

    /// Segments that the listing may have something to say about.
    fn files_to_look_at(&self, index: &Index) -> Vec<StateFile> {
        let listed: BTreeSet<Day> =
            self.objects.iter().map(|(_, object)| object_day(object)).collect();
        let any_loose = self.objects.iter().any(|(_, object)| object.key.is_none());
        let matters = |(Segment { day, .. }, summary): &(&Segment, &Summary)| {
            listed.contains(day)
                || (summary.loose && any_loose)
                || self.selections.iter().any(|selection| selection.covers(*day))
        };
        let matter = index.state.iter().filter(matters);
        matter.map(|(segment, summary)| summary.file(*segment)).collect()
    }

    /// Whether the listing would have found this object were it there.
    fn looked_for(&self, entry: &LedgerEntry, roots: &[(String, Path)]) -> bool {
        roots.iter().any(|(store, prefix)| {
            let path = entry.location.strip_prefix(store.as_str()).map(Path::parse);
            let Some(Ok(path)) = path else { return false };
            path.prefix_matches(prefix)
                && self.selections.iter().any(|selection| selection.wants(&path, prefix))
        })
    }

    fn rescans(&self, day: Day) -> bool {
        self.rescan.is_some_and(|(from, to)| day >= from && day <= to)
    }
}

/// What became of a listed object so far.
#[derive(Clone, Debug, Default)]
struct Match {
    /// The day of the entry that is of the listed version.
    known: Option<Day>,
    /// Entries that are to be replaced.
    before: Vec<LedgerEntry>,
}

/// The comparison while it goes on.
struct Matching<'l> {
    listed: &'l Listed<'l>,
    /// Beginning of every location, and prefix, of each source.
    roots: Vec<(String, Path)>,
    /// Listed objects by the beginning of their location and their path.
    places: HashMap<(&'l str, &'l str), usize>,
    matches: Vec<Match>,
}

impl<'l> Matching<'l> {
    fn new(listed: &'l Listed<'l>) -> Self {
        let root = |source: &Source| (source.locate(&Path::ROOT), source.prefix.clone());
        let place = |(at, (source, object)): (usize, &'l (usize, LogObject))| {
            ((listed.sources[*source].store_url.as_str(), object.path.as_ref()), at)
        };
        Self {
            listed,
            roots: listed.sources.iter().map(root).collect(),
            places: listed.objects.iter().enumerate().map(place).collect(),
            matches: vec![Match::default(); listed.objects.len()],
        }
    }

    /// The listed object that an entry is of.
    fn find(&self, entry: &LedgerEntry) -> Option<usize> {
        self.listed.sources.iter().zip(&self.roots).find_map(|(source, (root, _))| {
            let path = entry.location.strip_prefix(root.as_str())?;
            self.places.get(&(source.store_url.as_str(), path)).copied()
        })
    }

    fn compare(&mut self, entry: LedgerEntry, plan: &mut Plan) {
        let Some(at) = self.find(&entry) else {
            if entry.gone || !self.listed.looked_for(&entry, &self.roots) {
                return;
            }
            if entry.reading.error.is_some() || self.listed.emptied.contains(&entry.location) {
                plan.dropped.push(entry);
            } else {
                plan.gone.entry(entry.place()).or_default().insert(entry.location, true);
            }
            return;
        };
        let object = &self.listed.objects[at].1;
        let found = &mut self.matches[at];
        let is_known =
            entry.is_of(object) && entry.reading.error.is_none() && !self.listed.rescans(entry.day);
        if is_known && found.known.is_none() {
            found.known = Some(entry.day);
            plan.known += 1;
            plan.known_bytes += entry.bytes;
            plan.known_records += entry.reading.records;
            if entry.gone {
                plan.gone.entry(entry.place()).or_default().insert(entry.location, false);
            }
        } else {
            found.before.push(entry);
        }
    }

    fn finish(self, plan: &mut Plan) {
        for (at, found) in self.matches.into_iter().enumerate() {
            if found.known.is_some() {
                // What a killed audit left of an object that moved to another day.
                plan.dropped.extend(found.before);
                continue;
            }
            plan.bytes += self.listed.objects[at].1.size;
            plan.objects.push(Pending { at, before: found.before });
        }
        plan.objects.sort_by(|a, b| self.listed.order(a.at, b.at));
    }
}
