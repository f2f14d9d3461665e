//! Decoding tables of one DEFLATE block, made from the lengths of its words.
//!
//! A literal whose word leaves room in the index is packed with what follows it: two literals, or a
//! literal and a length, are then one entry and one step of the hot loop.

use std::ops::{Add, Range};

/// Bits that index the table of literals and lengths: 8 KiB of entries. Two streams' tables leave
/// most of a first-level cache to what they copy; with a bit more, they were no faster.
pub(super) const LITLEN_BITS: u32 = 11;
/// Bits that index the table of offsets.
pub(super) const OFFSET_BITS: u32 = 9;
/// Bits that index the table of the lengths of words.
const LENGTH_BITS: u32 = 7;
/// Longest word.
const MOST_BITS: u32 = 15;
/// Entries of a subtable, for what is left of a word that is longer than the index.
const LITLEN_SUB: usize = 1 << (MOST_BITS - LITLEN_BITS);
const OFFSET_SUB: usize = 1 << (MOST_BITS - OFFSET_BITS);
/// Behind each subtable are two words at least, because codes are complete.
const LITLEN_ENTRIES: usize = (1 << LITLEN_BITS) + LITLEN_SUB * 144;
const OFFSET_ENTRIES: usize = (1 << OFFSET_BITS) + OFFSET_SUB * 16;

/// Entries of the main table that can follow a word.
const PACKED: usize = 1 << (LITLEN_BITS - 1);

/// Entries of literals and lengths. Bits 0–5: the bits that the entry consumes, extra bits
/// included, 20 at most (17 in the main table). Bits 8–12: where the extra bits begin; as many as
/// are consumed when there are none. Bits 13–14: number of literals, 0 to 2. Bits 16–31: the
/// literals; or, behind at most one of them, in bits 24–31, the length's base less 3.
const ONE_LITERAL: u32 = 1 << 13;
/// A length, so an offset follows.
pub(super) const MATCH: u32 = 1 << 15;
/// Nothing that the hot loop knows: the end of the block, a subtable, or no word. `MATCH` is not
/// set then, so of the two entries of a step one at most is special.
pub(super) const SPECIAL: u32 = 1 << 7;
/// A length that may be more than `SHORT`; not with `SPECIAL`.
pub(super) const LONG: u32 = 1 << 6;
/// Bytes that a step copies without a look at the length. Beyond 64 are 4 % of the matches in logs,
/// beyond 32 half as many again; each costs more than it takes to copy 32 bytes in every step.
pub(super) const SHORT: u16 = 64;
/// With `SPECIAL`: bits 16–31 are the place of a subtable. Not the bit of `LONG`: entries of a step
/// are summed, and `SPECIAL` must not be carried away.
pub(super) const SUBTABLE: u32 = 1 << 13;
/// With `SPECIAL`: the end of the block.
pub(super) const END: u32 = 1 << 14;

/// Entries of offsets. Bits 0–5: the bits that the entry consumes, extra bits included, 28 at most
/// (22 in the main table). Bits 8–12: where the extra bits begin. Bits 16–31: base. With `SPECIAL`:
/// a short offset, no word, or, with `SUBTABLE`, the place of a subtable in bits 16–31.
///
/// With `SPECIAL` and without `SUBTABLE`: an offset of at most 32, and all that any entry holds.
pub(super) const NEAR: u32 = 1 << 14;

const LENGTH_BASE: [u16; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const LENGTH_EXTRA: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const OFFSET_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];

/// What each literal or length symbol decodes to, without the length of its code.
const LITLEN: [u32; 288] = {
    let mut all = [SPECIAL; 288];
    let mut symbol = 0;
    while symbol < 256 {
        all[symbol] = ONE_LITERAL | (symbol as u32) << 16;
        symbol += 1;
    }
    all[256] = SPECIAL | END;
    while symbol < 285 {
        let at = symbol - 256;
        let (base, extra) = (LENGTH_BASE[at], LENGTH_EXTRA[at]);
        let long = if base + (1 << extra) - 1 > SHORT { LONG } else { 0 };
        all[symbol + 1] = MATCH | long | extra as u32 | (base as u32 - 3) << 24;
        symbol += 1;
    }
    all
};

/// What each offset symbol decodes to, without the length of its code.
const OFFSET: [u32; 32] = {
    let mut all = [SPECIAL; 32];
    let mut symbol = 0;
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { symbol as u32 / 2 - 1 };
        let near = if symbol < 10 { SPECIAL | NEAR } else { 0 };
        all[symbol] = near | extra | (OFFSET_BASE[symbol] as u32) << 16;
        symbol += 1;
    }
    all
};

