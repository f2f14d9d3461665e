//! Buffers of objects that were read: each goes back when its bytes were used, for the next object.
//!
//! A fresh buffer for each object costs more than a tenth of reading it: the system clears its pages, and they
//! are in no cache. Whoever reads many objects holds the buffers and hands them to [`super::get`] or
//! [`super::get_here`].

use std::collections::TryReserveError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers kept: as many objects as are in flight at once at most (`limits.concurrent_objects`).
const KEPT: usize = 64;

/// Largest buffer kept, in bytes. Log objects take about a megabyte; the buffer of a larger one is not held
/// for small ones.
const LARGEST: usize = 4 << 20;

/// Buffers that wait for the next object. Clones share them.
#[derive(Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer with room for so many bytes, used before if there is one.
    ///
    /// # Errors
    /// There is no memory for them.
    pub(super) fn take(&self, length: usize) -> Result<Vec<u8>, TryReserveError> {
        let mut bytes = self.with_room(length)?;
        bytes.clear();
        Ok(bytes)
    }

    /// A buffer of `length` bytes, which are whatever was in it, to be written over.
    ///
    /// # Errors
    /// There is no memory for them.
    pub(super) fn take_full(&self, length: usize) -> Result<Vec<u8>, TryReserveError> {
        let mut bytes = self.with_room(length)?;
        bytes.resize(length, 0);
        Ok(bytes)
    }

    /// A used buffer that is large enough, or a fresh one in place of one that is not: a buffer that grows takes
    /// along what is in it.
    fn with_room(&self, length: usize) -> Result<Vec<u8>, TryReserveError> {
        let mut waiting = self.waiting();
        let fits = waiting.iter().rposition(|used| used.capacity() >= length);
        if let Some(at) = fits {
            return Ok(waiting.swap_remove(at));
        }
        let small = waiting.pop();
        drop((waiting, small));
        let mut fresh = Vec::new();
        fresh.try_reserve_exact(length)?;
        Ok(fresh)
    }

    /// The bytes of a buffer, which comes back when the last of them is let go.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, buffers: self.clone() })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        // Buffers are whole whatever a thread that held the lock did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffers({})", self.waiting().len())
    }
}

/// A buffer in use.
struct Lent {
    bytes: Vec<u8>,
    buffers: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut waiting = self.buffers.waiting();
        if bytes.capacity() <= LARGEST && waiting.len() < KEPT {
            waiting.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_when_all_have_let_go_of_it() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(1000).unwrap();
        buffer.extend_from_slice(&[7; 1000]);
        let (room, at) = (buffer.capacity(), buffer.as_ptr());
        let bytes = buffers.lend(buffer);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert!(buffers.take(0).unwrap().capacity() < room);
        assert_eq!(&part[..], [7; 10]);
        drop(part);
        let again = buffers.take(room).unwrap();
        assert_eq!((again.len(), again.capacity(), again.as_ptr()), (0, room, at));
        drop(buffers.lend(again));
        let larger = buffers.take(room + 1).unwrap();
        assert!(larger.is_empty() && larger.capacity() > room);
        assert_eq!(format!("{buffers:?}"), "Buffers(0)");
        let at = larger.as_ptr();
        drop(buffers.lend(larger));
        for length in [300, 7, 900] {
            let full = buffers.take_full(length).unwrap();
            assert_eq!((full.len(), full.as_ptr()), (length, at));
            drop(buffers.lend(full));
        }
    }

    #[test]
    fn few_are_kept_and_no_large_one() {
        let buffers = Buffers::default();
        drop(buffers.lend(Vec::with_capacity(LARGEST + 1)));
        assert_eq!(format!("{buffers:?}"), "Buffers(0)");
        let lent: Vec<_> = (0..KEPT + 5).map(|_| buffers.lend(vec![0; 9])).collect();
        drop(lent);
        assert_eq!(format!("{buffers:?}"), format!("Buffers({KEPT})"));
    }
}
