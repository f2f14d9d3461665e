//! Why a source could not be opened or listed, with the remedy.

use std::error::Error as _;

use super::s3::Failure;
use super::url::UrlError;

/// Why a source could not be opened or listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The name means nothing.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// No such folder or file.
    #[error("{name}: no such file or folder")]
    Missing {
        /// The source as named.
        name: String,
    },
    /// The folder is there and cannot be opened or made.
    #[error("{name}: {source}")]
    Local {
        /// The source as named.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The S3 client cannot be set up.
    #[error("{name}: {message}")]
    Store {
        /// The source as named.
        name: String,
        /// What is wrong and how to put it right.
        message: String,
    },
    /// The name cannot stand in a URL.
    #[error("{name}: cannot be written as a URL")]
    StoreUrl {
        /// The source as named.
        name: String,
    },
    /// The listing failed.
    #[error("{name}: cannot be listed: {message}")]
    List {
        /// The source as named.
        name: String,
        /// What is wrong and how to put it right.
        message: String,
        /// What the store said.
        cause: Box<object_store::Error>,
    },
}

impl SourceError {
    pub(super) fn local(name: &str, source: std::io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { name },
            _ => Self::Local { name, source },
        }
    }

    pub(super) fn list(name: &str, cause: object_store::Error) -> Self {
        Self::List { name: name.to_owned(), message: plain(&cause), cause: Box::new(cause) }
    }
}

/// What a store's error says without the wrapping: the S3 answer with its remedy, or the system's
/// words.
pub(super) fn plain(error: &object_store::Error) -> String {
    if let Some(failure) = Failure::of(error) {
        return failure.to_string();
    }
    match (error, error.source()) {
        (
            object_store::Error::NotFound { path, .. }
            | object_store::Error::PermissionDenied { path, .. },
            Some(source),
        ) => format!("{path}: {source}"),
        (_, Some(source)) => source.to_string(),
        (_, None) => error.to_string(),
    }
}
