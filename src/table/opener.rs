//! Opening one object: a bounded GET on tokio, inflating and decoding on rayon, batches back. Where
//! another object waits too, one thread takes both, because two inflate faster side by side.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::physical_plan::metrics::Count;
use futures::{FutureExt, StreamExt, stream};
use object_store::ObjectStore;
use tokio::sync::oneshot;

use super::facts::{self, Scanned};
use super::interned::Interned;
use super::invocations::RowSink;
use super::partial::{Met, PartialSink};
use super::waiting::Waiting;
use super::{ScanOptions, View};
use crate::decode::Sink;
use crate::decode::gunzip::{Ahead, Gunzip};
use crate::decode::records::{Bounds, Records};
use crate::decode::shapes::Shapes;
use crate::source::{self, Buffers, KeyClass, LogKey};

thread_local! {
    /// Each decoding thread reuses one inflater and its buffers from object to object,
    static GUNZIP: RefCell<Gunzip> = RefCell::new(Gunzip::default());
    /// remembers the shapes of records,
    static SHAPES: RefCell<Shapes> = RefCell::new(Shapes::default());
    /// and whom it met.
    static INTERNED: RefCell<Interned> = RefCell::new(Interned::default());
    static MET: RefCell<Met> = RefCell::new(Met::default());
}

/// Opens objects for one partition of a scan.
pub(super) struct LogOpener {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) options: Arc<ScanOptions>,
    pub(super) view: View,
    /// Columns of the view to yield, in this order.
    pub(super) columns: Vec<usize>,
    pub(super) batch_rows: usize,
    /// What the scan has fetched and not begun to decode, of all its partitions.
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
        let (unreadable, rejected) = (self.unreadable.clone(), self.rejected.clone());
        let (columns, batch_rows) = (self.columns.clone(), self.batch_rows);
        let (waiting, buffers) = (Arc::clone(&self.waiting), self.buffers.clone());
        let open = async move {
            let meta = &file.object_meta;
            let fetched = source::get(store.as_ref(), meta, options.allowance(), &buffers).await;
            let (done, result) = oneshot::channel();
            waiting.push(Job {
                path: meta.location.to_string(),
                size: meta.size,
                fetched: fetched.map_err(|error| error.to_string()),
                options,
                view,
                columns,
                batch_rows,
                done,
            });
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

/// What decoding one object yields.
struct Outcome {
    batches: Vec<RecordBatch>,
    unreadable: usize,
    rejected: usize,
}

/// One object's decoding, or two objects'.
fn decode(job: Job, other: Option<Job>) {
    let Some(other) = other else { return job.answer(None) };
    let fetched = (job.fetched.clone(), other.fetched.clone());
    let ahead = match &fetched {
        (Ok(one), Ok(two)) => {
            let inflate = || GUNZIP.with_borrow_mut(|gunzip| gunzip.ahead([one, two]));
            // After a panic here, each is decoded as if it were alone.
            catch_unwind(AssertUnwindSafe(inflate)).ok()
        }
        _ => None,
    };
    let [first, second] = ahead.map_or([None; 2], |ahead| ahead.map(Some));
    job.answer(first);
    other.answer(second);
}

/// One object to decode; plain values, so that it can be done on any thread.
pub(super) struct Job {
    path: String,
    size: u64,
    /// The object, or why there is none.
    fetched: Result<Bytes, String>,
    options: Arc<ScanOptions>,
    view: View,
    columns: Vec<usize>,
    batch_rows: usize,
    done: oneshot::Sender<Result<Outcome, DataFusionError>>,
}

impl Job {
    /// Decodes the object, which may be inflated already, and sends what came of it.
    fn answer(self, ahead: Option<Ahead<'_>>) {
        // A panic must cost this query, not the process that rayon would abort.
        let decode = AssertUnwindSafe(|| match self.view {
            View::Facts => self.facts(ahead),
            View::Invocations => self.rows(ahead),
        });
        if let Ok(outcome) = catch_unwind(decode) {
            // The receiver is gone when the query was cancelled.
            let _ = self.done.send(outcome);
        }
    }

    /// The object's row of partial facts. An unreadable object has a row that says so.
    fn facts(&self, ahead: Option<Ahead<'_>>) -> Result<Outcome, DataFusionError> {
        let key = self.key();
        let (inflated, partial) = INTERNED.with_borrow_mut(|interned| {
            interned.begin(&self.options, place(key.as_ref()));
            MET.with_borrow_mut(|met| {
                let mut sink = PartialSink::new(&self.options, interned, met);
                (self.decode(ahead, &mut sink), sink.partial)
            })
        });
        let scanned = Scanned {
            bytes: self.size,
            inflated: *inflated.as_ref().unwrap_or(&0),
            outcome: inflated.map(|_| partial),
        };
        let unreadable = usize::from(scanned.outcome.is_err());
        let rejected = scanned.outcome.as_ref().map_or(1, |partial| partial.rejected as usize);
        let row = facts::row(scanned)?.project(&self.columns)?;
        Ok(Outcome { batches: vec![row], unreadable, rejected })
    }

    /// The object's rows. An unreadable object has none and is counted.
    fn rows(&self, ahead: Option<Ahead<'_>>) -> Result<Outcome, DataFusionError> {
        let key = self.key();
        INTERNED.with_borrow_mut(|interned| {
            interned.begin(&self.options, place(key.as_ref()));
            let form = (self.columns.as_slice(), self.batch_rows);
            let mut sink = RowSink::new(&self.options, &self.path, form, interned)?;
            match self.decode(ahead, &mut sink) {
                Ok(_) => {
                    let rejected = sink.rejects;
                    Ok(Outcome { batches: sink.finish()?, unreadable: 0, rejected })
                }
                Err(error) => {
                    tracing::warn!(object = self.path, error, "object could not be read");
                    Ok(Outcome { batches: Vec::new(), unreadable: 1, rejected: 0 })
                }
            }
        })
    }

    /// What the object's key says, where it follows the layout.
    fn key(&self) -> Option<LogKey> {
        match source::classify(&self.path, 0) {
            KeyClass::Record(key) => key,
            _ => None,
        }
    }

    /// Inflates and decodes; returns the inflated size.
    fn decode(&self, ahead: Option<Ahead<'_>>, sink: &mut impl Sink) -> Result<u64, String> {
        let bytes = self.fetched.as_ref().map_err(String::clone)?;
        let ahead = ahead.unwrap_or_else(|| Ahead::nothing(bytes));
        let limits = &self.options.limits;
        let mut records = Records::new(Bounds {
            max_record_bytes: limits.max_record_bytes,
            max_tokens: limits.max_tokens_per_call,
        })
        .knowing(SHAPES.take());
        let inflated = GUNZIP.with_borrow_mut(|gunzip| {
            gunzip.resume(ahead, limits.max_inflated_bytes, |piece| records.push(piece, sink))
        });
        let inflated = inflated.map_err(|error| error.to_string())?;
        records.finish(sink);
        SHAPES.set(records.into_shapes());
        Ok(inflated)
    }
}

fn place(key: Option<&LogKey>) -> (&str, &str) {
    key.map_or(("", ""), |key| (&key.account, &key.region))
}
