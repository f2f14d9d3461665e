//! The index: of what each file of the dataset was made, so that a run sees what is stale without reading it.
//!
//! It is written last and is never needed: without it, or with an old one, state files are read and tables
//! made again. It is believed only where a file still has the version that it tells of.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash64;

use super::dataset::{Before, Dataset, DatasetError, Version};
use super::ledger::LedgerEntry;
use super::segment::Segment;
use super::state::StateFile;
use crate::failpoint;
use crate::schema;
use crate::units::Day;

/// Its name in the state folder. It is JSON and is not called so: a dataset may lie within a folder of logs.
const FILE: &str = "index";

/// Bytes of a state file after which its day goes on in another one. A commit writes the open one anew, for some
/// megabytes that a slice adds.
const SEGMENT_BYTES: usize = 32 << 20;

/// What a dataset consists of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Index {
    /// Version of the state.
    pub state_version: u32,
    /// Version of the tables.
    pub schema_version: String,
    /// State files by segment.
    pub state: BTreeMap<Segment, Summary>,
    /// Table files by name below the dataset.
    pub tables: BTreeMap<String, Made>,
    /// Whether there was none before.
    #[serde(skip)]
    pub is_new: bool,
}

/// One state file in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which content this is of.
    pub version: Version,
    /// Options that the facts were read with.
    pub options: String,
    /// Digest of the rows with requests that count on each record day (days since the epoch); empty where
    /// all count elsewhere.
    pub days: BTreeMap<i32, String>,
    /// Digest of all rows.
    pub objects: String,
    /// Whether any record or object was rejected.
    pub rejects: bool,
    /// Whether any object's key follows no layout, so that a later change can bring it to another day.
    pub loose: bool,
    /// The newest day with records, days since the epoch.
    pub newest: Option<i32>,
}

/// The state of one object day in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectDay {
    /// Which one.
    pub day: Day,
    /// Digest of all rows.
    pub digest: String,
    /// Whether any record or object was rejected.
    pub rejects: bool,
    /// Its segments.
    pub files: Vec<StateFile>,
}

/// One table file in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Which content this is of.
    pub version: Version,
    /// Digest of what it was made of.
    pub digest: String,
}

impl Summary {
    /// The file that this is the summary of.
    pub fn file(&self, segment: Segment) -> StateFile {
        StateFile { segment, bytes: self.version.size }
    }

    /// What the entries of one segment amount to.
    pub fn of(version: Version, options: String, entries: &[LedgerEntry]) -> Self {
        let mut sorted: Vec<&LedgerEntry> = entries.iter().collect();
        sorted.sort_by_key(|entry| entry.order());
        let mut days: BTreeMap<i32, Option<XxHash64>> = BTreeMap::new();
        let mut objects = XxHash64::with_seed(0);
        for entry in sorted {
            digest(&mut objects, entry);
            objects.write(&[u8::from(entry.gone)]);
            for (day, requests) in &entry.days {
                let of_day = days.entry(day.0).or_default();
                if *requests > 0 {
                    digest(of_day.get_or_insert_with(|| XxHash64::with_seed(0)), entry);
                }
            }
        }
        Self {
            version,
            options,
            days: days
                .into_iter()
                .map(|(day, of)| (day, of.as_ref().map_or_else(String::new, text)))
                .collect(),
            objects: text(&objects),
            rejects: entries.iter().any(|entry| entry.reading.rejected > 0),
            loose: entries.iter().any(|entry| entry.hour.is_none()),
            newest: entries.iter().filter_map(newest).max().map(|day| day.0),
        }
    }
}

/// The last day of an object's records, no later than its delivery where the key tells that: a clock that
/// runs ahead must not move the window.
fn newest(entry: &LedgerEntry) -> Option<Day> {
    let (_, last) = entry.span()?;
    Some(if entry.hour.is_some() { last.min(entry.day) } else { last })
}

fn digest(hasher: &mut XxHash64, entry: &LedgerEntry) {
    hasher.write(entry.location.as_bytes());
    hasher.write(&[0]);
    hasher.write(&entry.revision.to_le_bytes());
}

fn text(hasher: &XxHash64) -> String {
    format!("{:016x}", hasher.finish())
}

