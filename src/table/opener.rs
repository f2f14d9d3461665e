//! Opening one object: a bounded GET on tokio, inflating and decoding on rayon, batches back. Where
//! another object waits too, one thread takes both, because two inflate faster side by side. A disk is read
//! by the thread that decodes.

use std::sync::Arc;

use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::physical_plan::metrics::Count;
use futures::{FutureExt, StreamExt, stream};
use object_store::ObjectStore;
use tokio::sync::oneshot;

use super::decoding::{Job, Object, decode};
use super::waiting::Waiting;
use super::{ScanOptions, View};
use crate::source::{self, Ahead, Buffers};

/// Opens objects for one partition of a scan.
pub(super) struct LogOpener {
    pub(super) store: Arc<dyn ObjectStore>,
    /// What is told of the disk, if that is the store: a decoding thread reads it itself.
    pub(super) disk: Option<Arc<Ahead>>,
    pub(super) options: Arc<ScanOptions>,
    pub(super) view: View,
    /// Columns of the view (and its partition column behind them) to yield, in this order.
    pub(super) columns: Vec<usize>,
    pub(super) batch_rows: usize,
    /// What the scan has opened and not begun to decode, of all its partitions.
    pub(super) waiting: Arc<Waiting<Job>>,
    /// What objects are fetched into.
    pub(super) buffers: Buffers,
    /// Objects that could not be read (metric `unreadable_objects`).
    pub(super) unreadable: Count,
    /// Records that could not be read (metric `rejected_records`).
    pub(super) rejected: Count,
}

impl FileOpener for LogOpener {
    fn open(&self, file: PartitionedFile) -> datafusion::common::Result<FileOpenFuture> {
        let (store, options, view) =
            (Arc::clone(&self.store), Arc::clone(&self.options), self.view);
        let disk = self.disk.clone();
        let (unreadable, rejected) = (self.unreadable.clone(), self.rejected.clone());
        let (columns, batch_rows) = (self.columns.clone(), self.batch_rows);
        let (waiting, buffers) = (Arc::clone(&self.waiting), self.buffers.clone());
        let open = async move {
            let meta = file.object_meta;
            let object = if let Some(ahead) = disk {
                ahead.announce(&meta);
                Object::OnDisk { store, buffers, ahead }
            } else {
                let got = source::get(store.as_ref(), &meta, options.allowance(), &buffers).await;
                Object::Fetched(got.map_err(|error| error.to_string()))
            };
            let (done, result) = oneshot::channel();
            let ordinal = match file.partition_values.first() {
                Some(ScalarValue::Int64(Some(ordinal))) => *ordinal,
                _ => 0,
            };
            let bytes = meta.size;
            let job = Job { ordinal, meta, object, options, view, columns, batch_rows, done };
            waiting.push(bytes, job);
            rayon::spawn(move || waiting.work(rayon::current_num_threads(), decode));
            let outcome = result.await.map_err(|_| {
                DataFusionError::Execution("decoding stopped: a decoding thread panicked".into())
            })??;
            unreadable.add(outcome.unreadable);
            rejected.add(outcome.rejected);
            Ok(stream::iter(outcome.batches.into_iter().map(Ok)).boxed())
        };
        Ok(open.boxed())
    }
}
