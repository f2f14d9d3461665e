//! One gzip member inflated whole by libdeflate, and its checksum: unsafe code, because it calls into C.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use libdeflate_sys as sys;

/// How inflating one member into a buffer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// The member took `used` bytes of input and its checksum holds; the output was appended.
    Member { used: usize },
    /// The output does not fit into the buffer's capacity; nothing was appended.
    Full,
    /// Not gzip, cut or corrupt; nothing was appended.
    Corrupt,
}

/// A libdeflate decompressor; reusable, not shareable.
pub(super) struct Inflater(NonNull<sys::libdeflate_decompressor>);

// SAFETY: the decompressor is plain memory without thread affinity (libdeflate.h: each may be used
// by one thread at a time); `inflate` takes `&mut self`, so no two threads use it at once.
unsafe impl Send for Inflater {}

impl Inflater {
    /// A decompressor, or `None` when there is no memory for one (about 11 KB).
    pub(super) fn new() -> Option<Self> {
        // SAFETY: takes no arguments; null is handled by `NonNull::new`.
        NonNull::new(unsafe { sys::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Inflates the member at the start of `input` into the spare capacity of `output`.
    pub(super) fn member(&mut self, input: &[u8], output: &mut Vec<u8>) -> Inflated {
        let (mut used, mut written) = (0usize, 0usize);
        let spare = output.spare_capacity_mut();
        // SAFETY: `self.0` is a live decompressor that only `drop` frees. `input` and `spare` are
        // valid for their lengths and cannot overlap, because `output` is borrowed mutably.
        // libdeflate writes at most `spare.len()` bytes, never reads the output before it wrote it,
        // and sets both counts on success.
        let result = unsafe {
            sys::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                spare.as_mut_ptr().cast(),
                spare.len(),
                &raw mut used,
                &raw mut written,
            )
        };
        match result {
            sys::libdeflate_result_LIBDEFLATE_SUCCESS => {
                let length = output.len() + written.min(output.spare_capacity_mut().len());
                // SAFETY: the first `written` spare bytes were just written, and `written` does not
                // exceed the spare capacity (clamped above, should the C side ever be wrong).
                unsafe { output.set_len(length) };
                Inflated::Member { used: used.min(input.len()) }
            }
            sys::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Inflated::Full,
            _ => Inflated::Corrupt,
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: allocated by `libdeflate_alloc_decompressor`, freed once.
        unsafe { sys::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}

/// The CRC-32 of `bytes` behind those that `crc` is of; 0 is that of none.
pub(super) fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    // SAFETY: reads `bytes.len()` bytes and nothing else.
    unsafe { sys::libdeflate_crc32(crc, bytes.as_ptr().cast(), bytes.len()) }
}
