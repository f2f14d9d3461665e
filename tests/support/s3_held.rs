//! Objects in memory, for keys that no folder can hold and for more keys than are quick to write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use s3s::dto::*;
use s3s::{Body, S3Result, s3_error};

/// Objects by bucket and key.
#[derive(Default)]
pub(crate) struct Held(Mutex<BTreeMap<(String, String), Bytes>>);

impl Held {
    pub(crate) fn put(&self, bucket: &str, key: &str, content: Bytes) {
        self.0.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), content);
    }

    /// The content of an object.
    pub(crate) fn content(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.0.lock().unwrap().get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// Objects with their sizes, and common prefixes with none, whose keys begin with `prefix`.
    pub(crate) fn entries(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
    ) -> Vec<(String, Option<u64>)> {
        let held = self.0.lock().unwrap();
        let from = (bucket.to_owned(), prefix.to_owned());
        let below =
            held.range(from..).take_while(|((b, key), _)| b == bucket && key.starts_with(prefix));
        let (mut folders, mut found) = (BTreeSet::new(), Vec::new());
        for ((_, key), content) in below {
            let rest = &key[prefix.len()..];
            match delimiter.and_then(|delimiter| rest.split_once(delimiter)) {
                Some((folder, _)) => drop(folders.insert(format!("{prefix}{folder}/"))),
                None => found.push((key.clone(), Some(content.len() as u64))),
            }
        }
        found.extend(folders.into_iter().map(|folder| (folder, None)));
        found
    }
}

/// When all of them were written.
pub(crate) fn written() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// Objects are never rewritten, so their size is version enough.
pub(crate) fn etag(size: u64) -> ETag {
    ETag::Strong(format!("held-{size}"))
}

/// The answer to a read.
pub(crate) fn answer(content: &Bytes, range: Option<Range>) -> S3Result<GetObjectOutput> {
    let size = content.len() as u64;
    let wanted = match &range {
        Some(range) => range.check(size).map_err(|_| s3_error!(InvalidRange))?,
        None => 0..size,
    };
    let part = content.slice(wanted.start as usize..wanted.end as usize);
    let last = wanted.end.saturating_sub(1);
    Ok(GetObjectOutput {
        content_length: Some(part.len() as i64),
        content_range: range.map(|_| format!("bytes {}-{last}/{size}", wanted.start)),
        body: Some(StreamingBlob::from(Body::from(part))),
        e_tag: Some(etag(size)),
        last_modified: Some(written().into()),
        ..Default::default()
    })
}
