//! How S3 is reached: region, endpoint, credentials, patience.

use aws_sdk_s3::config::Credentials;

use super::retry::{Deadline, Retries};
use crate::config::Retry;

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
    /// After it no listing is tried again. Reads have theirs in [`super::Allowance`], and writes have none.
    pub list_until: Deadline,
    /// Counts the requests that were tried again by all stores opened with these options.
    pub retries: Retries,
}
