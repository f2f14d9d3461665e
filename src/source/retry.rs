//! Trying again: how long to wait, how often, and until when.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::config::Retry;

/// Requests that were tried again, by what they did. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Retries(Arc<[AtomicU64; 3]>);

/// What a request does, as far as retries are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Lists keys.
    List,
    /// Reads an object or its headers.
    Get,
    /// Writes, copies or removes an object.
    Put,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::List, Self::Get, Self::Put];

    /// The name in metrics: `list`, `get` or `put`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Put => "put",
        }
    }
}

impl Retries {
    /// Requests of a stage that were tried again so far.
    pub fn count(&self, stage: Stage) -> u64 {
        self.0[stage as usize].load(Ordering::Relaxed)
    }

    fn add(&self, stage: Stage) {
        self.0[stage as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// The moment after which nothing more is asked for or read. A plain value; the default is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline(Option<SystemTime>);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(SystemTime::now().checked_add(time))
    }

    /// The time left; `None` when there is no end.
    pub fn left(self) -> Option<Duration> {
        self.0.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}

/// The tries of one request, or of one body with the requests that resume it.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Retry,
    stage: Stage,
    retries: Retries,
    deadline: Deadline,
    begun: Instant,
    /// Requests sent, the current one included.
    pub(super) made: u32,
}

impl Tries {
    /// Before the first request, of which none follows after `deadline`.
    pub(super) fn new(patience: Retry, stage: Stage, retries: Retries, deadline: Deadline) -> Self {
        Self { patience, stage, retries, deadline, begun: Instant::now(), made: 1 }
    }

    /// Waits before the next try. No, without waiting, when all are used up or the time is.
    pub(super) async fn again(&mut self, operation: &str, key: &str, cause: &str) -> bool {
        let wait = self.patience.longest_wait(self.made).mul_f64(random());
        if self.made >= self.patience.attempts
            || self.begun.elapsed() + wait >= self.patience.object_time()
            || self.deadline.left().is_some_and(|left| wait >= left)
        {
            return false;
        }
        let wait_ms = wait.as_millis() as u64;
        tracing::info!(operation, key, tries = self.made, wait_ms, cause, "trying again");
        self.retries.add(self.stage);
        self.made += 1;
        tokio::time::sleep(wait).await;
        true
    }
}

/// A number from 0 to 1. The standard library's hasher keys are random: enough for jitter, and no
/// dependency.
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tries_are_counted_and_end() {
        let patience = Retry { attempts: 3, first_wait_ms: 1, ..Retry::default() };
        let retries = Retries::default();
        let mut tries = Tries::new(patience, Stage::Put, retries.clone(), Deadline::default());
        assert!(tries.again("PutObject", "k", "cause").await);
        assert!(tries.again("PutObject", "k", "cause").await);
        assert!(!tries.again("PutObject", "k", "cause").await);
        assert_eq!(tries.made, 3);
        assert_eq!(Stage::ALL.map(|stage| retries.count(stage)), [0, 0, 2]);
    }

    #[tokio::test]
    async fn a_wait_beyond_the_objects_time_is_not_begun() {
        let patience =
            Retry { first_wait_ms: 60_000_000, longest_wait_ms: 60_000_000, ..Retry::default() };
        let mut hurried = Retry { object_seconds: 0, ..patience };
        hurried.attempts = 100;
        let never = Deadline::default();
        assert!(
            !Tries::new(hurried, Stage::Get, Retries::default(), never).again("", "", "").await
        );
    }

    #[tokio::test]
    async fn nothing_is_tried_again_after_the_deadline() {
        let over = Deadline::after(Duration::ZERO);
        let mut tries = Tries::new(Retry::default(), Stage::List, Retries::default(), over);
        assert!(!tries.again("", "", "").await);
    }

    #[test]
    fn waits_are_drawn_from_the_whole_range() {
        let drawn: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        for tenth in 0..10 {
            let tenth = f64::from(tenth) / 10.0;
            assert!(drawn.iter().any(|x| (tenth..tenth + 0.1).contains(x)), "{tenth}");
        }
    }

    #[test]
    fn a_deadline_passes() {
        assert!(!Deadline::default().is_over());
        assert_eq!(Deadline::default().left(), None);
        assert!(Deadline::after(Duration::ZERO).is_over());
        let later = Deadline::after(Duration::from_secs(60));
        assert!(!later.is_over() && later.left().is_some_and(|left| left.as_secs() >= 58));
    }
}
