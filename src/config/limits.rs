//! `[limits]`: bounds on what a scan may hold, read or let pass.

use serde::Deserialize;

/// Bounds on memory, records and rejects.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest record in bytes. Bedrock keeps each body under 100 KB in the record, so two bodies and the
    /// envelope stay far below 1 MiB; 16 MiB leaves room for what other tools write.
    pub max_record_bytes: usize,
    /// Largest object in bytes, compressed. It is held in memory once. The largest seen in practice is
    /// tens of megabytes; 1 GiB keeps a mistake from taking the machine.
    pub max_object_bytes: u64,
    /// Largest object in bytes after inflating; beyond it the object counts as a gzip bomb. Real logs
    /// inflate 4- to 15-fold, so the limit is far above what `max_object_bytes` of logs can hold.
    pub max_inflated_bytes: u64,
    /// Largest token count of one call that is believed. Context windows end at ten million tokens.
    pub max_tokens_per_call: i64,
    /// Rejected records of one object that are listed one by one; the rest is only counted. Ten thousand
    /// show any pattern, and a hostile object cannot fill the memory with rejects.
    pub max_rejects_listed: usize,
    /// Rejected records per thousand above which an audit counts as incomplete (exit code 3).
    pub max_rejects_per_mille: u32,
    /// Objects in flight at once, at most. Where S3 takes 30 ms to answer, 64 at once are two thousand small
    /// objects a second. From a disk no more than four for each core.
    pub concurrent_objects: usize,
    /// Bytes of compressed objects in flight at once; two for each core whatever their size. With inflating (15-fold
    /// at most in practice) done in pieces, this is what bounds memory. 16 MiB within 50 ms are 320 MB a second: as
    /// much as two cores inflate.
    pub in_flight_bytes: u64,
    /// Bytes that sorting and merging facts may use before they spill to the temporary folder.
    pub query_memory_bytes: usize,
    /// Objects listed per date prefix ahead of the window's end, in hours: delivery lags by minutes, so one
    /// hour is needed and three cost little.
    pub late_hours: u32,
    /// Seconds that the lock of a dataset on S3 holds without being renewed: after a crash on another machine
    /// the next audit waits no longer. It is renewed three times in that time.
    pub lock_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_record_bytes: 16 << 20,
            max_object_bytes: 1 << 30,
            max_inflated_bytes: 16 << 30,
            max_tokens_per_call: 100_000_000,
            max_rejects_listed: 10_000,
            max_rejects_per_mille: 1,
            concurrent_objects: 64,
            in_flight_bytes: 16 << 20,
            query_memory_bytes: 192 << 20,
            late_hours: 3,
            lock_seconds: 60,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in [
            ("max_record_bytes", self.max_record_bytes as u64),
            ("max_object_bytes", self.max_object_bytes),
            ("max_inflated_bytes", self.max_inflated_bytes),
            ("concurrent_objects", self.concurrent_objects as u64),
            ("in_flight_bytes", self.in_flight_bytes),
            ("query_memory_bytes", self.query_memory_bytes as u64),
            ("lock_seconds", self.lock_seconds),
        ] {
            if value == 0 {
                return Err(format!("limits.{key} must be at least 1"));
            }
        }
        Ok(())
    }
}
