//! What several tests need: a real S3-protocol server in this process.

pub(crate) mod s3_bucket;
pub(crate) mod s3_faults;
pub(crate) mod s3_held;
pub(crate) mod s3_server;
