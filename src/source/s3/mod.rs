//! An S3 bucket as an object store, over the AWS SDK.
//!
//! Paths are object keys as `names` writes them. Requests that fail are tried again here and not by
//! the SDK: it knows neither our limits nor a body that breaks off after its headers, stops trying
//! when many requests fail at once, and keeps credentials that the store no longer takes.

mod client;
mod failure;
mod pages;
mod read;
mod write;

pub(super) use failure::{Failure, FailureKind};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::names::decode_path;
use super::retry::{Deadline, Tries};
use client::{Clients, Connection};
use failure::{Again, Call, Operation};

/// Deletions in flight at once. They are few (replaced tables), so no batch request is worth its
/// limits.
const DELETES: usize = 10;

/// One S3 bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    bucket: String,
    connection: Arc<Connection>,
}

impl S3Store {
    /// What is being asked of which object: for messages.
    fn call(&self, operation: Operation, key: &str) -> Call {
        Call {
            operation,
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            login: self.connection.login.clone(),
            host: Arc::clone(&self.connection.clients().host),
        }
    }

    /// The tries of one request, or of one body.
    fn tries(&self, operation: Operation) -> Tries {
        let options = &self.connection.options;
        let deadline = match operation {
            Operation::List => options.list_until,
            _ => Deadline::default(),
        };
        Tries::new(options.retry, operation.stage(), options.retries.clone(), deadline)
    }

    /// Asks until there is an answer, or a refusal that will not pass, or all tries are used up.
    async fn ask<T, E, F>(
        &self,
        call: &Call,
        tries: &mut Tries,
        request: impl Fn(&Clients) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        loop {
            let clients = self.connection.clients();
            let failure = match request(&clients).await {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::from_sdk(call.clone(), &error),
            };
            let worth_it = match failure.again {
                Again::Never => false,
                Again::Later => true,
                Again::Renewed => self.connection.renew(&clients).await,
            };
            let cause = || failure.reason();
            if !worth_it || !tries.again(call.operation.name(), &call.key, &cause()).await {
                return Err(failure);
            }
        }
    }

    /// The object key of a path.
    fn key(path: &Path) -> Result<String> {
        String::from_utf8(decode_path(path))
            .map_err(|e| Error::Generic { store: failure::STORE, source: Box::new(e) })
    }

    /// The prefix of all keys below a path.
    fn below(prefix: Option<&Path>) -> Result<String> {
        match prefix {
            Some(prefix) if !prefix.is_root() => Ok(Self::key(prefix)? + "/"),
            _ => Ok(String::new()),
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.put(Self::key(location)?, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.start_upload(Self::key(location)?, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.head(location, options).await
        } else {
            self.get(location, options).await
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .map_ok(move |location| {
                let store = store.clone();
                async move { store.remove(&location).await.map(|()| location) }
            })
            .try_buffered(DELETES)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.keys(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match Self::key(offset) {
            Ok(after) => self.keys(prefix, Some(after)),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.level(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.copy(&Self::key(from)?, Self::key(to)?, &options).await
    }
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)
    }
}
