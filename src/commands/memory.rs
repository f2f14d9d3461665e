//! The bound on a query's memory: the session's own, and one behind it that the system keeps.

use crate::engine::gate::RUNNING_STACK;

/// What a process takes beside the rows of a query: plans, footers, code, threads' caches.
const OVERHEAD: u64 = 256 << 20;

/// Most threads of a query that wait for files. Each counts with its whole stack, used or not, so their
/// number has to be known: a scan of a year of daily files would start hundreds.
pub(super) const BLOCKING_THREADS: usize = 16;

/// Has the system refuse memory far beyond what a query may hold. Operators ask the session's pool for what
/// they hold, but a function that makes one giant value asks nobody; then the process ends with "memory
/// allocation failed" and not the machine. Where the system has no such bound, none is set.
pub(super) fn bound(limit: usize) {
    let Some(used) = data_bytes() else { return };
    // Twice, because rows on their way from one operator to the next are not accounted for.
    let rows = 2 * limit as u64;
    let stacks = (BLOCKING_THREADS * RUNNING_STACK) as u64;
    let most = used.saturating_add(rows).saturating_add(stacks).saturating_add(OVERHEAD);
    // A lower bound that is already there stays.
    if let Ok((soft, hard)) = rlimit::getrlimit(rlimit::Resource::DATA) {
        let _ = rlimit::setrlimit(rlimit::Resource::DATA, soft.min(most), hard);
    }
}

/// Writable private memory of this process, as the bound counts it: reserved stacks are in it.
fn data_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let told = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    Some(told.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
