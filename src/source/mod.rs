//! Where logs come from: a folder or an S3 prefix, listed by its key layout and read object by
//! object.
//!
//! Everything above this module sees one [`object_store::ObjectStore`] per source, whatever is
//! behind it. S3 is reached through the AWS SDK and not through object_store's own client, because
//! only the SDK knows profiles, single sign-on and credential processes: a user who is logged in is
//! logged in here.
//!
//! Invariant: object contents pass through as bytes and enter no message.

mod ahead;
mod buffers;
mod error;
mod fetch;
mod key;
mod list;
mod local;
mod names;
mod options;
mod retry;
mod s3;
mod selection;
mod url;
mod walk;

pub use ahead::Ahead;
pub use buffers::Buffers;
pub use error::SourceError;
pub use fetch::{Allowance, FetchError, get, get_here};
pub use key::{KeyClass, LogKey, classify};
pub use list::{Listing, LogObject, SkipReason};
pub use local::LocalStore;
pub use names::{decode_path, encode_key};
pub use options::S3Options;
pub use retry::{Deadline, Retries, Stage};
pub use s3::S3Store;
pub use selection::Selection;
pub use url::{SourceUrl, UrlError};
pub use walk::{Walk, list};

use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

/// A place that holds logs or tables, opened.
#[derive(Clone)]
pub struct Source {
    /// The source as the user named it.
    pub name: String,
    /// The name, understood.
    pub url: SourceUrl,
    /// The store that holds it: the whole bucket, or the whole disk.
    pub store: Arc<dyn ObjectStore>,
    /// The store's URL for DataFusion's registry: `s3://bucket` or `file:///`.
    pub store_url: ::url::Url,
    /// Where in the store the source lies; a folder, or one object.
    pub prefix: Path,
}

impl Source {
    /// Opens an existing folder, file, bucket or prefix for reading. S3 is not asked yet: whether
    /// the bucket is there and may be read shows at the first listing.
    ///
    /// # Errors
    /// A name that is neither a path nor an S3 URL, a folder that is not there, a bad endpoint.
    pub async fn open(name: &str, options: &S3Options) -> Result<Self, SourceError> {
        match SourceUrl::parse(name)? {
            SourceUrl::Local(path) => {
                let real = path.canonicalize().map_err(|e| SourceError::local(name, e))?;
                Self::local(name, path, &real)
            }
            url @ SourceUrl::S3 { .. } => Self::s3(name, url, options).await,
        }
    }

    /// Opens a folder or prefix for writing; a missing folder is made.
    ///
    /// # Errors
    /// As [`Source::open`], or the folder cannot be made.
    pub async fn create(name: &str, options: &S3Options) -> Result<Self, SourceError> {
        if let SourceUrl::Local(path) = SourceUrl::parse(name)? {
            std::fs::create_dir_all(&path).map_err(|e| SourceError::local(name, e))?;
        }
        Self::open(name, options).await
    }

    fn local(
        name: &str,
        path: std::path::PathBuf,
        real: &std::path::Path,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            name: name.to_owned(),
            url: SourceUrl::Local(path),
            store: Arc::new(LocalStore::new()),
            store_url: ::url::Url::parse("file:///")
                .map_err(|_| SourceError::StoreUrl { name: name.to_owned() })?,
            prefix: LocalStore::location(real),
        })
    }

    async fn s3(name: &str, url: SourceUrl, options: &S3Options) -> Result<Self, SourceError> {
        let SourceUrl::S3 { bucket, key } = &url else {
            return Err(SourceError::StoreUrl { name: name.to_owned() });
        };
        let store = S3Store::connect(bucket, options)
            .await
            .map_err(|e| SourceError::Store { name: name.to_owned(), message: e.to_string() })?;
        Ok(Self {
            name: name.to_owned(),
            store: Arc::new(store),
            store_url: ::url::Url::parse(&format!("s3://{bucket}"))
                .map_err(|_| SourceError::StoreUrl { name: name.to_owned() })?,
            prefix: encode_key(key.trim_end_matches('/').as_bytes()),
            url,
        })
    }

    /// The full name of an object in this source's store: `s3://bucket/key` or `/folder/file`.
    pub fn locate(&self, path: &Path) -> String {
        match &self.url {
            SourceUrl::S3 { bucket, .. } => format!("s3://{bucket}/{path}"),
            SourceUrl::Local(_) => format!("/{path}"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} = {}{})", self.name, self.store_url, self.prefix)
    }
}
