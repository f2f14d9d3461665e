//! Listings, a page at a time.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime as SdkTime;
use aws_sdk_s3::types::EncodingType;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::S3Store;
use super::failure::{Failure, FailureKind, Operation};
use crate::source::names::{encode_folder, encode_key, percent_decode};

/// Where a listing goes on.
enum Next {
    First,
    Token(String),
    Done,
}

impl S3Store {
    /// All keys below a prefix, from after a key on. The next page is asked for only when the last
    /// one is used up, so a reader that stops has not paid for it.
    pub(super) fn keys(
        &self,
        prefix: Option<&Path>,
        after: Option<String>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let pages = match Self::below(prefix) {
            Ok(below) => self.pages(below, None, after),
            Err(error) => stream::iter([Err(error)]).boxed(),
        };
        pages.map_ok(|page| stream::iter(page.objects.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// The objects and folders directly below a prefix.
    pub(super) async fn level(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut all = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut pages = self.pages(Self::below(prefix)?, Some("/"), None);
        while let Some(page) = pages.try_next().await? {
            all.common_prefixes.extend(page.common_prefixes);
            all.objects.extend(page.objects);
        }
        Ok(all)
    }

    fn pages(
        &self,
        below: String,
        delimiter: Option<&'static str>,
        after: Option<String>,
    ) -> BoxStream<'static, Result<ListResult>> {
        let state = (self.clone(), below, after, Next::First);
        stream::try_unfold(state, move |(store, below, after, next)| async move {
            let token = match next {
                Next::First => None,
                Next::Token(token) => Some(token),
                Next::Done => return Ok(None),
            };
            let call = store.call(Operation::List, &below);
            let answer = store
                .ask(&call, &mut store.tries(Operation::List), |clients| {
                    let request = clients.reads.list_objects_v2().bucket(&store.bucket);
                    request
                        .prefix(&below)
                        .set_delimiter(delimiter.map(str::to_owned))
                        .set_start_after(after.clone())
                        .set_continuation_token(token.clone())
                        // Without it a control character in a key makes the answer invalid XML.
                        .encoding_type(EncodingType::Url)
                        .send()
                })
                .await?;
            let next = match (answer.is_truncated(), answer.next_continuation_token()) {
                (Some(true), Some(token)) => Next::Token(token.to_owned()),
                (Some(true), None) => {
                    let message = "a page without the token of the next one".to_owned();
                    return Err(Failure::told(call, FailureKind::Other, "bad answer", message));
                }
                _ => Next::Done,
            };
            Ok(Some((page(&answer), (store, below, after, next))))
        })
        .boxed()
    }
}

fn page(answer: &ListObjectsV2Output) -> ListResult {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let path = |key: &str| match encoded {
        true => {
            // S3 encodes as in a form: a space is `+`, a plus is `%2B`.
            let mut bytes = Vec::with_capacity(key.len());
            percent_decode(key.replace('+', " ").as_bytes(), &mut bytes);
            bytes
        }
        false => key.as_bytes().to_vec(),
    };
    let objects = answer.contents().iter().filter_map(|object| {
        Some(ObjectMeta {
            location: encode_key(&path(object.key()?)),
            last_modified: object.last_modified().map(time).unwrap_or_default(),
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            e_tag: object.e_tag().map(str::to_owned),
            version: None,
        })
    });
    let folders = answer.common_prefixes().iter().filter_map(|folder| {
        let bytes = path(folder.prefix()?);
        Some(encode_folder(bytes.strip_suffix(b"/").unwrap_or(&bytes)))
    });
    ListResult { objects: objects.collect(), common_prefixes: folders.collect() }
}

/// The SDK's time as everyone else's.
pub(super) fn time(time: &SdkTime) -> DateTime<Utc> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos()).unwrap_or_default()
}
