//! Reading one object, and going on where a body broke off.

use std::ops::Range;

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
use crate::source::retry::Tries;

impl S3Store {
    pub(super) async fn head(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let key = Self::key(location)?;
        let call = self.call(Operation::Head, &key);
        let answer = self
            .ask(&call, &mut self.tries(Operation::Head), |clients| {
                let request = clients.reads.head_object().bucket(&self.bucket).key(&key);
                request
                    .set_if_match(options.if_match.clone())
                    .set_if_none_match(options.if_none_match.clone())
                    .set_if_modified_since(options.if_modified_since.map(sdk_time))
                    .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
                    .set_version_id(options.version.clone())
                    .send()
            })
            .await?;
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
        let mut tries = self.tries(Operation::Get);
        let answer = self
            .ask(&call, &mut tries, |clients| {
                let request = clients.reads.get_object().bucket(&self.bucket).key(&key);
                request
                    .set_range(options.range.as_ref().map(header))
                    .set_if_match(options.if_match.clone())
                    .set_if_none_match(options.if_none_match.clone())
                    .set_if_modified_since(options.if_modified_since.map(sdk_time))
                    .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
                    .set_version_id(options.version.clone())
                    .send()
            })
            .await?;
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
            size,
            etag: answer.e_tag.clone(),
            modified: answer.last_modified,
            version: answer.version_id.clone(),
            next: range.start,
            end: range.end,
            tries,
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
    /// What the first answer was of: what follows must be of the same. Stores without ETags are held
    /// to size and time.
    size: u64,
    etag: Option<String>,
    modified: Option<SdkTime>,
    version: Option<String>,
    /// Offset in the object of the next byte to give out; never beyond `end`.
    next: u64,
    end: u64,
    tries: Tries,
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
        let told = format!("cut short at byte {} of {}: {cause}", self.next, self.end);
        if !self.tries.again(call.operation.name(), &self.key, &told).await {
            let message = format!(
                "cut short after {} of {} bytes and {} tries: {cause}",
                self.next, self.end, self.tries.made
            );
            return Err(Failure::told(call, FailureKind::CutShort, "IncompleteBody", message));
        }
        let (next, last) = (self.next, self.end - 1);
        let (store, key) = (&self.store, &self.key);
        let answer = store
            .ask(&call, &mut self.tries, |clients| {
                let request = clients.reads.get_object().bucket(&store.bucket).key(key);
                request
                    .range(format!("bytes={next}-{last}"))
                    .set_if_match(self.etag.clone())
                    .set_version_id(self.version.clone())
                    .send()
            })
            .await?;
        // Checked here as well: a store that ignores If-Match or Range would splice two objects.
        let same = answer.e_tag == self.etag
            && (answer.e_tag.is_some() || answer.last_modified == self.modified)
            && answer
                .content_range()
                .and_then(extent)
                .is_some_and(|(range, size)| range.start == self.next && size == self.size);
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
