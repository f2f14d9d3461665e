//! A file of a dataset that goes to its store piece by piece, each while the next one is made.
//!
//! It is there, whole, when it is finished and not before; one act of the store either way.

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions};
use tokio::task::JoinHandle;

use super::dataset::{Before, Dataset, DatasetError, Version};
use crate::failpoint;
use crate::source::SourceUrl;

/// Bytes of a piece for S3, at least: it takes ten thousand, none but the last below 5 MiB.
const PART_BYTES: usize = 5 << 20;

/// Bytes of a piece for a disk, which takes any: few, because they are in memory until then.
const WRITE_BYTES: usize = 1 << 20;

/// A file on its way. Smaller ones than a piece are put at once.
pub(super) struct Pieces {
    dataset: Dataset,
    path: Path,
    before: Before,
    piece_bytes: usize,
    /// Bytes in pieces that the store has.
    sent: u64,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The piece that the store is taking while the next one is made.
    sending: Option<JoinHandle<object_store::Result<()>>>,
}

impl Pieces {
    /// A file that will be under `path`, if that is then as it should be before.
    pub(super) fn new(dataset: &Dataset, path: Path, before: Before) -> Self {
        let least = match dataset.source().url {
            SourceUrl::S3 { .. } => PART_BYTES,
            SourceUrl::Local(_) => WRITE_BYTES,
        };
        let piece_bytes = failpoint::bytes("HALFRATE_PIECE_BYTES", least);
        Self {
            dataset: dataset.clone(),
            path,
            before,
            piece_bytes,
            sent: 0,
            upload: None,
            sending: None,
        }
    }

    /// Takes the bytes that continue the file, if they make a piece.
    pub(super) async fn push(&mut self, bytes: &mut Vec<u8>) -> Result<(), DatasetError> {
        if bytes.len() < self.piece_bytes {
            return Ok(());
        }
        self.send(std::mem::take(bytes)).await
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), DatasetError> {
        self.sent += bytes.len() as u64;
        let begun = async {
            taken(self.sending.take()).await?;
            let upload = match &mut self.upload {
                Some(upload) => upload,
                none => {
                    let mut options = PutMultipartOptions::default();
                    options.extensions.insert(self.dataset.mode(&self.before));
                    let store = &self.dataset.source().store;
                    none.insert(store.put_multipart_opts(&self.path, options).await?)
                }
            };
            self.sending = Some(tokio::spawn(upload.put_part(bytes.into())));
            Ok(())
        };
        let begun: object_store::Result<()> = begun.await;
        begun.map_err(|error| self.dataset.unwritten(&self.path, error))
    }

    /// Ends the file with the bytes that are left; the store has it when this returns.
    pub(super) async fn finish(&mut self, rest: Vec<u8>) -> Result<Version, DatasetError> {
        let size = self.sent + rest.len() as u64;
        let sending = self.sending.take();
        let ended = match &mut self.upload {
            None => return self.dataset.put(&self.path, rest.into(), self.before.clone()).await,
            Some(upload) => {
                async {
                    taken(sending).await?;
                    upload.put_part(rest.into()).await?;
                    upload.complete().await
                }
            }
        };
        let put = ended.await.map_err(|error| self.dataset.unwritten(&self.path, error))?;
        Ok(Version::of_put(put.e_tag.as_deref(), size))
    }

    /// Gives the file up: nothing of it stays in the store, if that can be reached.
    pub(super) async fn abort(&mut self) {
        // Whatever becomes of it, it is over before the rest is.
        let _ = taken(self.sending.take()).await;
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            let name = self.dataset.name_of(&self.path);
            tracing::warn!(file = name, %error, "parts of a file that was given up stay");
        }
    }
}

/// Waits until the store has the piece.
async fn taken(sending: Option<JoinHandle<object_store::Result<()>>>) -> object_store::Result<()> {
    match sending {
        Some(sending) => sending.await?,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{S3Options, Source};

    fn pieces(dataset: &Dataset, path: &Path) -> Pieces {
        let pieces = Pieces::new(dataset, path.clone(), Before::Any);
        Pieces { piece_bytes: 4, ..pieces }
    }

    #[tokio::test]
    async fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_str().unwrap();
        let source = Source::create(name, &S3Options::default()).await.unwrap();
        let dataset = Dataset::new(source);
        let files = || std::fs::read_dir(folder.path().join("_state")).unwrap().count();
        let path = dataset.state_path("2026-10-01.parquet");
        for (given, rest) in
            [(vec!["abcd", "ef", "ghi"], "j"), (vec!["abc"], ""), (vec!["abcd"], "")]
        {
            let (mut file, mut bytes, mut all) =
                (pieces(&dataset, &path), Vec::new(), String::new());
            let before = dataset.get(&path).await.unwrap();
            for more in given {
                all.push_str(more);
                bytes.extend_from_slice(more.as_bytes());
                file.push(&mut bytes).await.unwrap();
                assert!(bytes.len() < 4);
                assert_eq!(dataset.get(&path).await.unwrap(), before);
            }
            bytes.extend_from_slice(rest.as_bytes());
            let version = file.finish(bytes).await.unwrap();
            let expected = (bytes::Bytes::from(all + rest), version);
            assert_eq!(dataset.get(&path).await.unwrap(), Some(expected));
            assert_eq!(files(), 1);
        }
        let before = dataset.get(&path).await.unwrap();
        let mut file = pieces(&dataset, &path);
        file.push(&mut b"other".to_vec()).await.unwrap();
        assert_eq!(files(), 2);
        file.abort().await;
        assert_eq!(files(), 1);
        assert_eq!(dataset.get(&path).await.unwrap(), before);
    }
}
