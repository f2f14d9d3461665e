//! Decoding objects on rayon's threads: one, or two side by side. Those on disk are read here.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::oneshot;

use super::facts::{self, Scanned};
use super::interned::Interned;
use super::invocations::RowSink;
use super::partial::{Met, PartialSink};
use super::{ScanOptions, View};
use crate::decode::Sink;
use crate::decode::gunzip::{Gunzip, GunzipError};
use crate::decode::records::{Bounds, Feed, Records};
use crate::decode::shapes::Shapes;
use crate::source::{self, Ahead, Buffers, KeyClass, LogKey};

thread_local! {
    /// Each decoding thread reuses one inflater and its buffers from object to object,
    static GUNZIP: RefCell<Gunzip> = RefCell::default();
    /// and has a desk for each of the two objects that it reads at once.
    static DESKS: RefCell<[Desk; 2]> = RefCell::default();
}

/// What stays from object to object: the shapes of records, and whom they told of.
#[derive(Default)]
struct Desk {
    shapes: Shapes,
    interned: Interned,
    met: Met,
}

/// One object to decode; plain values, so that it can be done on any thread.
pub(super) struct Job {
    /// The object's number in the job, where the view has one.
    pub(super) ordinal: i64,
    /// Its path, size and entity tag.
    pub(super) meta: ObjectMeta,
    pub(super) object: Object,
    pub(super) options: Arc<ScanOptions>,
    pub(super) view: View,
    pub(super) columns: Vec<usize>,
    pub(super) batch_rows: usize,
    pub(super) done: oneshot::Sender<Decoded>,
}

/// An object's bytes, or where they are.
pub(super) enum Object {
    /// The bytes, or why there are none.
    Fetched(Result<Bytes, String>),
    /// They are read into one of the buffers when the object is decoded.
    OnDisk { store: Arc<dyn ObjectStore>, buffers: Buffers, ahead: Arc<Ahead> },
}

/// What decoding one object yields.
pub(super) struct Outcome {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) unreadable: usize,
    pub(super) rejected: usize,
}

type Decoded = Result<Outcome, DataFusionError>;

/// One object's decoding, or that of two objects of one scan.
pub(super) fn decode(mut job: Job, other: Option<Job>) {
    // One that panics is not read, and told as that.
    unwinding(|_| job.read());
    let Some(mut other) = other else { return job.alone() };
    unwinding(|_| other.read());
    match unwinding(|desks| job.beside(&other, desks)).flatten() {
        Some([first, second]) => {
            job.answer(first);
            other.answer(second);
        }
        // One of them fails or panics, and is to do so for itself alone.
        None => {
            job.alone();
            other.alone();
        }
    }
}

/// What `work` returns; `None` if it panics, which must cost one query and not the process that rayon would abort.
fn unwinding<T>(work: impl FnOnce(&mut [Desk; 2]) -> T) -> Option<T> {
    let work = AssertUnwindSafe(|| DESKS.with_borrow_mut(work));
    // What a panic leaves on the desks may be half of something.
    catch_unwind(work).inspect_err(|_| DESKS.set(<[Desk; 2]>::default())).ok()
}

impl Job {
    /// Reads the object, if that was left to this thread.
    fn read(&mut self) {
        if let Object::OnDisk { store, buffers, ahead } = &self.object {
            let allowed = self.options.allowance();
            let got = source::get_here(store.as_ref(), &self.meta, allowed, buffers, ahead);
            self.object = Object::Fetched(got.map_err(|error| error.to_string()));
        }
    }

    /// The bytes, or why there are none.
    fn bytes(&self) -> Result<&Bytes, String> {
        match &self.object {
            Object::Fetched(Ok(bytes)) => Ok(bytes),
            Object::Fetched(Err(error)) => Err(error.clone()),
            Object::OnDisk { .. } => Err("not read".to_owned()),
        }
    }

    /// Decodes the object alone.
    fn alone(self) {
        let outcome = unwinding(|[desk, _]| match self.view {
            View::Facts => one::<PartialSink<'_>>(&self, desk),
            View::Invocations => one::<RowSink<'_>>(&self, desk),
        });
        // Nothing is sent of a panic, which whoever waits is told by that.
        if let Some(outcome) = outcome {
            self.answer(outcome);
        }
    }

    /// Decodes both objects, if both were fetched.
    fn beside(&self, other: &Self, desks: &mut [Desk; 2]) -> Option<[Decoded; 2]> {
        match self.view {
            View::Facts => two::<PartialSink<'_>>([self, other], desks),
            View::Invocations => two::<RowSink<'_>>([self, other], desks),
        }
    }

    fn answer(self, outcome: Decoded) {
        // The receiver is gone when the query was cancelled.
        let _ = self.done.send(outcome);
    }

    /// What the object's key says, where it follows the layout.
    fn key(&self) -> Option<LogKey> {
        match source::classify(self.meta.location.as_ref(), 0) {
            KeyClass::Record(key) => key,
            _ => None,
        }
    }
}

