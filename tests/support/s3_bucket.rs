//! Buckets as folders, behaving as S3 does where s3s-fs does not: listings carry ETags and
//! URL-encoded keys, reads heed If-Match, conditional writes are atomic, and a long listing is
//! sorted once. Objects may also be held in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::s3_faults::{Traffic, answered, spoil};
use super::s3_held::{self, Held};

/// A listed key: an object, or a common prefix.
#[derive(Clone, Debug)]
struct Entry {
    key: String,
    object: Option<(u64, SystemTime)>,
}

/// Bucket, prefix and delimiter of a listing.
type Snapshot = (String, String, Option<String>);

/// A file's size and time, and the ETag that it had then.
type Known = (u64, SystemTime, ETag);

/// The buckets of a folder, with counted requests and faults.
pub(crate) struct Buckets {
    files: FileSystem,
    root: PathBuf,
    traffic: Arc<Traffic>,
    held: Arc<Held>,
    /// Long listings in progress.
    snapshots: Mutex<HashMap<Snapshot, Arc<Vec<Entry>>>>,
    /// ETags by bucket and key.
    etags: Mutex<HashMap<(String, String), Known>>,
    /// Held over each write, so that a condition and its write are one act.
    writing: tokio::sync::Mutex<()>,
}

impl Buckets {
    pub(crate) fn new(root: &Path, traffic: Arc<Traffic>, held: Arc<Held>) -> Self {
        Self {
            files: FileSystem::new(root).unwrap(),
            root: root.to_owned(),
            traffic,
            held,
            snapshots: Mutex::default(),
            etags: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    async fn etag(&self, bucket: &str, entry: &Entry) -> S3Result<Option<ETag>> {
        let Some((size, modified)) = entry.object else { return Ok(None) };
        if self.held.content(bucket, &entry.key).is_some() {
            return Ok(Some(s3_held::etag(size)));
        }
        let name = (bucket.to_owned(), entry.key.clone());
        if let Some((s, m, etag)) = self.etags.lock().unwrap().get(&name)
            && (*s, *m) == (size, modified)
        {
            return Ok(Some(etag.clone()));
        }
        let etag = self.current(bucket, &entry.key).await?;
        self.etags.lock().unwrap().insert(name, (size, modified, etag.clone()));
        Ok(Some(etag))
    }

    /// The ETag that a read of the key would answer with.
    async fn current(&self, bucket: &str, key: &str) -> S3Result<ETag> {
        if let Some(content) = self.held.content(bucket, key) {
            return Ok(s3_held::etag(content.len() as u64));
        }
        let mut input = HeadObjectInput::builder();
        input.set_bucket(bucket.to_owned()).set_key(key.to_owned());
        let request = S3Request {
            input: input.build().unwrap(),
            method: Default::default(),
            uri: Default::default(),
            headers: Default::default(),
            extensions: Default::default(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        };
        let answer = self.files.head_object(request).await?;
        Ok(answer.output.e_tag.unwrap())
    }

    async fn check(&self, bucket: &str, key: &str, wanted: Option<&ETagCondition>) -> S3Result<()> {
        match wanted.and_then(ETagCondition::as_etag) {
            Some(etag) if self.current(bucket, key).await?.value() != etag.value() => Err(
                s3_error!(PreconditionFailed, "At least one of the pre-conditions did not hold"),
            ),
            _ => Ok(()),
        }
    }

    fn entries(&self, bucket: &str, prefix: &str, delimiter: Option<&str>) -> S3Result<Vec<Entry>> {
        let root = self.root.join(bucket);
        if !root.is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        let folder = prefix.rsplit_once('/').map_or(String::new(), |(f, _)| format!("{f}/"));
        let mut found = Vec::new();
        // What only keys in memory can begin with would lead out of the folder.
        let named = |part: &str| !matches!(part, "" | "." | "..");
        let within = folder.strip_suffix('/').is_none_or(|folder| folder.split('/').all(named));
        if within {
            walk(&root, &folder, delimiter.is_none(), &mut found);
        }
        found.retain(|entry| entry.key.starts_with(prefix));
        for (key, size) in self.held.entries(bucket, prefix, delimiter) {
            found.push(Entry { key, object: size.map(|size| (size, s3_held::written())) });
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found.dedup_by(|a, b| a.key == b.key);
        Ok(found)
    }
}

/// Adds the entries of a folder (`a/b/`, or empty): of all below it, or of itself with its folders.
fn walk(root: &Path, folder: &str, deep: bool, found: &mut Vec<Entry>) {
    let Ok(names) = std::fs::read_dir(root.join(folder)) else { return };
    for name in names {
        let name = name.unwrap();
        let key = format!("{folder}{}", name.file_name().into_string().unwrap());
        let metadata = name.metadata().unwrap();
        if metadata.is_file() {
            found.push(Entry { key, object: Some((metadata.len(), metadata.modified().unwrap())) });
        } else if deep {
            walk(root, &format!("{key}/"), true, found);
        } else if holds_a_file(&name.path()) {
            found.push(Entry { key: format!("{key}/"), object: None });
        }
    }
}

fn holds_a_file(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|name| name.unwrap().path())
        .any(|path| path.is_file() || holds_a_file(&path))
}

/// Keys as S3 encodes them on `encoding-type=url`.
fn url_encoded(key: &str) -> String {
    key.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                char::from(b).to_string()
            }
            b' ' => "+".to_owned(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        self.traffic.enter("ListObjectsV2", &prefix).await?;
        let name = (input.bucket.clone(), prefix.clone(), input.delimiter.clone());
        let known = match input.continuation_token {
            Some(_) => self.snapshots.lock().unwrap().get(&name).cloned(),
            None => None,
        };
        let entries = match known {
            Some(entries) => entries,
            None => Arc::new(self.entries(&input.bucket, &prefix, input.delimiter.as_deref())?),
        };
        let after = input.continuation_token.as_ref().or(input.start_after.as_ref());
        let start = after.map_or(0, |after| entries.partition_point(|e| e.key <= *after));
        let end = entries.len().min(start + input.max_keys.unwrap_or(1000).min(1000) as usize);
        let truncated = end < entries.len();
        if truncated {
            self.snapshots.lock().unwrap().insert(name, Arc::clone(&entries));
        }
        let encode = |key: &str| match &input.encoding_type {
            Some(_) => url_encoded(key),
            None => key.to_owned(),
        };
        let mut output = ListObjectsV2Output {
            key_count: Some((end - start) as i32),
            is_truncated: Some(truncated),
            next_continuation_token: truncated.then(|| entries[end - 1].key.clone()),
            encoding_type: input.encoding_type.clone(),
            name: Some(input.bucket.clone()),
            prefix: Some(encode(&prefix)),
            ..Default::default()
        };
        for entry in &entries[start..end] {
            let key = Some(encode(&entry.key));
            match entry.object {
                None => output
                    .common_prefixes
                    .get_or_insert_default()
                    .push(CommonPrefix { prefix: key }),
                Some((size, modified)) => output.contents.get_or_insert_default().push(Object {
                    key,
                    size: Some(size as i64),
                    last_modified: Some(modified.into()),
                    e_tag: self.etag(&input.bucket, entry).await?,
                    ..Default::default()
                }),
            }
        }
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.traffic.enter("HeadObject", &req.input.key).await?;
        // s3s-fs finds folders as well; S3 knows none.
        if self.root.join(&req.input.bucket).join(&req.input.key).is_dir() {
            return Err(s3_error!(NoSuchKey));
        }
        self.check(&req.input.bucket, &req.input.key, req.input.if_match.as_ref()).await?;
        self.files.head_object(req).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let fault = self.traffic.enter("GetObject", &req.input.key).await?;
        self.check(&req.input.bucket, &req.input.key, req.input.if_match.as_ref()).await?;
        let mut answer = match self.held.content(&req.input.bucket, &req.input.key) {
            Some(content) => S3Response::new(s3_held::answer(&content, req.input.range)?),
            None => self.files.get_object(req).await?,
        };
        if let Some(kind) = fault {
            answer.output.body = answer.output.body.map(|body| spoil(body, &kind));
        }
        Ok(answer)
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let fault = self.traffic.enter("PutObject", &req.input.key).await?;
        let _one = self.writing.lock().await;
        answered(fault, self.files.put_object(req).await)
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.traffic.enter("CopyObject", &req.input.key).await?;
        let _one = self.writing.lock().await;
        if req.headers.contains_key("if-none-match")
            && self.root.join(&req.input.bucket).join(&req.input.key).exists()
        {
            return Err(s3_error!(PreconditionFailed));
        }
        self.files.copy_object(req).await
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let fault = self.traffic.enter("DeleteObject", &req.input.key).await?;
        answered(fault, self.files.delete_object(req).await)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.traffic.enter("CreateMultipartUpload", &req.input.key).await?;
        self.files.create_multipart_upload(req).await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.traffic.enter("UploadPart", &req.input.key).await?;
        self.files.upload_part(req).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let fault = self.traffic.enter("CompleteMultipartUpload", &req.input.key).await?;
        let _one = self.writing.lock().await;
        // s3s has no conditions for this request yet.
        let told = |name: &str| req.headers.get(name).map(|value| value.to_str().unwrap());
        let (bucket, key) = (&req.input.bucket, &req.input.key);
        let found = match self.root.join(bucket).join(key).exists() {
            true => Some(self.current(bucket, key).await?),
            false => None,
        };
        let replaced =
            |etag: &str| found.as_ref().is_some_and(|f| f.value() == etag.trim_matches('"'));
        if told("if-match").is_some_and(|etag| !replaced(etag))
            || told("if-none-match").is_some() && found.is_some()
        {
            return Err(s3_error!(PreconditionFailed));
        }
        answered(fault, self.files.complete_multipart_upload(req).await)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.traffic.enter("AbortMultipartUpload", &req.input.key).await?;
        self.files.abort_multipart_upload(req).await
    }
}
