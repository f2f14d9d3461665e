//! Faults that the test server injects, and the count of requests it served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, s3_error};
use tokio::sync::Notify;

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// 403 AccessDenied.
    Denied,
    /// 404 NoSuchKey.
    Missing,
    /// 503 SlowDown.
    SlowDown,
    /// 500 InternalError.
    Internal,
    /// 400 ExpiredToken.
    Expired,
    /// The connection is reset instead of an answer.
    Reset,
    /// The request is carried out, and 500 is the answer.
    Lost,
    /// 301 PermanentRedirect to this region.
    Redirect(&'static str),
    /// The connection breaks after this many bytes of the body.
    Truncate(usize),
    /// The body stops moving after this many bytes, and the connection stays.
    Stall(usize),
    /// The answer is late.
    Delay(Duration),
}

/// One thing that goes wrong with some requests.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// S3 operation, such as `GetObject`; `*` is any.
    pub(crate) operation: &'static str,
    /// Part of the key or prefix; empty is any.
    pub(crate) key: String,
    /// What goes wrong.
    pub(crate) kind: Kind,
    /// How many requests it still hits.
    pub(crate) times: u32,
}

/// Faults waiting to hit, and requests counted by operation.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    faults: Mutex<Vec<Fault>>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
}

impl Traffic {
    pub(crate) fn add(&self, fault: Fault) {
        self.faults.lock().unwrap().push(fault);
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    pub(crate) fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn forget_requests(&self) {
        self.requests.lock().unwrap().clear();
    }

    /// Counts a request and takes the first fault that fits it.
    fn take(&self, operation: &'static str, key: &str) -> Option<Kind> {
        *self.requests.lock().unwrap().entry(operation).or_default() += 1;
        let mut faults = self.faults.lock().unwrap();
        let fault = faults.iter_mut().find(|f| {
            f.times > 0 && (f.operation == "*" || f.operation == operation) && key.contains(&f.key)
        })?;
        fault.times -= 1;
        Some(fault.kind.clone())
    }

    /// Lets a request in, or fails it; returns the fault that its body is to suffer.
    pub(crate) async fn enter(&self, operation: &'static str, key: &str) -> S3Result<Option<Kind>> {
        match self.take(operation, key) {
            Some(Kind::Denied) => Err(s3_error!(AccessDenied, "Access Denied")),
            Some(Kind::Missing) => Err(s3_error!(NoSuchKey, "The key does not exist.")),
            Some(Kind::SlowDown) => Err(s3_error!(SlowDown, "Please reduce your request rate.")),
            Some(Kind::Internal) => {
                Err(s3_error!(InternalError, "We encountered an internal error."))
            }
            Some(Kind::Expired) => Err(s3_error!(ExpiredToken, "The provided token has expired.")),
            Some(Kind::Reset) => {
                CONNECTION.with(|connection| connection.notify_one());
                std::future::pending().await
            }
            Some(Kind::Redirect(region)) => Err(redirect(region)),
            Some(Kind::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(None)
            }
            body => Ok(body),
        }
    }
}

/// The answer to a request that was carried out: as it is, or lost.
pub(crate) fn answered<T>(fault: Option<Kind>, answer: S3Result<T>) -> S3Result<T> {
    match (fault, answer) {
        (Some(Kind::Lost), Ok(_)) => Err(s3_error!(InternalError, "The answer was lost.")),
        (_, answer) => answer,
    }
}

tokio::task_local! {
    /// Breaks the connection that a request came by.
    pub(crate) static CONNECTION: Arc<Notify>;
}

fn redirect(region: &str) -> S3Error {
    let mut error = s3_error!(
        PermanentRedirect,
        "The bucket you are attempting to access must be addressed using the specified endpoint."
    );
    let header = ("x-amz-bucket-region".parse().unwrap(), region.parse().unwrap());
    error.set_headers([header].into_iter().collect());
    error
}

/// Replaces a body by its beginning and what happens then.
pub(crate) fn spoil(body: StreamingBlob, kind: &Kind) -> StreamingBlob {
    let (keep, stall) = match kind {
        Kind::Truncate(keep) => (*keep, false),
        Kind::Stall(keep) => (*keep, true),
        _ => return body,
    };
    let pieces = stream::unfold((body, keep), move |(mut body, left)| async move {
        if left == 0 {
            if stall {
                std::future::pending::<()>().await;
            }
            // Without a pause the client may see the broken connection before the headers.
            tokio::time::sleep(Duration::from_millis(30)).await;
            return Some((Err(std::io::Error::other("cut by the fault layer")), (body, 0)));
        }
        let bytes: Bytes = body.next().await?.ok()?;
        let bytes = bytes.slice(..bytes.len().min(left));
        let left = left - bytes.len();
        Some((Ok(bytes), (body, left)))
    });
    StreamingBlob::wrap(pieces)
}
