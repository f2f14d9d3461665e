//! What the bytes of a block are and which of them may not stand there, as masks.
//!
//! Bit *i* is byte *i*, a shift by one is the byte behind.

use super::super::json::{Fault, Step};
use super::super::lanes::{BLOCK, Classes, Compare};
use super::super::scalars::word_end;

/// Bytes that a block's judgement may look at: the one before it, and the third letter behind its last byte.
pub(super) const REACH: usize = 1 + BLOCK + 3;

pub(super) const OPENING: u8 = 1;
pub(super) const CLOSING: u8 = 1 << 1;
pub(super) const COMMA: u8 = 1 << 2;
pub(super) const COLON: u8 = 1 << 3;
pub(super) const QUOTE: u8 = 1 << 4;
pub(super) const DIGIT: u8 = 1 << 5;
pub(super) const SIGN: u8 = 1 << 6;
/// Letters of scalars, and some that share their halves: `words` looks closely.
pub(super) const LETTER: u8 = 1 << 7;

pub(super) const SEPARATOR: u8 = COMMA | COLON;
pub(super) const SCALAR: u8 = DIGIT | SIGN | LETTER;

/// What tokens are made of, and which may stand side by side. A quote is the one that opens a string where it is
/// a follower, and the one that closes it where it is followed.
pub(super) const TOKENS: Classes = Classes::new()
    .with(OPENING, b"{[", OPENING | CLOSING | QUOTE | SCALAR)
    .with(CLOSING, b"}]", CLOSING | COMMA)
    .with(COMMA, b",", OPENING | QUOTE | SCALAR)
    .with(COLON, b":", OPENING | QUOTE | SCALAR)
    .with(QUOTE, b"\"", CLOSING | SEPARATOR)
    .with(DIGIT, b"0123456789", SCALAR | CLOSING | COMMA)
    .with(SIGN, b"+-.", SCALAR | CLOSING | COMMA)
    .with(LETTER, b"aeflnrstuE", SCALAR | CLOSING | COMMA);

/// The block at `at` and what may be looked at before and behind it, if the text goes that far.
#[inline(always)]
pub(super) fn reach(bytes: &[u8], at: usize) -> Option<&[u8; REACH]> {
    bytes.get(at.wrapping_sub(1)..)?.first_chunk()
}

/// The same where the text does not: there are spaces.
#[cold]
#[inline(never)]
pub(super) fn padded_reach(bytes: &[u8], at: usize) -> Step<[u8; REACH]> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Err(Fault::Cut);
    }
    let mut room = [b' '; REACH];
    let length = rest.len().min(REACH - 1);
    room[1..=length].copy_from_slice(&rest[..length]);
    if at > 0 {
        room[0] = bytes[at - 1];
    }
    Ok(room)
}

/// The block `offset` bytes further on.
#[inline(always)]
pub(super) fn part(reach: &[u8; REACH], offset: usize) -> &[u8; BLOCK] {
    reach[offset..].first_chunk().unwrap_or(const { &[b' '; BLOCK] })
}

/// All bits below the lowest one of `bits`; all, if there is none.
#[inline(always)]
pub(super) fn below_first(bits: u64) -> u64 {
    (bits & bits.wrapping_neg()).wrapping_sub(1)
}

/// The lowest `count` bits.
#[inline(always)]
pub(in crate::decode) fn below(count: usize) -> u64 {
    if count < BLOCK { (1 << count) - 1 } else { !0 }
}

/// Which bytes a backslash takes with it. `taken` is 1 where the first byte is one of them, and then says the
/// same of the next block's.
#[inline(always)]
pub(super) fn escaped(backslashes: u64, taken: &mut u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    if backslashes == 0 {
        return std::mem::take(taken);
    }
    // Subtracting a run of backslashes from the bits behind them turns over every second one of the run.
    let potential = backslashes & !*taken;
    let codes = ((potential << 1) | ODD).wrapping_sub(potential) ^ ODD;
    let escaped = codes ^ (backslashes | *taken);
    *taken = (codes & backslashes) >> 63;
    escaped
}

/// Which bytes of a block are what.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    /// In strings, opening quotes among them and closing ones not.
    pub(super) inside: u64,
    pub(super) opening_quotes: u64,
    pub(super) closing_quotes: u64,
    /// Brackets outside strings.
    pub(super) opening: u64,
    pub(super) closing: u64,
}

/// A block with white space outside strings, or with something bad.
pub(super) struct Spaced {
    pub(super) masks: Masks,
    /// Outside strings.
    pub(super) separators: u64,
    pub(super) colons: u64,
    pub(super) scalars: u64,
    pub(super) space: u64,
}

