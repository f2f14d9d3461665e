//! Progress of long work, on standard error and only on a terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::store::ledger::Reading;
use crate::table::source::ScanObject;

/// How often the display moves; faster is unrest, slower looks stuck.
const TICK: Duration = Duration::from_millis(120);

/// A display of what is being done. Hidden where standard error is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    records: AtomicU64,
    objects: AtomicU64,
}

impl Progress {
    /// A display that does not know yet how much there is to do.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(TICK);
        Self { bar, records: AtomicU64::new(0), objects: AtomicU64::new(0) }
    }

    /// So many objects were found so far.
    pub(super) fn listing(&self, source: &str, found: usize) {
        self.bar.set_message(format!("listing {source}: {} objects", HumanCount(found as u64)));
    }

    /// Reading begins.
    pub(super) fn begin_reading(&self, bytes: u64) {
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
