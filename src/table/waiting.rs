//! Opened objects that wait for a thread, which takes two of them where no thread is left idle by that: the two
//! largest, because two of about the same size are side by side to the end.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What waits, the largest first.
pub(super) struct Waiting<T>(Mutex<State<T>>);

struct State<T> {
    /// By bytes and order of arrival.
    jobs: BTreeMap<(Reverse<u64>, u64), T>,
    /// Jobs that ever came.
    came: u64,
    /// Threads that have taken something and not finished it.
    busy: usize,
}

impl<T> State<T> {
    fn largest(&mut self) -> Option<T> {
        self.jobs.pop_first().map(|(_, job)| job)
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(Mutex::new(State { jobs: BTreeMap::new(), came: 0, busy: 0 }))
    }
}

impl<T> Waiting<T> {
    /// Adds a job of so many bytes. Somebody has to call [`Waiting::work`] for it, once for each job.
    pub(super) fn push(&self, bytes: u64, job: T) {
        let mut state = self.lock();
        let place = (Reverse(bytes), state.came);
        state.came += 1;
        state.jobs.insert(place, job);
    }

    /// Hands one or two jobs to `run`; none, if other threads took two. `threads` is how many there
    /// are: the second is left to them as long as one of them has nothing to do.
    pub(super) fn work(&self, threads: usize, run: impl FnOnce(T, Option<T>)) {
        /// Says when a thread is free again, also if it panicked.
        struct Busy<'a, T>(&'a Waiting<T>);
        impl<T> Drop for Busy<'_, T> {
            fn drop(&mut self) {
                self.0.lock().busy -= 1;
            }
        }

        let mut state = self.lock();
        let Some(first) = state.largest() else { return };
        state.busy += 1;
        let idle = threads.saturating_sub(state.busy);
        let second = if state.jobs.len() > idle { state.largest() } else { None };
        drop(state);
        let _busy = Busy(self);
        run(first, second);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// What a call of `work` is handed.
    fn taken(waiting: &Waiting<u32>, threads: usize) -> Option<(u32, Option<u32>)> {
        let mut taken = None;
        waiting.work(threads, |first, second| taken = Some((first, second)));
        taken
    }

    #[test]
    fn two_only_where_nobody_is_idle() {
        let waiting = Waiting::default();
        (0..5).for_each(|job| waiting.push(0, job));
        // Three others could begin: one job is left to each of them, and the fifth goes along.
        assert_eq!(taken(&waiting, 4), Some((0, Some(1))));
        assert_eq!(taken(&waiting, 4), Some((2, None)));
        // One thread alone always takes two.
        assert_eq!(taken(&waiting, 1), Some((3, Some(4))));
        assert_eq!(taken(&waiting, 1), None);
        // While one is busy, nothing needs to be left to it.
        (0..3).for_each(|job| waiting.push(0, job));
        waiting.work(2, |first, second| {
            assert_eq!((first, second), (0, Some(1)));
            assert_eq!(taken(&waiting, 2), Some((2, None)));
        });
    }

    #[test]
    fn the_two_largest_go_together() {
        let waiting = Waiting::default();
        for (job, bytes) in [5, 900, 7, 900, 6, 800].into_iter().enumerate() {
            waiting.push(bytes, job as u32);
        }
        assert_eq!(taken(&waiting, 1), Some((1, Some(3))));
        waiting.push(7, 6);
        assert_eq!(taken(&waiting, 1), Some((5, Some(2))));
        assert_eq!(taken(&waiting, 1), Some((6, Some(4))));
        assert_eq!(taken(&waiting, 1), Some((0, None)));
    }

    #[test]
    fn every_job_is_run_once() {
        let (waiting, sum) = (Waiting::default(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (waiting, sum) = (&waiting, &sum);
                scope.spawn(move || {
                    for job in 0..1_000 {
                        waiting.push(job % 7, thread * 1_000 + job);
                        waiting.work(4, |first, second| {
                            sum.fetch_add(first + second.unwrap_or(0), Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), (0..4_000).sum::<u64>());
        assert!(waiting.lock().jobs.is_empty() && waiting.lock().busy == 0);
    }

    #[test]
    fn a_panic_leaves_nobody_busy() {
        let waiting = Waiting::default();
        waiting.push(0, 0);
        let work = AssertUnwindSafe(|| waiting.work(2, |_, _| panic!("as wanted")));
        assert!(catch_unwind(work).is_err());
        assert_eq!(waiting.lock().busy, 0);
    }
}
