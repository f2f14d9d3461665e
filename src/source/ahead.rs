//! Telling the system which objects on disk are read next, where readers have to wait for the disk.
//!
//! What is in memory already is read at the speed of a copy, and announcing it would cost more than it gains.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use object_store::ObjectMeta;

/// Speed below which a reader waited, in bytes a second: disks bring a gigabyte or two, copies in memory five and more.
const WAITED_BELOW: f64 = 2e9;

/// Time of a read that tells nothing: opening a file takes that long, and one may be interrupted.
const AT_LEAST: Duration = Duration::from_micros(200);

/// What a read that waited adds to the measure, from which one that did not takes one.
const WAITED: u32 = 4;

/// The measure from which on all that follows is announced: about eight reads in a row that waited.
const ENOUGH: u32 = 32;

/// How reading a disk went so far, for all who read it.
#[derive(Debug, Default)]
pub struct Ahead(AtomicU32);

impl Ahead {
    /// Notes that reading so many bytes took so long.
    pub(super) fn took(&self, bytes: usize, time: Duration) {
        let before = self.0.load(Ordering::Relaxed);
        if before >= ENOUGH {
            return;
        }
        let copied = AT_LEAST + Duration::from_secs_f64(bytes as f64 / WAITED_BELOW);
        let now = if time > copied { before + WAITED } else { before.saturating_sub(1) };
        // Notes of two threads at once may be taken for one.
        self.0.store(now, Ordering::Relaxed);
    }

    /// Has the system begin to read the object, if readers have to wait for what they read.
    pub fn announce(&self, object: &ObjectMeta) {
        if self.0.load(Ordering::Relaxed) >= ENOUGH {
            begin(object);
        }
    }
}

#[cfg(target_os = "linux")]
fn begin(object: &ObjectMeta) {
    use rustix::fs::{Advice, fadvise};
    // Whoever reads it is told what is wrong with it.
    if let Ok(file) = std::fs::File::open(super::LocalStore::file(&object.location)) {
        let _ = fadvise(&file, 0, None, Advice::WillNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin(_: &ObjectMeta) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_keeps_readers_waiting_is_told() {
        let is_told = |ahead: &Ahead| ahead.0.load(Ordering::Relaxed) >= ENOUGH;
        let (megabyte, quick) = (1 << 20, Duration::from_micros(400));
        let slow = Duration::from_millis(2);
        let interrupted = Ahead::default();
        for read in 0..1000 {
            interrupted.took(megabyte, if read % 10 == 0 { slow } else { quick });
        }
        assert!(!is_told(&interrupted));
        let cold = Ahead::default();
        (0..ENOUGH / WAITED).for_each(|_| cold.took(megabyte, slow));
        assert!(is_told(&cold));
        // What was announced comes quickly, and that is no reason to stop.
        (0..1000).for_each(|_| cold.took(megabyte, quick));
        assert!(is_told(&cold));
    }
}
