//! Sixty-four bytes compared at once, one bit a byte, by the widest instructions the machine has.
//!
//! Unsafe code. Its proof rests on the types: `Avx512` and `Avx2` come from
//! their `detect` alone, which asks the processor first, and what needs no asking (SSE2 on x86-64,
//! NEON on AArch64) is part of the target. Nothing here takes a pointer: a block is an array, moved
//! into registers of the same size. The part for AArch64 has not been compiled anywhere yet.

#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

/// How many bytes are compared at once.
pub(super) const BLOCK: usize = 64;

/// Comparisons of a block's bytes. Bit *i* of a result is byte *i*.
pub(super) trait Compare: Copy {
    /// A block, in registers.
    type Block: Copy;

    /// Moves bytes into registers.
    fn load(self, bytes: &[u8; BLOCK]) -> Self::Block;

    /// Which bytes end the plain part of a string: quotes, backslashes and control characters.
    #[inline(always)]
    fn special(self, block: Self::Block) -> u64 {
        self.equal(block, b'"') | self.equal(block, b'\\') | self.between(block, 0, 0x1f)
    }

    /// The text before a quote, if nothing stands before that but plain ASCII.
    #[inline(always)]
    fn plain(self, bytes: &[u8; 2 * BLOCK]) -> Option<&str> {
        let stops = |block| self.special(block) | self.any(block, 0x80);
        let mut before = 0;
        let mut block = self.load(bytes.first_chunk()?);
        if stops(block) == 0 {
            (before, block) = (BLOCK, self.load(bytes.last_chunk()?));
        }
        let stop = stops(block);
        if self.equal(block, b'"') & stop & stop.wrapping_neg() == 0 {
            return None;
        }
        let count = before + stop.trailing_zeros() as usize;
        let text = bytes.get(..count)?;
        // SAFETY: no byte before `count` has its highest bit set, or `stop` would have it, and bytes below 0x80 are
        // UTF-8, each by itself.
        Some(unsafe { std::str::from_utf8_unchecked(text) })
    }

    /// Which bytes are `byte`.
    fn equal(self, block: Self::Block, byte: u8) -> u64;

    /// Which bytes of two blocks differ.
    fn differ(self, one: Self::Block, other: Self::Block) -> u64;

    /// Which bytes lie from `low` to `high`.
    fn between(self, block: Self::Block, low: u8, high: u8) -> u64;

    /// The classes of each byte, in its place.
    fn classify(self, block: Self::Block, classes: &Classes) -> Self::Block;

    /// The same, but that bytes above ASCII may look like others.
    #[inline(always)]
    fn classify_roughly(self, block: Self::Block, classes: &Classes) -> Self::Block {
        self.classify(block, classes)
    }

    /// The classes that may stand behind each byte, in its place. Bytes above ASCII may look like others.
    fn followers(self, block: Self::Block, classes: &Classes) -> Self::Block;

    /// Which bytes have one of `bits` set.
    fn any(self, block: Self::Block, bits: u8) -> u64;

    /// Which bytes have a bit that is set in both.
    fn common(self, one: Self::Block, other: Self::Block) -> u64;

    /// Each bit with all bits below it, by exclusive or: what lies between first and second, third and fourth.
    #[inline(always)]
    fn between_pairs(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

/// Eight sets of ASCII characters, looked up by the halves of a byte: a set is all characters with one of some
/// low halves and one of some high halves. Aligned, as a table across two pages takes a hundred cycles to load.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Classes {
    /// The sets of each ASCII character.
    whole: [u8; 128],
    /// The sets that may stand behind each ASCII character.
    followers: [u8; 128],
    /// Which sets have characters with that low half.
    low: [u8; 16],
    /// Which sets have characters with that high half; none has one of 8 and more.
    high: [u8; 16],
    /// The sets that may stand behind those of the first four that are set in a number,
    behind_low: [u8; 16],
    /// and behind those of the last four.
    behind_high: [u8; 16],
}

impl Classes {
    /// Without a character in any set.
    pub(super) const fn new() -> Self {
        Self {
            low: [0; 16],
            high: [0; 16],
            whole: [0; 128],
            behind_low: [0; 16],
            behind_high: [0; 16],
            followers: [0; 128],
        }
    }

    /// With `characters` (and those that share their halves) in the set of `bit`, and those of the sets `behind`
    /// allowed to follow them.
    pub(super) const fn with(mut self, bit: u8, characters: &[u8], behind: u8) -> Self {
        let mut index = 0;
        while index < characters.len() {
            let character = characters[index];
            assert!(character.is_ascii(), "only ASCII has classes");
            self.low[(character & 15) as usize] |= bit;
            self.high[(character >> 4) as usize] |= bit;
            index += 1;
        }
        let mut half = 0;
        while half < 16 {
            if half as u8 & bit != 0 {
                self.behind_low[half] |= behind;
            }
            if (half as u8) << 4 & bit != 0 {
                self.behind_high[half] |= behind;
            }
            half += 1;
        }
        let mut byte = 0;
        while byte < 128 {
            let class = self.low[byte & 15] & self.high[byte >> 4];
            self.whole[byte] = class;
            self.followers[byte] =
                self.behind_low[(class & 15) as usize] | self.behind_high[(class >> 4) as usize];
            byte += 1;
        }
        self
    }

    /// A set without characters, the next of eight.
    pub(super) const fn next(&self) -> u8 {
        let (mut used, mut index) = (0, 0);
        while index < self.low.len() {
            used |= self.low[index];
            index += 1;
        }
        assert!(used < 0xff, "there are eight classes");
        used + 1
    }

