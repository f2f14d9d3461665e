//! Writing objects: at once, in parts, by copy; and removing them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, Error, GetOptions, MultipartUpload, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::S3Store;
use super::failure::{Failure, FailureKind, Operation, STORE};
use crate::source::names::encode_key;

/// Sets an object's attributes and tags on a put or an upload, whose builders share the names but no
/// trait.
macro_rules! with_attributes {
    ($request:expr, $attributes:expr, $tags:expr) => {{
        let attributes: &Attributes = $attributes;
        let tags = $tags.encoded();
        let request = $request.set_tagging((!tags.is_empty()).then(|| tags.to_owned()));
        attributes.iter().fold(request, |request, (attribute, value)| match attribute {
            Attribute::CacheControl => request.cache_control(value.as_ref()),
            Attribute::ContentDisposition => request.content_disposition(value.as_ref()),
            Attribute::ContentEncoding => request.content_encoding(value.as_ref()),
            Attribute::ContentLanguage => request.content_language(value.as_ref()),
            Attribute::ContentType => request.content_type(value.as_ref()),
            Attribute::StorageClass => request.storage_class(StorageClass::from(value.as_ref())),
            Attribute::Metadata(name) => request.metadata(name.as_ref(), value.as_ref()),
            _ => request,
        })
    }};
}

