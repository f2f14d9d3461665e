//! The hot loops: steps of one stream, or of two in turn, without a check of bounds in each.
//!
//! The only unsafe code of this folder, with what is below this file. What its proof rests on:
//!
//! 1. *Instructions.* A [`Kernel`] comes from [`Kernel::detect`] alone, which asks the processor.
//! 2. *Input.* A step consumes at most `INPUT_STEP` bytes and then reads the eight at its new
//!    position; [`Lane::steps`] allows only as many steps as keep clear of the last `INPUT_SLACK`
//!    bytes. Reading begins at a position that is left by at least one step, so it is inside too.
//! 3. *Output.* A step yields at most `OUTPUT_STEP` bytes and writes at most `OUTPUT_SLACK` bytes
//!    from where it stands; `Lane::steps` allows only as many as fit. The output is a slice, so all
//!    of it is initialised: reading what was not written yet is useless and sound.
//! 4. *History.* An offset is held against what was written; or `HISTORY` bytes were written on entry
//!    (`CHECKED` is false), and no entry leads further back than that.
//! 5. *Tables.* [`super::Tables`] makes its entries from those of RFC 1951, and here they are only
//!    read. One kind consumes at most 20 bits and yields a length of at most 258, the other at most
//!    28 bits and an offset of at most `HISTORY`. Nothing is assumed of the order of entries.
//! 6. *Assembly.* `turn!` (`x86/turns.rs`) is the step that `step!` is, in the same words and without its check, so 2
//!    to 5 hold for it. Beside what they name it changes only its operands, and words below the top of
//!    the stack, which it leaves where it was.
//!
//! Two lanes are two exclusive borrows, so neither's output is the other's input, output or table.

#![allow(unsafe_code)]

#[cfg(not(target_arch = "x86_64"))]
pub(in super::super) use none::Kernel;
#[cfg(target_arch = "x86_64")]
pub(in super::super) use x86::Kernel;

/// Input bytes that one step consumes at most: 48 bits.
const INPUT_STEP: usize = 6;
/// Input bytes behind the last step: a word of eight, and the byte that the position lies in.
const INPUT_SLACK: usize = 16;
/// Bytes that one step yields at most: two literals, or one and the longest match.
const OUTPUT_STEP: usize = 2 + 258;
/// Bytes that one step writes at most: matches are copied 32 bytes at a time, the first 64 always.
const OUTPUT_SLACK: usize = OUTPUT_STEP + 32;
/// The largest offset.
pub(in super::super) const HISTORY: usize = 32 << 10;
/// Room for output without which nothing is inflated: a step's, so a symbol's too.
pub(in super::super) const ROOM: usize = OUTPUT_SLACK + OUTPUT_STEP;

/// Where one stream stands in a block of symbols.
pub(super) struct Lane<'a> {
    pub(super) input: &'a [u8],
    /// Bits of the input consumed. May lie beyond the input, when that is cut.
    pub(super) position: usize,
    pub(super) output: &'a mut [u8],
    /// Bytes of the output written; never more than there are.
    pub(super) written: usize,
}

impl Lane<'_> {
    /// Steps that can be taken without looking at the ends of input and output (2 and 3 above).
    fn steps(&self) -> usize {
        let input = self.input.len().saturating_sub(self.position / 8 + INPUT_SLACK);
        let output = self.output.len().saturating_sub(self.written + OUTPUT_SLACK);
        (input / INPUT_STEP).min(output / OUTPUT_STEP)
    }
}

/// Which lanes stand before something that is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped(pub(super) [bool; 2]);

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(not(target_arch = "x86_64"))]
mod none {
    use super::super::tables::Tables;
    use super::{Lane, Stopped};

    /// No loops for this machine.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super::super) enum Kernel {}

    impl Kernel {
        /// Always `None`.
        pub(in super::super::super) fn detect() -> Option<Self> {
            None
        }

        /// Cannot be called.
        pub(in super::super) fn one(self, _: &mut Lane<'_>, _: &Tables) {
            match self {}
        }

        /// Cannot be called.
        pub(in super::super) fn two(
            self,
            _: &mut Lane<'_>,
            _: &mut Lane<'_>,
            _: &[Tables; 2],
        ) -> Stopped {
            match self {}
        }
    }
}
