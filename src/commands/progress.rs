//! Progress of long work, on standard error and only on a terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::log;
use crate::store::ledger::Reading;
use crate::table::source::ScanObject;

/// How often the display moves; faster is unrest, slower looks stuck.
const TICK: Duration = Duration::from_millis(120);

/// A display of what is being done. Hidden where standard error is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    records: AtomicU64,
    objects: AtomicU64,
    stages: Mutex<Stages>,
}

/// How long each stage took so far.
#[derive(Default)]
struct Stages {
    done: Vec<(&'static str, Duration)>,
    current: Option<(&'static str, Instant)>,
}

impl Stages {
    /// Ends the stage that is going on. One that comes again goes on where it was.
    fn close(&mut self) {
        let Some((name, since)) = self.current.take() else { return };
        match self.done.iter_mut().find(|(other, _)| *other == name) {
            Some((_, took)) => *took += since.elapsed(),
            None => self.done.push((name, since.elapsed())),
        }
    }
}

impl Progress {
    /// A display that does not know yet how much there is to do.
    pub(super) fn new() -> Self {
        // Events on the same terminal would tear the display.
        let bar = match log::is_shown() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        bar.enable_steady_tick(TICK);
        let (records, objects) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { bar, records, objects, stages: Mutex::default() }
    }

    /// The next stage of the run begins: `list`, `read`, `merge`, `judge` or `write`.
    pub(super) fn enter(&self, stage: &'static str) {
        // Nothing panics while it is held.
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        if stages.current.is_none_or(|(current, _)| current != stage) {
            stages.close();
            stages.current = Some((stage, Instant::now()));
            tracing::info!(stage, "stage begins");
        }
    }

    /// The stages so far, in the order in which they first began, and how long each took.
    pub(super) fn stages(&self) -> Vec<(&'static str, Duration)> {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.close();
        stages.done.clone()
    }

    /// So many objects were found so far.
    pub(super) fn listing(&self, source: &str, found: usize) {
        self.enter("list");
        self.bar.set_message(format!("listing {source}: {} objects", HumanCount(found as u64)));
    }

    /// Reading begins.
    pub(super) fn begin_reading(&self, bytes: u64) {
        self.enter("read");
        // A message too long for the terminal is cut, not wrapped.
        let template = "{bar:12} {bytes}/{total_bytes} {eta} left {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message("");
        self.bar.set_length(bytes);
        self.bar.reset();
    }

    /// An object was read.
    pub(super) fn read(&self, object: &ScanObject, reading: &Reading) {
        let add = |counter: &AtomicU64, more| counter.fetch_add(more, Ordering::Relaxed) + more;
        let records = add(&self.records, reading.records);
        let objects = add(&self.objects, 1);
        self.bar.inc(object.meta.size);
        let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!(
            "{} objects, {} records/s",
            HumanCount(objects),
            HumanCount((records as f64 / seconds) as u64)
        ));
    }

    /// Something without a measure is being done.
    pub(super) fn doing(&self, what: &'static str) {
        self.enter(what);
        self.bar.set_style(ProgressStyle::default_spinner());
        self.bar.set_message(what);
    }

    /// Clears the display.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A number of bytes for people.
pub(super) fn human_bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}