impl S3Store {
    pub(super) async fn put(
        &self,
        key: String,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let content = Bytes::from(payload);
        let Condition { none_match, replaces } = Condition::of(options.mode)?;
        let create = none_match.is_some();
        let call = self.call(Operation::Put, &key);
        let mut tries = self.tries(Operation::Put);
        let answer = self
            .ask(&call, &mut tries, |clients| {
                let request = clients.writes.put_object().bucket(&self.bucket).key(&key);
                with_attributes!(request, &options.attributes, &options.tags)
                    .body(ByteStream::from(content.clone()))
                    .set_if_none_match(none_match.clone())
                    .set_if_match(replaces.clone())
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(PutResult { e_tag: answer.e_tag, version: answer.version_id }),
            Err(failure) => {
                if failure.kind == FailureKind::Precondition
                    && tries.made > 1
                    && let Some(written) = self.already(&key, &content).await?
                {
                    return Ok(written);
                }
                let error = Error::from(failure);
                Err(if create { existing(error) } else { error })
            }
        }
    }

    /// What an earlier try of the same write left, when it did its work and only its answer was lost:
    /// then a condition fails because of ourselves.
    async fn already(&self, key: &str, content: &Bytes) -> Result<Option<PutResult>> {
        let found = self.get(&encode_key(key.as_bytes()), GetOptions::new()).await?;
        let meta = found.meta.clone();
        let same = meta.size == content.len() as u64 && found.bytes().await? == *content;
        Ok(same.then_some(PutResult { e_tag: meta.e_tag, version: meta.version }))
    }

    /// Begins an object of parts. A `PutMode` among the options' extensions holds for its completion, as it would
    /// for a put.
    pub(super) async fn start_upload(
        &self,
        key: String,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let call = self.call(Operation::Upload, &key);
        let mode = options.extensions.get::<PutMode>().cloned().unwrap_or_default();
        let condition = Condition::of(mode)?;
        let answer = self
            .ask(&call, &mut self.tries(Operation::Upload), |clients| {
                let request = clients.writes.create_multipart_upload();
                let request = request.bucket(&self.bucket).key(&key);
                with_attributes!(request, &options.attributes, &options.tags).send()
            })
            .await?;
        let id = answer.upload_id.ok_or_else(|| {
            Failure::told(call, FailureKind::Other, "bad answer", "an upload without an id".into())
        })?;
        let (store, parts) = (self.clone(), Arc::default());
        Ok(Box::new(Upload { store, key, id, condition, sent: 0, size: 0, parts }))
    }

    pub(super) async fn remove(&self, location: &Path) -> Result<()> {
        let key = Self::key(location)?;
        let call = self.call(Operation::Delete, &key);
        self.ask(&call, &mut self.tries(Operation::Delete), |clients| {
            clients.writes.delete_object().bucket(&self.bucket).key(&key).send()
        })
        .await?;
        Ok(())
    }

    pub(super) async fn copy(&self, from: &str, to: String, options: &CopyOptions) -> Result<()> {
        let create = options.mode == CopyMode::Create;
        let call = self.call(Operation::Copy, from);
        let mut tries = self.tries(Operation::Copy);
        let answer = self.ask(&call, &mut tries, |clients| {
            let request = clients.writes.copy_object().bucket(&self.bucket).key(&to);
            request
                .copy_source(copy_source(&self.bucket, from))
                .set_if_none_match(create.then(|| "*".to_owned()))
                .send()
        });
        match answer.await {
            Ok(_) => Ok(()),
            Err(failure) if create => Err(existing(failure.into())),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// What must be under a key for a write to be done: the headers `If-None-Match` and `If-Match`.
#[derive(Debug)]
struct Condition {
    none_match: Option<String>,
    replaces: Option<String>,
}

impl Condition {
    fn of(mode: PutMode) -> Result<Self> {
        let (none_match, replaces) = match mode {
            PutMode::Overwrite => (None, None),
            PutMode::Create => (Some("*".to_owned()), None),
            PutMode::Update(version) => match version.e_tag {
                Some(etag) => (None, Some(etag)),
                None => {
                    let source = "a conditional update needs the ETag that it replaces".into();
                    return Err(Error::Generic { store: STORE, source });
                }
            },
        };
        Ok(Self { none_match, replaces })
    }
}

/// A failed "only if there is none" means that there is one.
fn existing(error: Error) -> Error {
    match error {
        Error::Precondition { path, source } => Error::AlreadyExists { path, source },
        other => other,
    }
}

/// The header that names a copy's source: the only place where the SDK leaves encoding to its user.
fn copy_source(bucket: &str, key: &str) -> String {
    use std::fmt::Write;
    let mut source = format!("{bucket}/");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            source.push(char::from(byte));
        } else {
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}

/// An object written in parts.
#[derive(Debug)]
struct Upload {
    store: S3Store,
    key: String,
    id: String,
    condition: Condition,
    /// Parts handed out so far; S3 numbers them from 1.
    sent: i32,
    /// Their bytes.
    size: u64,
    /// What S3 confirmed, in the order of arrival.
    parts: Arc<Mutex<Vec<CompletedPart>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.sent += 1;
        let number = self.sent;
        let parts = Arc::clone(&self.parts);
        let call = self.store.call(Operation::Upload, &self.key);
        let (store, key, id) = (self.store.clone(), self.key.clone(), self.id.clone());
        let content = Bytes::from(data);
        self.size += content.len() as u64;
        Box::pin(async move {
            let answer = store
                .ask(&call, &mut store.tries(Operation::Upload), |clients| {
                    let request = clients.writes.upload_part().bucket(&store.bucket).key(&key);
                    request
                        .upload_id(&id)
                        .part_number(number)
                        .body(ByteStream::from(content.clone()))
                        .send()
                })
                .await?;
            let part = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .set_checksum_crc32(answer.checksum_crc32)
                .build();
            // A panic elsewhere while the list was held leaves the list whole.
            parts.lock().unwrap_or_else(|e| e.into_inner()).push(part);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        // S3 knows no upload without parts; an empty object is one empty part.
        if self.sent == 0 {
            self.put_part(PutPayload::new()).await?;
        }
        let call = self.store.call(Operation::Upload, &self.key);
        let mut parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(|e| e.into_inner()));
        if parts.len() != self.sent as usize {
            let message = format!("{} of {} parts were written", parts.len(), self.sent);
            return Err(Failure::told(call, FailureKind::Other, "incomplete upload", message));
        }
        parts.sort_by_key(|part| part.part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let mut tries = self.store.tries(Operation::Upload);
        let answer = self
            .store
            .ask(&call, &mut tries, |clients| {
                let request = clients.writes.complete_multipart_upload();
                request
                    .bucket(&self.store.bucket)
                    .key(&self.key)
                    .upload_id(&self.id)
                    .multipart_upload(parts.clone())
                    .set_if_none_match(self.condition.none_match.clone())
                    .set_if_match(self.condition.replaces.clone())
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(PutResult { e_tag: answer.e_tag, version: answer.version_id }),
            // An upload that is gone at the second try, or whose condition then fails, was completed by the
            // first one, whose answer was lost, if the object says that it is of so many parts.
            Err(failure)
                if matches!(failure.kind, FailureKind::NotFound | FailureKind::Precondition)
                    && tries.made > 1 =>
            {
                let location = encode_key(self.key.as_bytes());
                let found = self.store.head(&location, GetOptions::new()).await?.meta;
                let of_parts = format!("-{}", self.sent);
                let etag = found.e_tag.as_deref().unwrap_or_default().trim_matches('"');
                match etag.ends_with(&of_parts) && found.size == self.size {
                    true => Ok(PutResult { e_tag: found.e_tag, version: found.version }),
                    false => Err(failure.into()),
                }
            }
            Err(failure) if self.condition.none_match.is_some() => Err(existing(failure.into())),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        let call = self.store.call(Operation::Upload, &self.key);
        self.store
            .ask(&call, &mut self.store.tries(Operation::Upload), |clients| {
                let request = clients.writes.abort_multipart_upload();
                request.bucket(&self.store.bucket).key(&self.key).upload_id(&self.id).send()
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn copy_sources_are_encoded() {
        assert_eq!(super::copy_source("b", "a b/é%+.gz"), "b/a%20b/%C3%A9%25%2B.gz");
    }
}
