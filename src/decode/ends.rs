//! How far a cursor may run: to the end of a string, to the end of a value that nobody looks into.
//!
//! There are two answers to each question, [`Slow`] and [`Fast`], and they must agree on any bytes.
//! The slow one looks at one byte after the other and is what the fast one is held against. The fast
//! one compares 16 bytes at once where ends are near, in keys and short strings, and 64 where they are
//! far, in prompts, answers and embeddings.

use super::balance::{self, FastElements, Inside, Names, Stop, Text, Value};
use super::json::Step;
use super::lanes::{BLOCK, Compare, Lanes, NEAR, Task, ascii, special_among};
use super::shapes::{Recall, Slot};

/// Finds ends.
pub trait Ends: Copy {
    /// What finds the same by calls, for code that is not compiled for the machine's own instructions.
    type Far: Ends;

    /// That.
    fn far(self) -> Self::Far;

    /// The bytes from `at` to a quote that is near, with nothing special before it; `None` says nothing.
    fn near(self, bytes: &[u8], at: usize) -> Option<&[u8]>;

    /// The same, where all of them are ASCII.
    #[inline(always)]
    fn plain(self, bytes: &[u8], at: usize) -> Option<&str> {
        ascii(self.near(bytes, at)?)
    }

    /// The position of the quote that ends the string whose text begins at `at`, and whether there is a
    /// backslash in it. Escapes are not looked at.
    fn text(self, bytes: &[u8], at: usize) -> Step<(usize, bool)>;

    /// The position behind the object or array that begins at `at` and is balanced (see `balance`).
    fn value(self, bytes: &[u8], at: usize) -> Step<usize>;

    /// Steps over elements of an array until it ends or one holds a key of `names`, all balanced.
    fn elements(self, bytes: &[u8], from: Inside, names: &Names) -> Step<Stop>;

    /// Whether shapes of records are to be learned and recalled.
    const SHAPED: bool = false;

    /// Reads a record by the shape it has. `None` says nothing.
    fn recall(self, _: Recall<'_, '_, '_>) -> Option<usize> {
        None
    }

    /// Hears which value was read, and from where to where.
    #[inline(always)]
    fn note(self, _: Slot, _: usize, _: usize) {}
}

/// Byte by byte.
#[derive(Clone, Copy, Debug)]
pub struct Slow;

impl Ends for Slow {
    type Far = Self;

    fn far(self) -> Self {
        self
    }

    fn near(self, _: &[u8], _: usize) -> Option<&[u8]> {
        None
    }

    fn text(self, bytes: &[u8], at: usize) -> Step<(usize, bool)> {
        balance::text(bytes, at)
    }

    fn value(self, bytes: &[u8], at: usize) -> Step<usize> {
        balance::value(bytes, at)
    }

    fn elements(self, bytes: &[u8], from: Inside, names: &Names) -> Step<Stop> {
        balance::elements(bytes, from, names)
    }
}

/// Many bytes at once, with the instructions that the machine has.
#[derive(Clone, Copy, Debug)]
pub struct Fast(Lanes);

impl Fast {
    /// With the widest instructions of this machine.
    pub fn new() -> Self {
        Self(Lanes::best())
    }

    /// With each kind of instructions that this machine has.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        Lanes::all().into_iter().map(Self).collect()
    }
}

impl Default for Fast {
    fn default() -> Self {
        Self::new()
    }
}

impl Ends for Fast {
    type Far = Self;

    #[inline(always)]
    fn far(self) -> Self {
        self
    }

    const SHAPED: bool = true;

    #[inline]
    fn recall(self, recall: Recall<'_, '_, '_>) -> Option<usize> {
        self.0.run(Recalling { recall, fast: self })
    }

    #[inline(always)]
    fn near(self, bytes: &[u8], at: usize) -> Option<&[u8]> {
        let bytes: &[u8; 2 * NEAR] = bytes.get(at..)?.first_chunk()?;
        let mut length = special_among(bytes.first_chunk()?);
        if length >= NEAR {
            length += special_among(bytes.last_chunk()?);
        }
        let (plain, rest) = bytes.split_at_checked(length)?;
        rest.starts_with(b"\"").then_some(plain)
    }

    #[inline]
    fn text(self, bytes: &[u8], at: usize) -> Step<(usize, bool)> {
        self.0.run(Text { bytes, at })
    }

    #[inline]
    fn value(self, bytes: &[u8], at: usize) -> Step<usize> {
        self.0.run(Value { bytes, at })
    }

    #[inline]
    fn elements(self, bytes: &[u8], from: Inside, names: &Names) -> Step<Stop> {
        self.0.run(FastElements { bytes, from, names })
    }
}

/// Reading by a shape, compiled for each kind of instructions.
struct Recalling<'s, 'r, 'a> {
    recall: Recall<'s, 'r, 'a>,
    fast: Fast,
}

impl Task for Recalling<'_, '_, '_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> Option<usize> {
        self.recall.run(lanes, Within { lanes, fast: self.fast })
    }
}

/// As [`Fast`], in code that is compiled for these lanes: ends of strings are found without a call.
#[derive(Clone, Copy, Debug)]
struct Within<C> {
    lanes: C,
    fast: Fast,
}

impl<C: Compare> Ends for Within<C> {
    type Far = Fast;

    #[inline(always)]
    fn far(self) -> Fast {
        self.fast
    }

    #[inline(always)]
    fn near(self, bytes: &[u8], at: usize) -> Option<&[u8]> {
        let bytes: &[u8; BLOCK] = bytes.get(at..)?.first_chunk()?;
        let block = self.lanes.load(bytes);
        let special = self.lanes.special(block);
        let first = special & special.wrapping_neg();
        let is_quote = self.lanes.equal(block, b'"') & first != 0;
        if is_quote { bytes.get(..special.trailing_zeros() as usize) } else { None }
    }

    #[inline(always)]
    fn plain(self, bytes: &[u8], at: usize) -> Option<&str> {
        self.lanes.plain(bytes.get(at..)?.first_chunk()?)
    }

    #[inline(always)]
    fn text(self, bytes: &[u8], at: usize) -> Step<(usize, bool)> {
        self.fast.text(bytes, at)
    }

    #[inline(always)]
    fn value(self, bytes: &[u8], at: usize) -> Step<usize> {
        self.fast.value(bytes, at)
    }

    #[inline(always)]
    fn elements(self, bytes: &[u8], from: Inside, names: &Names) -> Step<Stop> {
        self.fast.elements(bytes, from, names)
    }
}