    /// The sets that hold a byte.
    #[inline(always)]
    pub(super) const fn of(&self, byte: u8) -> u8 {
        if byte.is_ascii() { self.whole[byte as usize] } else { 0 }
    }
}

/// Work to be compiled once for each kind of instructions.
pub(super) trait Task {
    type Output;

    /// Does it; `#[inline(always)]`, or the instructions will not be used.
    fn run(self, lanes: impl Compare) -> Self::Output;
}

/// The instructions to compare with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lanes {
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Sse2(x86::Sse2),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    Portable(Portable),
}

impl Lanes {
    /// The widest this machine has.
    pub(super) fn best() -> Self {
        Self::all()[0]
    }

    /// All that this machine has, widest first.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx512::detect().map(Self::Avx512));
            all.extend(x86::Avx2::detect().map(Self::Avx2));
            all.push(Self::Sse2(x86::Sse2));
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self::Neon(neon::Neon));
        all.push(Self::Portable(Portable));
        all
    }

    /// Does the work with these instructions.
    #[inline]
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            // SAFETY: the value is the proof that the processor has the instructions (see `detect`).
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(lanes) => unsafe { x86::run_avx512(lanes, task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(lanes) => unsafe { x86::run_avx2(lanes, task) },
            #[cfg(target_arch = "x86_64")]
            Self::Sse2(lanes) => task.run(lanes),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(lanes) => task.run(lanes),
            Self::Portable(lanes) => task.run(lanes),
        }
    }
}

/// Bytes that are compared at once where ends are near, with what every machine of the target has.
pub(super) const NEAR: usize = 16;

/// How many bytes come before the first quote, backslash or control character; `NEAR`: there is none.
#[inline(always)]
pub(super) fn special_among(bytes: &[u8; NEAR]) -> usize {
    #[cfg(target_arch = "x86_64")]
    return x86::special_among(bytes).trailing_zeros() as usize;
    #[cfg(not(target_arch = "x86_64"))]
    {
        let mut block = [0; BLOCK];
        block[..NEAR].copy_from_slice(bytes);
        Portable.special(Portable.load(&block)).trailing_zeros() as usize
    }
}

/// The text that `bytes` are, where all of them are ASCII.
#[inline(always)]
pub(super) fn ascii(bytes: &[u8]) -> Option<&str> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut high = rest.iter().fold(0, |any, byte| any | byte) & 0x80;
    let words = words.iter().fold(0, |any, word| any | u64::from_le_bytes(*word));
    high |= u8::from(words & Portable::HIGH != 0);
    // SAFETY: bytes below 0x80 are UTF-8, each by itself.
    (high == 0).then(|| unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// Eight bytes in a word at a time, on any machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Portable {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = Self::ONES * 0x80;

    /// The high bits of each word's bytes, gathered.
    #[inline(always)]
    fn gather(block: [u64; 8], high_bits: impl Fn(u64) -> u64) -> u64 {
        // A multiplication that moves bit 8·i + 7 to bit 56 + i, without two of them ever meeting.
        let gathered =
            |word| ((high_bits(word) & Self::HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        let words = block.into_iter().enumerate();
        words.fold(0, |bits, (index, word)| bits | gathered(word) << (8 * index))
    }
}

impl Compare for Portable {
    type Block = [u64; 8];

    #[inline(always)]
    fn load(self, bytes: &[u8; BLOCK]) -> [u64; 8] {
        let (words, _) = bytes.as_chunks::<8>();
        std::array::from_fn(|index| u64::from_le_bytes(words[index]))
    }

    #[inline(always)]
    fn equal(self, block: [u64; 8], byte: u8) -> u64 {
        let all = Self::ONES * u64::from(byte);
        // A byte's high bit is clear where all its bits are: no carry leaves the byte.
        Self::gather(block, |word| {
            let odd = word ^ all;
            !(((odd & !Self::HIGH) + !Self::HIGH) | odd)
        })
    }

    #[inline(always)]
    fn differ(self, one: [u64; 8], other: [u64; 8]) -> u64 {
        self.any(std::array::from_fn(|index| one[index] ^ other[index]), 0xff)
    }

    #[inline(always)]
    fn between(self, block: [u64; 8], low: u8, high: u8) -> u64 {
        // Bounds are ASCII: with the high bit aside, adding reaches it without leaving the byte.
        let from = Self::ONES * u64::from(0x80 - low);
        let beyond = Self::ONES * u64::from(0x7f - high);
        Self::gather(block, |word| {
            let seven = word & !Self::HIGH;
            (seven + from) & !(seven + beyond) & !word
        })
    }

    #[inline(always)]
    fn classify(self, block: [u64; 8], classes: &Classes) -> [u64; 8] {
        block.map(|word| u64::from_le_bytes(word.to_le_bytes().map(|byte| classes.of(byte))))
    }

    #[inline(always)]
    fn followers(self, block: [u64; 8], classes: &Classes) -> [u64; 8] {
        let follow = |byte: u8| classes.followers[usize::from(byte & 0x7f)];
        block.map(|word| u64::from_le_bytes(word.to_le_bytes().map(follow)))
    }

    #[inline(always)]
    fn common(self, one: [u64; 8], other: [u64; 8]) -> u64 {
        self.any(std::array::from_fn(|index| one[index] & other[index]), 0xff)
    }

    #[inline(always)]
    fn any(self, block: [u64; 8], bits: u8) -> u64 {
        let bits = Self::ONES * u64::from(bits);
        Self::gather(block, |word| {
            let some = word & bits;
            ((some & !Self::HIGH) + !Self::HIGH) | some
        })
    }
}
