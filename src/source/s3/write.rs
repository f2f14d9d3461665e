//! Writing objects: at once, in parts, by copy; and removing them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, Error, MultipartUpload, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::S3Store;
use super::failure::{Failure, FailureKind, Operation, STORE};

/// Sets an object's attributes on a put or an upload, whose builders share the names but no trait.
macro_rules! with_attributes {
    ($request:expr, $attributes:expr) => {{
        let attributes: &Attributes = $attributes;
        attributes.iter().fold($request, |request, (attribute, value)| match attribute {
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
        let mut request = self
            .writes
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .body(ByteStream::from(Bytes::from(payload)));
        request = with_attributes!(request, &options.attributes);
        if !options.tags.encoded().is_empty() {
            request = request.tagging(options.tags.encoded());
        }
        let create = options.mode == PutMode::Create;
        match options.mode {
            PutMode::Overwrite => {}
            PutMode::Create => request = request.if_none_match("*"),
            PutMode::Update(version) => {
                let etag = version.e_tag.ok_or_else(|| Error::Generic {
                    store: STORE,
                    source: "a conditional update needs the ETag that it replaces".into(),
                })?;
                request = request.if_match(etag);
            }
        }
        let answer = request.send().await.map_err(|e| {
            let error = Failure::from_sdk(self.call(Operation::Put, &key), &e);
            if create { existing(error) } else { error }
        })?;
        Ok(PutResult { e_tag: answer.e_tag, version: answer.version_id })
    }

    pub(super) async fn start_upload(
        &self,
        key: String,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let mut request = self.writes.create_multipart_upload().bucket(&self.bucket).key(&key);
        request = with_attributes!(request, &options.attributes);
        if !options.tags.encoded().is_empty() {
            request = request.tagging(options.tags.encoded());
        }
        let call = self.call(Operation::Upload, &key);
        let answer = request.send().await.map_err(|e| Failure::from_sdk(call.clone(), &e))?;
        let id = answer.upload_id.ok_or_else(|| {
            Failure::told(call, FailureKind::Other, "bad answer", "an upload without an id".into())
        })?;
        Ok(Box::new(Upload { store: self.clone(), key, id, sent: 0, parts: Arc::default() }))
    }

    pub(super) async fn remove(&self, location: &Path) -> Result<()> {
        let key = Self::key(location)?;
        let request = self.writes.delete_object().bucket(&self.bucket).key(&key);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(e) => Err(Failure::from_sdk(self.call(Operation::Delete, &key), &e)),
        }
    }

    pub(super) async fn copy(&self, from: &str, to: String, options: &CopyOptions) -> Result<()> {
        let create = options.mode == CopyMode::Create;
        let request = self
            .writes
            .copy_object()
            .copy_source(copy_source(&self.bucket, from))
            .bucket(&self.bucket)
            .key(&to)
            .set_if_none_match(create.then(|| "*".to_owned()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(e) => {
                let error = Failure::from_sdk(self.call(Operation::Copy, from), &e);
                Err(if create { existing(error) } else { error })
            }
        }
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
    /// Parts handed out so far; S3 numbers them from 1.
    sent: i32,
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
        let request = self
            .store
            .writes
            .upload_part()
            .bucket(&self.store.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(Bytes::from(data)));
        Box::pin(async move {
            let answer = request.send().await.map_err(|e| Failure::from_sdk(call, &e))?;
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
        let answer = self
            .store
            .writes
            .complete_multipart_upload()
            .bucket(&self.store.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map_err(|e| Failure::from_sdk(call, &e))?;
        Ok(PutResult { e_tag: answer.e_tag, version: answer.version_id })
    }

    async fn abort(&mut self) -> Result<()> {
        let request = self
            .store
            .writes
            .abort_multipart_upload()
            .bucket(&self.store.bucket)
            .key(&self.key)
            .upload_id(&self.id);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(e) => Err(Failure::from_sdk(self.store.call(Operation::Upload, &self.key), &e)),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn copy_sources_are_encoded() {
        assert_eq!(super::copy_source("b", "a b/é%+.gz"), "b/a%20b/%C3%A9%25%2B.gz");
    }
}
