//! DEFLATE for two streams at once: one loop takes a step of each in turn.
//!
//! A step waits for a table, then for the next one, and each wait hangs on the one before; steps of
//! two streams hang on nothing of each other, so one waits while the other computes. The loop is
//! without branches for what comes next (a literal, two, or a match), because those cannot be
//! predicted. One stream alone is no faster than libdeflate: there is no loop here to use instead
//! of it, only one to end with when the other stream has ended.
//!
//! What is not right, or not usual, is given up without a verdict: the caller asks libdeflate. So
//! everything accepted here has to be accepted there, with the same bytes, and nothing else is
//! asked of this code.

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

mod kernel;
mod stream;
mod tables;

#[cfg(test)]
pub(super) use kernel::ROOM;
pub(super) use kernel::{HISTORY, Kernel};
pub(super) use stream::Stream;
pub(super) use tables::Tables;