/// The tables of one stream's block.
pub(in super::super) struct Tables {
    pub(super) litlen: [u32; LITLEN_ENTRIES],
    pub(super) offset: [u32; OFFSET_ENTRIES],
    /// Whether these are the tables of the fixed code.
    fixed: bool,
}

impl Tables {
    /// Tables without a word, for two streams.
    pub(in super::super) fn pair() -> Box<[Self; 2]> {
        const NONE: Tables = Tables {
            litlen: [SPECIAL; LITLEN_ENTRIES],
            offset: [SPECIAL; OFFSET_ENTRIES],
            fixed: false,
        };
        Box::new([NONE; 2])
    }

    /// The entry of the literal or length that `bits` begin with.
    #[inline(always)]
    pub(super) fn litlen(&self, bits: u64) -> u32 {
        self.litlen[low(bits, LITLEN_BITS)]
    }

    /// The entry of the offset that `bits` begin with.
    #[inline(always)]
    pub(super) fn offset(&self, bits: u64) -> u32 {
        self.offset[low(bits, OFFSET_BITS)]
    }

    /// The entry in the subtable that `entry` names.
    pub(super) fn long_litlen(&self, entry: u32, bits: u64) -> u32 {
        let subtable = (entry >> 16) as usize;
        self.litlen[subtable + low(bits >> LITLEN_BITS, MOST_BITS - LITLEN_BITS)]
    }

    /// The entry in the subtable that `entry` names.
    pub(super) fn long_offset(&self, entry: u32, bits: u64) -> u32 {
        let subtable = (entry >> 16) as usize;
        self.offset[subtable + low(bits >> OFFSET_BITS, MOST_BITS - OFFSET_BITS)]
    }

    /// Makes the tables of the fixed code, if they are not there already.
    pub(super) fn fix(&mut self) -> Option<()> {
        if !self.fixed {
            let mut litlen = [8; 288];
            litlen[144..256].fill(9);
            litlen[256..280].fill(7);
            self.make(&litlen, &[5; 32])?;
            self.fixed = true;
        }
        Some(())
    }

    /// Makes the tables from the lengths of their words. `None` for a code that is not one.
    pub(super) fn make(&mut self, litlen: &[u8], offset: &[u8]) -> Option<()> {
        self.fixed = false;
        let code = Code::of(litlen)?;
        let subtable = |place: usize| SPECIAL | SUBTABLE | (place as u32) << 16;
        code.fill::<u32, LITLEN_BITS>(&mut self.litlen, &LITLEN, 0x101, SPECIAL, subtable)?;
        self.pack(&code);
        let code = Code::of(offset)?;
        code.fill::<u32, OFFSET_BITS>(&mut self.offset, &OFFSET, 0x101, SPECIAL, subtable)
    }

    /// Packs each literal with the next symbol where the index holds the words of both.
    fn pack(&mut self, code: &Code) {
        let Some(table) = self.litlen.first_chunk_mut::<{ 1 << LITLEN_BITS }>() else { return };
        let Some(shortest) = (1..=MOST_BITS).find(|&bits| !code.of_length(bits).is_empty()) else {
            return;
        };
        // What may follow, before anything is packed; and what it adds to the entry of a literal.
        let (mut single, mut added) = ([0; PACKED], [0; PACKED]);
        single.copy_from_slice(&table[..PACKED]);
        for bits in 1..=LITLEN_BITS.saturating_sub(shortest) {
            let literals = code.of_length(bits);
            let literals = &literals[..literals.partition_point(|word| word.symbol < 256)];
            if literals.is_empty() {
                continue;
            }
            let room = LITLEN_BITS - bits;
            for (next, added) in single[..1 << room].iter().zip(&mut added) {
                // A second literal moves up; the base of a length is there already.
                let lengths = (next / MATCH % 2).wrapping_neg();
                let above = (next & lengths | next << 8 & !lengths) & 0xff00_0000;
                let fits = next & SPECIAL == 0 && next & 0x1f00 <= room << 8;
                *added = if fits { (next & 0xffff) + above } else { 0 };
            }
            for &Word { symbol, bits: word } in literals {
                let first = bits * 0x101 + ONE_LITERAL + (u32::from(symbol) << 16);
                let mut at = usize::from(word);
                for added in &added[..1 << room] {
                    table[at % (1 << LITLEN_BITS)] = first + added;
                    at += 1 << bits;
                }
            }
        }
    }
}

/// The lowest bits, as an index.
#[inline(always)]
fn low(bits: u64, count: u32) -> usize {
    (bits & ((1 << count) - 1)) as usize
}