fn one<'d, C: Collect<'d>>(job: &'d Job, desk: &'d mut Desk) -> Decoded {
    let mut decoding = Decoding::<C>::begin(job, desk)?;
    let inflated = job.bytes().and_then(|object| {
        let most = job.options.limits.max_inflated_bytes;
        let feed = decoding.feed();
        let inflated = GUNZIP.with_borrow_mut(|gunzip| gunzip.inflate(object, most, feed));
        inflated.map_err(|error| error.to_string())
    });
    decoding.end(inflated)
}

fn two<'d, C: Collect<'d>>(
    jobs: [&'d Job; 2],
    [one, other]: &'d mut [Desk; 2],
) -> Option<[Decoded; 2]> {
    let objects: [&[u8]; 2] = [jobs[0].bytes().ok()?, jobs[1].bytes().ok()?];
    let mut one = Decoding::<C>::begin(jobs[0], one).ok()?;
    let mut other = Decoding::<C>::begin(jobs[1], other).ok()?;
    let most = jobs[0].options.limits.max_inflated_bytes;
    let feeds = (one.feed(), other.feed());
    let [first, second] =
        GUNZIP.with_borrow_mut(|gunzip| gunzip.inflate_both(objects, most, feeds));
    let text = |error: GunzipError| error.to_string();
    Some([one.end(first.map_err(text)), other.end(second.map_err(text))])
}

/// An object being decoded.
struct Decoding<'d, C> {
    job: &'d Job,
    records: Records,
    shapes: &'d mut Shapes,
    collected: C,
}

impl<'d, C: Collect<'d>> Decoding<'d, C> {
    fn begin(job: &'d Job, desk: &'d mut Desk) -> Result<Self, ArrowError> {
        let Desk { shapes, interned, met } = desk;
        let key = job.key();
        let place = key.as_ref().map_or(("", ""), |key| (&key.account, &key.region));
        interned.begin(&job.options, place);
        let limits = &job.options.limits;
        let bounds = Bounds {
            max_record_bytes: limits.max_record_bytes,
            max_tokens: limits.max_tokens_per_call,
        };
        let records = Records::new(bounds).knowing(std::mem::take(shapes));
        Ok(Self { job, records, shapes, collected: C::begin(job, interned, met)? })
    }

    fn feed(&mut self) -> Feed<'_, C> {
        self.records.feed(&mut self.collected)
    }

    /// What came of the object, given its inflated size or why it has none.
    fn end(mut self, inflated: Result<u64, String>) -> Decoded {
        if inflated.is_ok() {
            self.records.finish(&mut self.collected);
        }
        *self.shapes = self.records.into_shapes();
        self.collected.outcome(self.job, inflated)
    }
}

/// What a view makes of an object's records.
trait Collect<'d>: Sink + Sized {
    fn begin(
        job: &'d Job,
        interned: &'d mut Interned,
        met: &'d mut Met,
    ) -> Result<Self, ArrowError>;

    fn outcome(self, job: &Job, inflated: Result<u64, String>) -> Decoded;
}

/// The object's row of partial facts. An unreadable object has a row that says so.
impl<'d> Collect<'d> for PartialSink<'d> {
    fn begin(
        job: &'d Job,
        interned: &'d mut Interned,
        met: &'d mut Met,
    ) -> Result<Self, ArrowError> {
        Ok(Self::new(&job.options, interned, met))
    }

    fn outcome(self, job: &Job, inflated: Result<u64, String>) -> Decoded {
        let scanned = Scanned {
            ordinal: job.ordinal,
            bytes: job.meta.size,
            inflated: *inflated.as_ref().unwrap_or(&0),
            outcome: inflated.map(|_| self.partial),
        };
        let unreadable = usize::from(scanned.outcome.is_err());
        let rejected = scanned.outcome.as_ref().map_or(1, |partial| partial.rejected as usize);
        let row = facts::row(scanned)?.project(&job.columns)?;
        Ok(Outcome { batches: vec![row], unreadable, rejected })
    }
}

/// The object's rows. An unreadable object has none and is counted.
impl<'d> Collect<'d> for RowSink<'d> {
    fn begin(job: &'d Job, interned: &'d mut Interned, _: &'d mut Met) -> Result<Self, ArrowError> {
        Self::new(
            &job.options,
            job.meta.location.as_ref(),
            (&job.columns, job.batch_rows),
            interned,
        )
    }

    fn outcome(self, job: &Job, inflated: Result<u64, String>) -> Decoded {
        match inflated {
            Ok(_) => {
                let rejected = self.rejects;
                Ok(Outcome { batches: self.finish()?, unreadable: 0, rejected })
            }
            Err(error) => {
                tracing::warn!(
                    object = job.meta.location.as_ref(),
                    error,
                    "object could not be read"
                );
                Ok(Outcome { batches: Vec::new(), unreadable: 1, rejected: 0 })
            }
        }
    }
}
