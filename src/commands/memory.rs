//! Memory of the process: how freed memory is used again, and the bound on a query's.
//!
//! A query's bound is the session's own, and one behind it that the system keeps.
//!
//! One call into C here is unsafe code, with its proof.

use crate::engine::gate::RUNNING_STACK;

/// What a process takes beside the rows of a query: plans, footers, code, threads' caches.
const OVERHEAD: u64 = 256 << 20;

/// Most threads of a query that wait for files. Each counts with its whole stack, used or not, so their
/// number has to be known: a scan of a year of daily files would start hundreds.
pub(super) const BLOCKING_THREADS: usize = 16;

/// Bytes from which on memory is taken from the system and given back for each piece alone. It is where glibc ends up when
/// pieces of that size were given back; it begins at 128 KB, and until then pages are given back, taken anew
/// and cleared for each buffer.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: i32 = 32 << 20;

/// Free bytes at the end of a place from which on they go back to the system. With eight times as many an audit of 39 GB of small
/// records took 128 to 136 MB of memory, with these 126 to 132, in the same time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 8 << 20;

/// Has freed memory used again: pieces below [`MAPPED`] are kept for that, in as many places as there are cores.
///
/// glibc gives each thread one of its own, up to eight a core, and what is free in one serves no other: an audit of 20 GB
/// on two cores took 104 MB of memory with one place, 106 to 114 with two and 123 with sixteen, and with two 103 to 116 since
/// pieces are kept. With one for both cores threads wait for each other: an audit of a gigabyte took 2 to 3 % longer.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn reuse_freed() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let arenas = i32::try_from(cores).unwrap_or(i32::MAX);
    let settings = [
        (libc::M_ARENA_MAX, arenas),
        (libc::M_MMAP_THRESHOLD, MAPPED),
        (libc::M_TRIM_THRESHOLD, KEPT),
    ];
    for (parameter, value) in settings {
        // SAFETY: `mallopt` takes two numbers by value, may be called at any time and only notes them. That it was refused
        // changes nothing but how much memory is taken.
        #[allow(unsafe_code)]
        let _ = unsafe { libc::mallopt(parameter, value) };
    }
}

/// Nothing: other allocators have ways of their own.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn reuse_freed() {}

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
