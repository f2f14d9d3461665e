//! Named instants at which a test can let the process die, to see what the next run makes of it.
//!
//! `HALFRATE_FAIL_POINT=name` ends the process at the first passage of that point, `name:3` at the third.
//! Release builds have no points, and sizes that a test may set are as they are.

/// Every point, in the order in which an audit passes them.
pub const POINTS: [&str; 11] = [
    "locked",
    "scanned",
    "settled",
    "file-staged",
    "file-renamed",
    "state-committed",
    "update-done",
    "table-written",
    "tables-done",
    "file-removed",
    "index-written",
];

/// Ends the process here when the environment asks for it.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let told = std::env::var("HALFRATE_FAIL_POINT").ok()?;
        let (name, times) = told.split_once(':').unwrap_or((&told, "1"));
        Some((name.to_owned(), times.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    debug_assert!(POINTS.contains(&name), "no fail point {name}");
    if let Some((wanted, times)) = &*WANTED
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *times
    {
        std::process::abort();
    }
}

/// Nothing: release builds do not fail on demand.
#[cfg(not(debug_assertions))]
pub fn point(_: &str) {}

/// A size in bytes, or the smaller one that the environment tells, so that a test need not write megabytes.
#[cfg(debug_assertions)]
pub fn bytes(name: &str, bytes: usize) -> usize {
    std::env::var(name).ok().and_then(|told| told.parse().ok()).unwrap_or(bytes)
}

/// The size as it is: release builds ask nobody.
#[cfg(not(debug_assertions))]
pub fn bytes(_: &str, bytes: usize) -> usize {
    bytes
}
