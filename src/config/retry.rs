//! `[retry]`: how often and how long a request to S3 is tried.

use std::time::Duration;

use serde::Deserialize;

/// How often and how long a request to S3 is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Requests for one object, page of a listing or part of a file, the first included and those that
    /// resume a body cut short among them. Eight, with waits drawn from a doubling range, ride out about
    /// 25 seconds of throttling on average and 51 at most; S3 throttles while it splits a busy prefix,
    /// and what is still refused then is left to the next run.
    pub attempts: u32,
    /// Longest wait before the second try, in milliseconds; doubled from try to try. Each wait is drawn
    /// evenly between nothing and that, so that many requests that failed together do not come back
    /// together. Half a second is what a throttled prefix needs at our concurrency.
    pub first_wait_ms: u64,
    /// Bound on the doubling, in milliseconds: the AWS SDKs' own.
    pub longest_wait_ms: u64,
    /// Time for one object of S3 from the first request to the last byte, waits included, in seconds. A
    /// quarter of an hour brings the largest object allowed (1 GiB) over a line of 10 Mbit/s.
    pub object_seconds: u64,
    /// Wait for a connection, in milliseconds. Within a region one takes milliseconds; five seconds
    /// cover other continents.
    pub connect_ms: u64,
    /// Wait for the first byte of an answer to a read, in milliseconds. S3 answers in tens of
    /// milliseconds; thirty seconds cover stores that read from tape-backed or overloaded disks.
    pub first_byte_ms: u64,
    /// How long a body may stand still before it counts as broken, in milliseconds: the SDK's default
    /// for slow networks.
    pub stall_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_wait_ms: 500,
            longest_wait_ms: 20_000,
            object_seconds: 900,
            connect_ms: 5_000,
            first_byte_ms: 30_000,
            stall_ms: 20_000,
        }
    }
}

impl Retry {
    /// The longest wait before try `tries + 1`.
    pub fn longest_wait(&self, tries: u32) -> Duration {
        let doubled = self.first_wait_ms.saturating_mul(1 << tries.saturating_sub(1).min(20));
        Duration::from_millis(doubled.min(self.longest_wait_ms))
    }

    /// The time for one object.
    pub fn object_time(&self) -> Duration {
        Duration::from_secs(self.object_seconds)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in [
            ("attempts", u64::from(self.attempts)),
            ("object_seconds", self.object_seconds),
            ("connect_ms", self.connect_ms),
            ("first_byte_ms", self.first_byte_ms),
            ("stall_ms", self.stall_ms),
        ] {
            if value == 0 {
                return Err(format!("retry.{key} must be at least 1"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::default();
        for (tries, most) in
            [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (7, 20_000), (u32::MAX, 20_000)]
        {
            assert_eq!(retry.longest_wait(tries), Duration::from_millis(most), "try {tries}");
        }
    }
}
