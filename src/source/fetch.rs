//! One object's bytes, all of them and no more than allowed.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use object_store::{GetOptions, ObjectMeta, ObjectStore};

use super::ahead::Ahead;
use super::buffers::Buffers;
use super::error::plain;
use super::local::MayWait;
use super::retry::Deadline;
use super::s3::{Failure, FailureKind};

/// Why an object's bytes could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It was listed and is no longer there.
    #[error("{object}: gone since it was listed")]
    Vanished {
        /// Path in the store.
        object: String,
    },
    /// It was rewritten since it was listed, or while it was being read.
    #[error("{object}: rewritten since it was listed")]
    Changed {
        /// Path in the store.
        object: String,
    },
    /// The identity may list it but not read it, or is no longer valid.
    #[error("{object}: {message}")]
    Denied {
        /// Path in the store.
        object: String,
        /// What is wrong and how to put it right.
        message: String,
    },
    /// It is larger than `limits.max_object_bytes`.
    #[error("{object}: {size} bytes, over the limit of {limit} (limits.max_object_bytes)")]
    TooLarge {
        /// Path in the store.
        object: String,
        /// Bytes of the object.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The time for the whole run was over before its last byte.
    #[error("{object}: not read, the deadline has passed; the next audit reads it")]
    Deadline {
        /// Path in the store.
        object: String,
    },
    /// Its bytes came too slowly, retries included.
    #[error("{object}: not read within {seconds} s (retry.object_seconds)")]
    TooSlow {
        /// Path in the store.
        object: String,
        /// Seconds allowed.
        seconds: u64,
    },
    /// The connection broke while reading, more often than is tried.
    #[error("{object}: {message}")]
    CutShort {
        /// Path in the store.
        object: String,
        /// How far it came.
        message: String,
    },
    /// Anything else.
    #[error("{object}: {message}")]
    Other {
        /// Path in the store.
        object: String,
        /// What the store said.
        message: String,
    },
}

/// What one read may cost.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Largest object in bytes (`limits.max_object_bytes`).
    pub bytes: u64,
    /// Time for the object from the first request to the last byte (`retry.object_seconds`).
    pub time: Duration,
    /// When the whole run stops reading.
    pub deadline: Deadline,
}

/// Reads one object whole, into one of the buffers. An object listed with more bytes than allowed is not asked for, and one
/// that is no longer as listed is not read, so no more than that is ever held.
///
/// # Errors
/// Everything that keeps the bytes from being the listed object's bytes; the message names the
/// object and holds nothing of its content.
pub async fn get(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    allowed: Allowance,
    buffers: &Buffers,
) -> Result<Bytes, FetchError> {
    let name = || object.location.to_string();
    let time = allowed.time_for(object)?;
    match tokio::time::timeout(time, read(store, object, GetOptions::new(), buffers)).await {
        Ok(read) => read,
        Err(_) if allowed.deadline.is_over() => Err(FetchError::Deadline { object: name() }),
        Err(_) => {
            let seconds = allowed.time.as_secs();
            Err(FetchError::TooSlow { object: name(), seconds })
        }
    }
}

/// The same where the store is the disk, on this thread: it waits for the disk, and the bytes are in its core's
/// cache afterwards. How long it takes is noted for [`Ahead::announce`], and not bounded.
///
/// # Errors
/// As [`get`]; also a store that does not answer at once.
pub fn get_here(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    allowed: Allowance,
    buffers: &Buffers,
    ahead: &Ahead,
) -> Result<Bytes, FetchError> {
    allowed.time_for(object)?;
    let begun = Instant::now();
    let mut options = GetOptions::new();
    options.extensions.insert(MayWait);
    let got = read(store, object, options, buffers).now_or_never().unwrap_or_else(|| {
        let message = "its store is not the disk".to_owned();
        Err(FetchError::Other { object: object.location.to_string(), message })
    });
    ahead.took(got.as_ref().map_or(0, Bytes::len), begun.elapsed());
    got
}

impl Allowance {
    /// The time that there is for an object that may be read.
    fn time_for(&self, object: &ObjectMeta) -> Result<Duration, FetchError> {
        let name = || object.location.to_string();
        if object.size > self.bytes {
            let (size, limit) = (object.size, self.bytes);
            return Err(FetchError::TooLarge { object: name(), size, limit });
        }
        let left = self.deadline.left();
        if left.is_some_and(|left| left.is_zero()) {
            return Err(FetchError::Deadline { object: name() });
        }
        Ok(left.unwrap_or(Duration::MAX).min(self.time))
    }
}

async fn read(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    mut options: GetOptions,
    buffers: &Buffers,
) -> Result<Bytes, FetchError> {
    let name = || object.location.to_string();
    let failed = |error: object_store::Error| FetchError::of(name(), &error);
    options.extensions.insert(buffers.clone());
    let answer = store.get_opts(&object.location, options).await.map_err(failed)?;
    // Compared here and not asked of the store with If-Match, which not every S3-compatible store
    // heeds.
    if let (Some(listed), Some(read)) = (&object.e_tag, &answer.meta.e_tag)
        && bare(listed) != bare(read)
    {
        return Err(FetchError::Changed { object: name() });
    }
    if answer.meta.size != object.size {
        return Err(FetchError::Changed { object: name() });
    }
    let mut pieces = answer.into_stream();
    let first = pieces.try_next().await.map_err(failed)?.unwrap_or_default();
    if first.len() as u64 == object.size {
        return Ok(first);
    }
    // Gathered here and not by `GetResult::bytes`, whose buffer is a new one each time.
    let room = usize::try_from(object.size).unwrap_or(usize::MAX);
    let mut bytes = buffers.take(room).map_err(|_| FetchError::Other {
        object: name(),
        message: format!("no memory for its {} bytes", object.size),
    })?;
    bytes.extend_from_slice(&first);
    while let Some(piece) = pieces.try_next().await.map_err(failed)? {
        bytes.extend_from_slice(&piece);
    }
    Ok(buffers.lend(bytes))
}

/// An ETag without quotes: some stores quote it in one answer and not in the other.
fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

impl FetchError {
    fn of(object: String, error: &object_store::Error) -> Self {
        use object_store::Error;
        let message = Failure::of(error).map_or_else(|| plain(error), Failure::reason);
        match error {
            Error::NotFound { .. } => Self::Vanished { object },
            Error::Precondition { .. } => Self::Changed { object },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Denied { object, message }
            }
            _ if Failure::of(error).is_some_and(|f| f.kind == FailureKind::CutShort) => {
                Self::CutShort { object, message }
            }
            _ => Self::Other { object, message },
        }
    }
}
