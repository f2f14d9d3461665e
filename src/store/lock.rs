//! The lock: one audit at a time writes a dataset.
//!
//! On disk it is the operating system's lock on a file, which ends with the process whatever ends it. S3 has
//! no such thing: there it is an object, made only where there is none, that says until when it holds. Its
//! owner renews it; when that time has passed, or the owner was a process of this machine that is no more,
//! the next one takes it over. A state file replaced by an owner that was overtaken is refused by its
//! version, so that even then nothing is counted twice.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path as FsPath;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::dataset::{Before, Dataset, DatasetError, Version};
use crate::source::LocalStore;

/// The lock's name in the state folder.
const FILE: &str = "lock";

/// Renewals within the time that a lock holds: two may fail before it ends.
const RENEWALS: u32 = 3;

/// Tries to take a lock that is released or replaced in the same moment.
const TRIES: u32 = 4;

/// The lock could not be taken or was lost.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error(
        "another audit writes {name}: process {} on {}, since {}{}; wait for it, or use another --out",
        owner.pid, owner.host, moment(owner.since), until(owner)
    )]
    Held {
        /// The dataset.
        name: String,
        /// Who has it.
        owner: Box<Owner>,
    },
    /// It ended or was taken over while the audit ran.
    #[error("the lock on {name} was lost: it was not renewed in time; run the audit again")]
    Lost {
        /// The dataset.
        name: String,
    },
    /// The lock file cannot be made or read.
    #[error("cannot lock {name}: {source}")]
    Disk {
        /// The dataset.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store refuses.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

/// Who has a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Name of the machine.
    pub host: String,
    /// Process id there.
    pub pid: u32,
    /// Seconds since the epoch when it was taken.
    pub since: u64,
    /// Seconds since the epoch when it ends unless renewed; none where the system keeps it.
    pub expires: Option<u64>,
    /// Tells two runs with the same process id apart.
    pub run: u64,
}

impl Owner {
    fn new(hold: Option<Duration>, run: u64) -> Self {
        let now = now();
        let expires = hold.map(|hold| now + hold.as_secs().max(1));
        Self { host: host(), pid: std::process::id(), since: now, expires, run }
    }

    /// Whether the owner cannot be at work any more.
    fn is_over(&self, run: u64) -> bool {
        let ended = self.expires.is_none_or(|expires| expires <= now());
        // The same process id with another run is an earlier process of that number, as in a container.
        let died = self.host == host()
            && self.run != run
            && (self.pid == std::process::id() || !is_alive(self.pid));
        ended || died
    }
}

/// The right to write a dataset, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    name: String,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// Closing the file ends it.
    Disk {
        _file: File,
    },
    Remote {
        dataset: Box<Dataset>,
        renewing: JoinHandle<()>,
        lost: Arc<AtomicBool>,
    },
}

impl Lock {
    /// Takes the lock of `dataset`. `hold` is how long one on S3 holds without being renewed; `run` is a
    /// number that no other run has.
    ///
    /// # Errors
    /// Somebody else has it, or the store refuses.
    pub async fn take(dataset: &Dataset, hold: Duration, run: u64) -> Result<Self, LockError> {
        let name = dataset.source().name.clone();
        let held = if dataset.is_local() {
            let file = LocalStore::file(&dataset.state_path(FILE));
            Held::Disk { _file: disk(&name, &file, run)? }
        } else {
            remote(dataset, &name, hold, run).await?
        };
        crate::failpoint::point("locked");
        Ok(Self { name, held })
    }

    /// Whether it is still held: asked before every act that counts.
    ///
    /// # Errors
    /// It was lost.
    pub fn check(&self) -> Result<(), LockError> {
        match &self.held {
            Held::Remote { lost, .. } if lost.load(Ordering::SeqCst) => {
                Err(LockError::Lost { name: self.name.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Gives it back. One on S3 that is only dropped ends by its time.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn release(self) -> Result<(), LockError> {
        if let Held::Remote { dataset, renewing, lost } = self.held {
            renewing.abort();
            if !lost.load(Ordering::SeqCst) {
                dataset.remove(&dataset.state_path(FILE)).await?;
            }
        }
        Ok(())
    }
}

fn disk(name: &str, path: &FsPath, run: u64) -> Result<File, LockError> {
    let failed = |source| LockError::Disk { name: name.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let options = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // The owner may not have written its name yet.
            let _ = file.read_to_string(&mut text);
            let owner = Box::new(serde_json::from_str(&text).unwrap_or_default());
            return Err(LockError::Held { name: name.to_owned(), owner });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let text = serde_json::to_vec(&Owner::new(None, run)).unwrap_or_default();
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    Ok(file)
}

async fn remote(
    dataset: &Dataset,
    name: &str,
    hold: Duration,
    run: u64,
) -> Result<Held, LockError> {
    let path = dataset.state_path(FILE);
    let mut tries = 0;
    let version = loop {
        let found = dataset.get(&path).await?;
        let before = match found {
            None => Before::Missing,
            Some((bytes, version)) => {
                let owner: Owner = serde_json::from_slice(&bytes).unwrap_or_default();
                if !owner.is_over(run) {
                    return Err(LockError::Held { name: name.to_owned(), owner: Box::new(owner) });
                }
                Before::Is(version)
            }
        };
        match write(dataset, hold, run, before).await {
            Ok(version) => break version,
            // Somebody was faster: see who.
            Err(DatasetError::Overtaken { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    };
    // A store that ignores conditions lets two through; only one of them finds its own number there.
    match dataset.get(&path).await? {
        Some((bytes, _)) => {
            let owner: Owner = serde_json::from_slice(&bytes).unwrap_or_default();
            if owner.run != run {
                return Err(LockError::Held { name: name.to_owned(), owner: Box::new(owner) });
            }
        }
        None => return Err(LockError::Lost { name: name.to_owned() }),
    }
    let lost = Arc::new(AtomicBool::new(false));
    let renewing = tokio::spawn(renew(dataset.clone(), hold, run, version, Arc::clone(&lost)));
    Ok(Held::Remote { dataset: Box::new(dataset.clone()), renewing, lost })
}

async fn write(
    dataset: &Dataset,
    hold: Duration,
    run: u64,
    before: Before,
) -> Result<Version, DatasetError> {
    let text = serde_json::to_vec(&Owner::new(Some(hold), run)).unwrap_or_default();
    dataset.put(&dataset.state_path(FILE), text.into(), before).await
}

/// Renews the lock until told to stop; when its time passes without success, it is lost.
async fn renew(
    dataset: Dataset,
    hold: Duration,
    run: u64,
    mut version: Version,
    lost: Arc<AtomicBool>,
) {
    let mut renewed = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(hold / RENEWALS).await;
        match write(&dataset, hold, run, Before::Is(version.clone())).await {
            Ok(new) => (version, renewed) = (new, tokio::time::Instant::now()),
            Err(DatasetError::Overtaken { .. }) => break,
            Err(_) if renewed.elapsed() < hold => {}
            Err(_) => break,
        }
    }
    lost.store(true, Ordering::SeqCst);
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// This machine's name, as its kernel or its shell tells it.
fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this machine".to_owned() } else { name.to_owned() }
}

/// Whether a process of this machine is at work. Where that cannot be told it is.
fn is_alive(pid: u32) -> bool {
    let processes = FsPath::new("/proc/self");
    !processes.exists() || FsPath::new(&format!("/proc/{pid}")).exists()
}

fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| DateTime::from_timestamp(s, 0));
    time.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn until(owner: &Owner) -> String {
    owner.expires.map_or_else(String::new, |at| format!(", until {} unless renewed", moment(at)))
}
