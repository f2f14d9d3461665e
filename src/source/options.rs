//! How S3 is reached: region, endpoint, credentials, patience.

use std::time::Duration;

use aws_sdk_s3::config::Credentials;

/// How S3 is reached. The default is what the AWS command line would do: environment, profile,
/// container or instance role, in AWS's own endpoint of the region found there.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// AWS region of the buckets. Default: from environment, profile or instance.
    pub region: Option<String>,
    /// Endpoint of an S3-compatible store, such as `http://127.0.0.1:9000`.
    pub endpoint_url: Option<String>,
    /// Whether the bucket stands in the path and not in the host name. Default: yes where an
    /// endpoint is given, because few of those stores resolve `bucket.host`; no for AWS.
    pub force_path_style: Option<bool>,
    /// Send requests unsigned: for public buckets.
    pub no_sign_request: bool,
    /// Profile of the AWS configuration files. Default: `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Keys given by an embedding program or a test in place of the credential chain. They print
    /// redacted.
    pub credentials: Option<Credentials>,
    /// How often and how long a failing request is tried.
    pub retry: Retry,
}

/// How often and how long a failing request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries of one request, and apart from that of one body cut short, the first included. Six
    /// with doubling waits ride out about half a minute of throttling, which S3 asks for when a
    /// prefix is being split.
    pub attempts: u32,
    /// Wait before the second try; doubled from try to try, with jitter. Half a second is what a
    /// throttled S3 prefix needs to recover at our concurrency.
    pub first_wait: Duration,
    /// Longest wait between two tries: the SDK's own ceiling.
    pub longest_wait: Duration,
    /// Wait for a connection. Within a region one takes milliseconds; five seconds cover other
    /// continents.
    pub connect: Duration,
    /// Wait for the first byte of an answer to a read. S3 answers in tens of milliseconds; thirty
    /// seconds cover stores that read from tape-backed or overloaded disks.
    pub first_byte: Duration,
    /// How long a body may stand still before it counts as stalled: the SDK's default for slow
    /// networks.
    pub stall: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            stall: Duration::from_secs(20),
        }
    }
}

impl Retry {
    /// The wait before try `tries + 1`, between half and the whole of the doubled wait, so that
    /// many clients that failed together do not come back together.
    pub(super) fn wait(&self, tries: u32) -> Duration {
        use std::hash::{BuildHasher, Hasher};
        let whole = self
            .first_wait
            .saturating_mul(1 << tries.saturating_sub(1).min(16))
            .min(self.longest_wait);
        // The standard library's hasher keys are random: enough for jitter, and no dependency.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        whole / 2 + whole.mul_f64((random >> 40) as f64 / f64::from(1 << 25))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_never_all_at_once() {
        let retry = Retry::default();
        for (tries, whole) in
            [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (7, 20_000), (99, 20_000)]
        {
            let whole = Duration::from_millis(whole);
            for _ in 0..50 {
                let wait = retry.wait(tries);
                assert!(wait >= whole / 2 && wait <= whole, "try {tries}: {wait:?}");
            }
        }
    }
}
