//! One object's bytes, all of them and no more than allowed.

use bytes::Bytes;
use object_store::{GetOptions, ObjectMeta, ObjectStore};

use super::error::plain;
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

/// Reads one object whole. An object listed with more than `max_bytes` is not asked for, and one
/// that is no longer as listed is not read, so no more than that is ever held.
///
/// # Errors
/// Everything that keeps the bytes from being the listed object's bytes; the message names the
/// object and holds nothing of its content.
pub async fn get(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    max_bytes: u64,
) -> Result<Bytes, FetchError> {
    let name = || object.location.to_string();
    if object.size > max_bytes {
        return Err(FetchError::TooLarge { object: name(), size: object.size, limit: max_bytes });
    }
    let answer = store
        .get_opts(&object.location, GetOptions::new())
        .await
        .map_err(|error| FetchError::of(name(), &error))?;
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
    answer.bytes().await.map_err(|error| FetchError::of(name(), &error))
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