impl Spaced {
    /// What is bad in it, and what `last` is for the next block: the last byte of the last token, if there is only
    /// white space between, else 0. The block is at `at` of `bytes`.
    #[inline(never)]
    pub(super) fn judge(&self, bytes: &[u8], at: usize, in_string: u64, last: u8) -> (u64, u8) {
        let Self { separators, colons, scalars, space, .. } = *self;
        let Masks { inside, opening_quotes, closing_quotes, opening, closing } = self.masks;
        let adjacent = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        let is_adjacent = u64::from(last == 0);
        let last = match (in_string, last, adjacent) {
            (0, 0, Some(byte)) => byte,
            (0, last, _) => last,
            _ => 0,
        };
        let before = |classes| u64::from(TOKENS.of(last) & classes != 0);
        let ends = closing | scalars | closing_quotes;
        let (behind_end, _) = behind(ends, before(CLOSING | SCALAR | QUOTE), space);
        let (behind_separator, _) = behind(separators, before(SEPARATOR), space);
        let (behind_string, _) = behind(closing_quotes, before(QUOTE), space);
        let run_on = scalars << 1 | before(SCALAR) & is_adjacent;
        let begins = opening | opening_quotes | (scalars & !run_on);
        let mut bad = begins & behind_end;
        bad |= separators & !behind_end;
        bad |= closing & behind_separator;
        bad |= colons & !behind_string;
        bad |= !(inside | closing_quotes | opening | closing | separators | scalars | space);
        let last = match (space.leading_ones() as usize, last) {
            (0, _) => 0,
            (BLOCK, last) => last,
            (length, _) => bytes.get(at + BLOCK - 1 - length).copied().unwrap_or(b','),
        };
        (bad, last)
    }
}

/// The first of `letters` of a block that belongs to no number and no word, or to one with more of a scalar behind
/// it.
#[inline(never)]
pub(super) fn words(bytes: &[u8], block: usize, mut letters: u64) -> u64 {
    let is_scalar = |at: usize| bytes.get(at).is_some_and(|byte| TOKENS.of(*byte) & SCALAR != 0);
    // A word that began in the block before was looked at there.
    for start in block.saturating_sub(4)..block {
        match word_end(bytes, start) {
            Ok(end) if end > block => {
                letters &= !0 << (end - block);
                break;
            }
            // It is the last thing there is.
            Err(Fault::Cut) => return 0,
            _ => {}
        }
    }
    while letters != 0 {
        let (first, at) =
            (letters & letters.wrapping_neg(), block + letters.trailing_zeros() as usize);
        if is_scalar(at.wrapping_sub(1)) {
            if !matches!(bytes.get(at), Some(b'e' | b'E')) {
                return first;
            }
            letters ^= first;
            continue;
        }
        let end = match word_end(bytes, at) {
            Ok(end) if is_scalar(end) => return first,
            Ok(end) => end,
            // The last thing there is.
            Err(Fault::Cut) => return 0,
            Err(Fault::Bad) => return first,
        };
        let length = end - block;
        if length >= BLOCK {
            return 0;
        }
        letters &= !0 << length;
    }
    0
}

impl Masks {
    /// The closing bracket that leaves none of `depth` open brackets and those of this block.
    #[inline(always)]
    pub(super) fn closes(&self, mut depth: i64) -> Option<u64> {
        let mut closing = self.closing;
        while closing != 0 {
            let bit = closing & closing.wrapping_neg();
            closing ^= bit;
            depth -= 1;
            if depth + i64::from((self.opening & (bit - 1)).count_ones()) == 0 {
                return Some(bit);
            }
        }
        None
    }

    /// Braces opened less braces closed, among `which` bytes.
    #[inline(always)]
    pub(super) fn braces<C: Compare>(&self, lanes: C, block: C::Block, which: u64) -> i64 {
        // The bit in which braces differ from brackets.
        let braces = lanes.any(block, b'{' ^ b'[') & which;
        let [opened, closed] =
            [self.opening, self.closing].map(|mask| (mask & braces).count_ones());
        i64::from(opened) - i64::from(closed)
    }
}

/// Which bytes are white space.
#[inline(always)]
pub(super) fn white<C: Compare>(lanes: C, block: C::Block) -> u64 {
    lanes.equal(block, b' ') | lanes.between(block, b'\t', b'\n') | lanes.equal(block, b'\r')
}

/// `bits` moved on by one, and over the white space there, with the one that goes on to the next block; `before` is
/// the one that comes from the block before.
#[inline(always)]
pub(super) fn behind(bits: u64, before: u64, space: u64) -> (u64, u64) {
    // Adding a bit to the run of white space that it begins leaves it behind the run.
    let (sum, over) = (bits << 1 | before).overflowing_add(space);
    (sum & !space, bits >> 63 | u64::from(over))
}