impl Index {
    /// The index of a dataset as far as it is true: summaries of state files that changed since it was
    /// written are made again from the files, and what tells of an older schema is forgotten.
    ///
    /// # Errors
    /// A file cannot be read, or a newer version wrote it.
    pub async fn load(dataset: &Dataset) -> Result<Self, DatasetError> {
        let path = dataset.state_path(FILE);
        let found = dataset.get(&path).await?;
        let is_new = found.is_none();
        // A damaged index is no index.
        let read = |(bytes, _): (bytes::Bytes, Version)| serde_json::from_slice(&bytes).ok();
        let written: Self = found.and_then(read).unwrap_or_default();
        let newer = |what, found: &str, known: &str| DatasetError::Newer {
            name: dataset.source().locate(&path),
            what,
            found: found.to_owned(),
            known: known.to_owned(),
        };
        if written.state_version > schema::state::VERSION {
            let (found, known) = (written.state_version, schema::state::VERSION);
            return Err(newer("state version", &found.to_string(), &known.to_string()));
        }
        if number(&written.schema_version) > number(schema::VERSION) {
            return Err(newer("schema version", &written.schema_version, schema::VERSION));
        }
        let same_state = written.state_version == schema::state::VERSION;
        let same_tables = written.schema_version == schema::VERSION;
        let mut index = Self {
            state_version: schema::state::VERSION,
            schema_version: schema::VERSION.to_owned(),
            state: BTreeMap::new(),
            tables: if same_tables { written.tables } else { BTreeMap::new() },
            is_new,
        };
        for (name, version) in dataset.state_files().await? {
            let Some(segment) = segment_of(&name) else { continue };
            let known = written.state.get(&segment).filter(|s| same_state && s.version == version);
            let summary = match known {
                Some(summary) => summary.clone(),
                None => {
                    let file = StateFile { segment, bytes: version.size };
                    let (entries, options) = dataset.ledger(file).await?;
                    Summary::of(version, options, &entries)
                }
            };
            index.state.insert(segment, summary);
        }
        Ok(index)
    }

    /// Removes all state: what was read before is forgotten. Tables stay until others take their place.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn forget(&mut self, dataset: &Dataset) -> Result<(), DatasetError> {
        while let Some((segment, _)) = self.state.first_key_value() {
            let segment = *segment;
            dataset.remove(&dataset.segment_path(segment)).await?;
            self.state.remove(&segment);
        }
        Ok(())
    }

    /// Writes it, after everything that it tells of.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn save(&self, dataset: &Dataset) -> Result<(), DatasetError> {
        let path = dataset.state_path(FILE);
        let text = serde_json::to_vec(self).map_err(|error| dataset.damaged(&path, &error))?;
        dataset.put(&path, text.into(), Before::Any).await?;
        failpoint::point("index-written");
        Ok(())
    }

    /// The record days that any object touches, each with a digest of all rows that do.
    pub fn record_days(&self) -> BTreeMap<Day, String> {
        let mut days: BTreeMap<Day, XxHash64> = BTreeMap::new();
        for (segment, summary) in &self.state {
            for (day, digest) in summary.days.iter().filter(|(_, digest)| !digest.is_empty()) {
                let hasher = days.entry(Day(*day)).or_insert_with(|| XxHash64::with_seed(0));
                hasher.write(&segment.day.0.to_le_bytes());
                hasher.write(&segment.number.to_le_bytes());
                hasher.write(digest.as_bytes());
            }
        }
        days.into_iter().map(|(day, hasher)| (day, text(&hasher))).collect()
    }

    /// The state files that touch any of the record days `of`, in order, each with those days that no later one
    /// touches.
    pub fn completing(&self, of: &BTreeSet<Day>) -> Vec<(StateFile, Vec<Day>)> {
        let mut last: BTreeMap<Day, Segment> = BTreeMap::new();
        for (segment, summary) in &self.state {
            let days = summary.days.keys().map(|day| Day(*day)).filter(|day| of.contains(day));
            last.extend(days.map(|day| (day, *segment)));
        }
        let complete = |file: StateFile| {
            let days = last.iter().filter(|(_, last)| **last == file.segment);
            (file, days.map(|(day, _)| *day).collect())
        };
        self.touching(of).into_iter().map(complete).collect()
    }

    /// The state files that touch any of the record days `of`.
    pub fn touching(&self, of: &BTreeSet<Day>) -> Vec<StateFile> {
        let touches = |summary: &Summary| summary.days.keys().any(|day| of.contains(&Day(*day)));
        let touching = self.state.iter().filter(|(_, summary)| touches(summary));
        touching.map(|(segment, summary)| summary.file(*segment)).collect()
    }

    /// The object days in order.
    pub fn object_days(&self) -> Vec<ObjectDay> {
        let segments: Vec<(&Segment, &Summary)> = self.state.iter().collect();
        let days = segments.chunk_by(|(a, _), (b, _)| a.day == b.day);
        let of_day = |segments: &[(&Segment, &Summary)]| {
            let mut digest = XxHash64::with_seed(0);
            for (segment, summary) in segments {
                digest.write(&segment.number.to_le_bytes());
                digest.write(summary.objects.as_bytes());
            }
            ObjectDay {
                day: segments[0].0.day,
                digest: text(&digest),
                rejects: segments.iter().any(|(_, summary)| summary.rejects),
                files: segments.iter().map(|(segment, of)| of.file(**segment)).collect(),
            }
        };
        days.map(of_day).collect()
    }

    /// The segment that takes new rows of an object day: its last one, or the next where that is full.
    pub fn open_segment(&self, day: Day) -> Segment {
        let full = failpoint::bytes("HALFRATE_SEGMENT_BYTES", SEGMENT_BYTES) as u64;
        match self.state.range(Segment::all_of(day)).next_back() {
            None => Segment::first(day),
            Some((last, summary)) if summary.version.size < full => *last,
            Some((last, _)) => last.next(),
        }
    }
}

fn number(version: &str) -> u32 {
    version.parse().unwrap_or(0)
}

/// The segment of a state file's name.
fn segment_of(name: &str) -> Option<Segment> {
    name.strip_suffix(".parquet")?.parse().ok()
}
