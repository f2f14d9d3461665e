//! How far a cursor may run: to the end of a string's plain part, along the numbers of an array.
//!
//! There are two answers to each question, [`Slow`] and [`Fast`], and they must agree on any bytes.
//! The slow one looks at one byte after the other and is what the fast one is held against. The fast
//! one compares 16 bytes at once where ends are near, in keys and short strings, and 64 where they are
//! far, in prompts, answers and embeddings.

use super::lanes::{BLOCK, Compare, Lanes, NEAR, Task, special_among};

/// Finds ends.
pub trait Ends: Copy {
    /// The bytes from `at` to a quote that is near, with nothing special before it; `None` says nothing.
    fn near(self, bytes: &[u8], at: usize) -> Option<&[u8]>;

    /// Position of the first quote, backslash or control character at or behind `at`.
    fn special(self, bytes: &[u8], at: usize) -> Option<usize>;

    /// How far numbers of an array reach, of which one may begin at `at`: every number before the
    /// returned position is well formed and followed by a comma. May return less than there is.
    fn numbers(self, bytes: &[u8], at: usize) -> usize;
}

/// Byte by byte.
#[derive(Clone, Copy, Debug)]
pub struct Slow;

impl Ends for Slow {
    fn near(self, _: &[u8], _: usize) -> Option<&[u8]> {
        None
    }

    fn special(self, bytes: &[u8], at: usize) -> Option<usize> {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        bytes.get(at..)?.iter().position(special).map(|length| at + length)
    }

    fn numbers(self, _: &[u8], at: usize) -> usize {
        at
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
    fn special(self, bytes: &[u8], at: usize) -> Option<usize> {
        self.0.run(Special { bytes, at })
    }

    #[inline(never)]
    fn numbers(self, bytes: &[u8], at: usize) -> usize {
        self.0.run(Numbers { bytes, at })
    }
}

/// Looks for the first special byte.
struct Special<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Task for Special<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> Option<usize> {
        let mut at = self.at;
        let (blocks, _) = self.bytes.get(at..)?.as_chunks::<BLOCK>();
        for block in blocks {
            let special = lanes.special(lanes.load(block));
            if special != 0 {
                return Some(at + special.trailing_zeros() as usize);
            }
            at += BLOCK;
        }
        Slow.special(self.bytes, at)
    }
}

/// Steps along numbers.
struct Numbers<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Task for Numbers<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> usize {
        let mut at = self.at;
        while let Some(block) = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            // The next block is known before this one is judged: the processor need not wait.
            let (length, wrong) = numbers_with_commas(lanes, block);
            if wrong != 0 || length == 0 {
                break;
            }
            at += length;
        }
        at
    }
}

/// Length of the numbers at the beginning of `bytes` that are followed by a comma, and bits for what is
/// not well formed in them. The length is 0 where there is none or the first one has an exponent.
///
/// Numbers may have one space before them. What JSON says of them becomes arithmetic on masks: bit *i*
/// is byte *i*, a shift by one is the byte behind.
#[inline(always)]
fn numbers_with_commas<C: Compare>(lanes: C, bytes: &[u8; BLOCK]) -> (usize, u64) {
    let block = lanes.load(bytes);
    let (commas, spaces) = (lanes.equal(block, b','), lanes.equal(block, b' '));
    let (points, minuses) = (lanes.equal(block, b'.'), lanes.equal(block, b'-'));
    let zeros = lanes.equal(block, b'0');
    let digits = lanes.between(block, b'0', b'9');
    let foreign = !(commas | spaces | points | minuses | digits);
    // All up to the last comma before the first foreign byte.
    let commas = commas & (foreign & foreign.wrapping_neg()).wrapping_sub(1);
    if commas == 0 {
        return (0, 0);
    }
    let length = BLOCK - commas.leading_zeros() as usize;
    let due = commas << 1 | 1;
    let starts = due & !spaces | (due & spaces) << 1;
    let first_digits = starts | (starts & minuses) << 1;
    let fractions = points << 1;
    let mut wrong = spaces & !due;
    wrong |= starts & !(digits | minuses) | minuses & !starts;
    wrong |= (minuses << 1 | fractions) & !digits;
    wrong |= (points | commas) & !(digits << 1);
    wrong |= (zeros & first_digits) << 1 & digits;
    // Adding the first digit behind a point to its run leaves a bit behind the run: no second point.
    wrong |= (fractions & digits).wrapping_add(digits) & !digits & points;
    (length, wrong << (BLOCK - length))
}
