//! Reading one object, and going on where a body broke off.

use std::ops::Range;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::{ByteStream, DateTime as SdkTime};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, Result,
};

use super::S3Store;
use super::failure::{Failure, FailureKind, Operation, causes};
use super::pages::time;

impl S3Store {
    pub(super) async fn head(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let key = Self::key(location)?;
        let answer = self
            .reads
            .head_object()
            .bucket(&self.bucket)
            .key(&key)
            .set_if_match(options.if_match)
            .set_if_none_match(options.if_none_match)
            .set_if_modified_since(options.if_modified_since.map(sdk_time))
            .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
            .set_version_id(options.version)
            .send()
            .await
            .map_err(|e| Failure::from_sdk(self.call(Operation::Head, &key), &e))?;
        let size = answer.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::empty().boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: answer.last_modified().map(time).unwrap_or_default(),
                size,
                e_tag: answer.e_tag().map(str::to_owned),
                version: answer.version_id().map(str::to_owned),
            },
            range: 0..size,
            attributes: content_type(answer.content_type()),
        })
    }

    pub(super) async fn get(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let key = Self::key(location)?;
        let call = self.call(Operation::Get, &key);
        let ranged = options.range.is_some();
        let answer = self
            .reads
            .get_object()
            .bucket(&self.bucket)
            .key(&key)
            .set_range(options.range.as_ref().map(header))
            .set_if_match(options.if_match)
            .set_if_none_match(options.if_none_match)
            .set_if_modified_since(options.if_modified_since.map(sdk_time))
            .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
            .set_version_id(options.version)
            .send()
            .await
            .map_err(|e| Failure::from_sdk(call.clone(), &e))?;
        let sent = answer.content_range().and_then(extent);
        let length = answer.content_length().and_then(|n| u64::try_from(n).ok());
        let (range, size) = match (sent, ranged, length) {
            (Some(extent), _, _) => extent,
            (None, false, Some(length)) => (0..length, length),
            _ => {
                let message = "neither the range asked for nor a length".to_owned();
                return Err(Failure::told(call, FailureKind::Other, "bad answer", message));
            }
        };
        let body = Body {
            store: self.clone(),
            key,
            etag: answer.e_tag.clone(),
            version: answer.version_id.clone(),
            next: range.start,
            end: range.end,
            tries: 1,
            bytes: answer.body,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(body.into_stream()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: answer.last_modified.as_ref().map(time).unwrap_or_default(),
                size,
                e_tag: answer.e_tag,
                version: answer.version_id,
            },
            range,
            attributes: content_type(answer.content_type.as_deref()),
        })
    }
}

/// An object's bytes on their way.
struct Body {
    store: S3Store,
    key: String,
    /// What the first answer was of: what follows must be of the same.
    etag: Option<String>,
    version: Option<String>,
    /// Offset in the object of the next byte to give out; never beyond `end`.
    next: u64,
    end: u64,
    /// Requests sent for this body.
    tries: u32,
    bytes: ByteStream,
}

impl Body {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        stream::try_unfold(self, |mut body| async move {
            Ok(body.piece().await?.map(|bytes| (bytes, body)))
        })
        .boxed()
    }

    /// The next piece; `None` after the last byte.
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        while self.next < self.end {
            match self.bytes.next().await {
                Some(Ok(mut bytes)) => {
                    // A store that sends more than it announced is not believed further.
                    bytes.truncate(usize::try_from(self.end - self.next).unwrap_or(usize::MAX));
                    self.next += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Some(Err(error)) => self.resume(&causes(&error)).await?,
                None => self.resume("the connection ended").await?,
            }
        }
        Ok(None)
    }

    /// Asks for the rest. A stream that breaks at every try ends as cut short.
    async fn resume(&mut self, cause: &str) -> Result<()> {
        let call = self.store.call(Operation::Get, &self.key);
        if self.tries >= self.store.retry.attempts || self.etag.is_none() {
            let message = format!(
                "cut short after {} of {} bytes and {} tries: {cause}",
                self.next, self.end, self.tries
            );
            return Err(Failure::told(call, FailureKind::CutShort, "IncompleteBody", message));
        }
        tracing::debug!(key = ?self.key, at = self.next, tries = self.tries, cause, "body cut short");
        tokio::time::sleep(self.store.retry.wait(self.tries)).await;
        self.tries += 1;
        let answer = self
            .store
            .reads
            .get_object()
            .bucket(&self.store.bucket)
            .key(&self.key)
            .range(format!("bytes={}-{}", self.next, self.end - 1))
            .set_if_match(self.etag.clone())
            .set_version_id(self.version.clone())
            .send()
            .await
            .map_err(|e: SdkError<_, _>| Failure::from_sdk(call.clone(), &e))?;
        // Checked here as well: a store that ignores If-Match or Range would splice two objects.
        let same = answer.e_tag == self.etag
            && answer.content_range().and_then(extent).is_some_and(|(r, _)| r.start == self.next);
        if !same {
            let message = "rewritten while it was being read".to_owned();
            return Err(Failure::told(call, FailureKind::Precondition, "changed", message));
        }
        self.bytes = answer.body;
        Ok(())
    }
}

/// The Range header of a wish.
fn header(range: &GetRange) -> String {
    match range {
        GetRange::Bounded(range) => {
            format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
        }
        GetRange::Offset(start) => format!("bytes={start}-"),
        GetRange::Suffix(length) => format!("bytes=-{length}"),
    }
}

/// What a Content-Range header says: the bytes sent, and how many there are.
fn extent(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    Some((first..last.checked_add(1)?, size.parse().ok()?))
}

fn content_type(value: Option<&str>) -> Attributes {
    value.map(|v| (Attribute::ContentType, v.to_owned())).into_iter().collect()
}

fn sdk_time(time: DateTime<Utc>) -> SdkTime {
    SdkTime::from_secs(time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_headers_and_back() {
        assert_eq!(header(&GetRange::Bounded(0..10)), "bytes=0-9");
        assert_eq!(header(&GetRange::Suffix(4)), "bytes=-4");
        assert_eq!(extent("bytes 5-9/200"), Some((5..10, 200)));
        assert_eq!(extent("bytes */200"), None);
    }
}