/// Table of the code that the lengths of words are in: a symbol in bits 3–7, the length of its word
/// in bits 0–2; 0 where there is no word. Indexed by 7 bits.
pub(super) fn of_lengths(lengths: &[u8; 19]) -> Option<[u16; 1 << LENGTH_BITS]> {
    const SYMBOLS: [u16; 19] = {
        let mut all = [0; 19];
        let mut symbol = 1;
        while symbol < 19 {
            all[symbol] = all[symbol - 1] + (1 << 3);
            symbol += 1;
        }
        all
    };
    let mut table = [0; 1 << LENGTH_BITS];
    Code::of(lengths)?.fill::<u16, LENGTH_BITS>(&mut table, &SYMBOLS, 1, 0, |_| 0)?;
    Some(table)
}

/// A prefix code as in RFC 1951, 3.2.2.
struct Code {
    /// Shortest words first, then by symbol.
    words: [Word; 320],
    /// Where the words of each length begin.
    starts: [u16; MOST_BITS as usize + 2],
}

#[derive(Clone, Copy)]
struct Word {
    symbol: u16,
    /// The first bit lowest.
    bits: u16,
}

impl Code {
    /// The code with words of these lengths (0: none). `None` when they are too many; and when they
    /// are too few, unless there is but one, of one bit, or none. libdeflate sees it the same way.
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut starts = [0u16; MOST_BITS as usize + 2];
        for &length in lengths {
            starts[usize::from(length & 15) + 1] += 1;
        }
        starts[1] = 0;
        let mut left = 1i32;
        // What to add to the place of a word for its value.
        let (mut values, mut value) = ([0u16; MOST_BITS as usize + 1], 0u16);
        for length in 1..=MOST_BITS as usize {
            let count = starts[length + 1];
            left = left * 2 - i32::from(count);
            if left < 0 {
                return None;
            }
            values[length] = (value << 1).wrapping_sub(starts[length]);
            value = (value << 1) + count;
            starts[length + 1] += starts[length];
        }
        let count = starts[MOST_BITS as usize + 1];
        if left > 0 && (count > 1 || starts[2] != count) {
            return None;
        }
        let mut code = Self { words: [Word { symbol: 0, bits: 0 }; 320], starts };
        // Symbols without a word fall behind all others.
        starts[0] = count;
        for (symbol, &length) in lengths.iter().enumerate() {
            let length = usize::from(length & 15);
            let at = starts[length];
            starts[length] = at + 1;
            let bits = reversed(values[length].wrapping_add(at) << ((16 - length) % 16));
            code.words[usize::from(at)] = Word { symbol: symbol as u16, bits };
        }
        Some(code)
    }

    fn range(&self, length: u32) -> Range<usize> {
        usize::from(self.starts[length as usize])..usize::from(self.starts[length as usize + 1])
    }

    /// The symbols with words of this length.
    fn of_length(&self, length: u32) -> &[Word] {
        &self.words[self.range(length)]
    }

    /// Fills a table: for each word, its symbol's meaning and `unit` times the word's length.
    fn fill<E: Copy + From<u16> + Add<Output = E>, const BITS: u32>(
        &self,
        table: &mut [E],
        meanings: &[E],
        unit: u16,
        no_word: E,
        subtable: impl Fn(usize) -> E,
    ) -> Option<()> {
        table[0] = no_word;
        for length in 1..=BITS {
            // The table so far, twice: the bit after the words that it has says nothing yet.
            let (shorter, rest) = table.split_at_mut(1 << (length - 1));
            rest[..shorter.len()].copy_from_slice(shorter);
            for &Word { symbol, bits: word } in self.of_length(length) {
                let of_length = E::from(unit * length as u16);
                table[usize::from(word)] = meanings[usize::from(symbol)] + of_length;
            }
        }
        let size = 1 << (MOST_BITS - BITS);
        let (mut place, mut after, mut prefix) = (0, 1 << BITS, None);
        for length in BITS + 1..=MOST_BITS {
            for &Word { symbol, bits: word } in self.of_length(length) {
                let (index, rest) = (usize::from(word) % (1 << BITS), usize::from(word) >> BITS);
                if prefix != Some(index) {
                    prefix = Some(index);
                    (place, after) = (after, after + size);
                    table.get_mut(place..after)?.fill(no_word);
                    table[index] = subtable(place);
                }
                let entry = meanings[usize::from(symbol)] + E::from(unit * length as u16);
                for at in (rest..size).step_by(1 << (length - BITS)) {
                    table[place + at] = entry;
                }
            }
        }
        Some(())
    }
}

/// The bits in the opposite order.
fn reversed(bits: u16) -> u16 {
    const BYTES: [u8; 256] = {
        let mut all = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            all[byte] = (byte as u8).reverse_bits();
            byte += 1;
        }
        all
    };
    let [low, high] = bits.to_le_bytes().map(|byte| BYTES[usize::from(byte)]);
    u16::from_le_bytes([high, low])
}
