//! Sixty-four bytes compared at once, one bit a byte, by the widest instructions the machine has.
//!
//! The only unsafe code besides `inflate`. Its proof rests on the types: `Avx512` and `Avx2` come from
//! their `detect` alone, which asks the processor first, and what needs no asking (SSE2 on x86-64,
//! NEON on AArch64) is part of the target. Nothing here takes a pointer: a block is an array, moved
//! into registers of the same size. The part for AArch64 has not been compiled anywhere yet.

#![allow(unsafe_code)]

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

    /// Which bytes are `byte`.
    fn equal(self, block: Self::Block, byte: u8) -> u64;

    /// Which bytes lie from `low` to `high`.
    fn between(self, block: Self::Block, low: u8, high: u8) -> u64;
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
    fn between(self, block: [u64; 8], low: u8, high: u8) -> u64 {
        // Bounds are ASCII: with the high bit aside, adding reaches it without leaving the byte.
        let from = Self::ONES * u64::from(0x80 - low);
        let beyond = Self::ONES * u64::from(0x7f - high);
        Self::gather(block, |word| {
            let seven = word & !Self::HIGH;
            (seven + from) & !(seven + beyond) & !word
        })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Compare, NEAR, Task};

    /// All 64 bytes in one register, masks as results.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512(());

    impl Avx512 {
        pub(super) fn detect() -> Option<Self> {
            let has = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && Avx2::detect().is_some();
            has.then_some(Self(()))
        }
    }

    /// Runs `task` compiled for AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,lzcnt")]
    pub(super) fn run_avx512<T: Task>(lanes: Avx512, task: T) -> T::Output {
        task.run(lanes)
    }

    impl Compare for Avx512 {
        type Block = __m512i;

        #[inline(always)]
        fn load(self, bytes: &[u8; BLOCK]) -> __m512i {
            // SAFETY: both types are 64 bytes, and any bytes are a valid register.
            unsafe { std::mem::transmute(*bytes) }
        }

        #[inline(always)]
        fn equal(self, block: __m512i, byte: u8) -> u64 {
            // SAFETY: `self` is the proof that the processor has the instructions.
            unsafe { _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn between(self, block: __m512i, low: u8, high: u8) -> u64 {
            // SAFETY: as above.
            unsafe {
                let from_low = _mm512_sub_epi8(block, _mm512_set1_epi8(low as i8));
                _mm512_cmple_epu8_mask(from_low, _mm512_set1_epi8((high - low) as i8))
            }
        }
    }

    /// Two registers of 32 bytes.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(super) fn detect() -> Option<Self> {
            let has = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("lzcnt");
            has.then_some(Self(()))
        }
    }

    /// Runs `task` compiled for AVX2.
    #[target_feature(enable = "avx2,bmi1,lzcnt")]
    pub(super) fn run_avx2<T: Task>(lanes: Avx2, task: T) -> T::Output {
        task.run(lanes)
    }

    impl Compare for Avx2 {
        type Block = [__m256i; 2];

        #[inline(always)]
        fn load(self, bytes: &[u8; BLOCK]) -> [__m256i; 2] {
            // SAFETY: both types are 64 bytes, and any bytes are valid registers.
            unsafe { std::mem::transmute(*bytes) }
        }

        #[inline(always)]
        fn special(self, [low, high]: [__m256i; 2]) -> u64 {
            // SAFETY: `self` is the proof that the processor has the instructions.
            unsafe { join(special(low), special(high)) }
        }

        #[inline(always)]
        fn equal(self, [low, high]: [__m256i; 2], byte: u8) -> u64 {
            // SAFETY: `self` is the proof that the processor has the instructions.
            unsafe {
                let byte = _mm256_set1_epi8(byte as i8);
                join(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
            }
        }

        #[inline(always)]
        fn between(self, [first, second]: [__m256i; 2], low: u8, high: u8) -> u64 {
            // SAFETY: as above.
            unsafe {
                let (low, most) =
                    (_mm256_set1_epi8(low as i8), _mm256_set1_epi8((high - low) as i8));
                let (first, second) = (_mm256_sub_epi8(first, low), _mm256_sub_epi8(second, low));
                join(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(first, most), first),
                    _mm256_cmpeq_epi8(_mm256_min_epu8(second, most), second),
                )
            }
        }
    }

    /// All ones in quotes, backslashes and control characters.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn special(bytes: __m256i) -> __m256i {
        let quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'"' as i8));
        let backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\\' as i8));
        let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
        _mm256_or_si256(_mm256_or_si256(quotes, backslashes), controls)
    }

    /// One bit a byte of both registers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn join(low: __m256i, high: __m256i) -> u64 {
        let (low, high) = (_mm256_movemask_epi8(low) as u32, _mm256_movemask_epi8(high) as u32);
        u64::from(low) | u64::from(high) << 32
    }

    /// Four registers of 16 bytes; every x86-64 has them.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Sse2;

    impl Compare for Sse2 {
        type Block = [__m128i; 4];

        #[inline(always)]
        fn load(self, bytes: &[u8; BLOCK]) -> [__m128i; 4] {
            // SAFETY: both types are 64 bytes, and any bytes are valid registers.
            unsafe { std::mem::transmute(*bytes) }
        }

        #[inline(always)]
        fn equal(self, block: [__m128i; 4], byte: u8) -> u64 {
            // SAFETY: every x86-64 has SSE2.
            gather(block, |quarter| unsafe { _mm_cmpeq_epi8(quarter, _mm_set1_epi8(byte as i8)) })
        }

        #[inline(always)]
        fn between(self, block: [__m128i; 4], low: u8, high: u8) -> u64 {
            // SAFETY: as above.
            gather(block, |quarter| unsafe {
                let from_low = _mm_sub_epi8(quarter, _mm_set1_epi8(low as i8));
                let most = _mm_min_epu8(from_low, _mm_set1_epi8((high - low) as i8));
                _mm_cmpeq_epi8(most, from_low)
            })
        }
    }

    /// Which bytes are quotes, backslashes or control characters; the bit behind the last is set.
    #[inline(always)]
    pub(super) fn special_among(bytes: &[u8; NEAR]) -> u32 {
        // SAFETY: both types are 16 bytes, any bytes are a valid register, and every x86-64 has SSE2.
        let mask = unsafe {
            let bytes: __m128i = std::mem::transmute(*bytes);
            let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), controls))
        };
        1 << NEAR | mask as u32
    }

    #[inline(always)]
    fn gather(block: [__m128i; 4], compare: impl Fn(__m128i) -> __m128i) -> u64 {
        let quarters = block.into_iter().enumerate();
        quarters.fold(0, |bits, (index, quarter)| {
            // SAFETY: as above.
            let mask = unsafe { _mm_movemask_epi8(compare(quarter)) };
            bits | u64::from(mask as u16) << (16 * index)
        })
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::{BLOCK, Compare};

    /// Four registers of 16 bytes; every AArch64 has them.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Neon;

    impl Compare for Neon {
        type Block = [uint8x16_t; 4];

        #[inline(always)]
        fn load(self, bytes: &[u8; BLOCK]) -> [uint8x16_t; 4] {
            // SAFETY: both types are 64 bytes, and any bytes are valid registers.
            unsafe { std::mem::transmute(*bytes) }
        }

        #[inline(always)]
        fn equal(self, block: [uint8x16_t; 4], byte: u8) -> u64 {
            // SAFETY: every AArch64 has NEON.
            gather(block, |quarter| unsafe { vceqq_u8(quarter, vdupq_n_u8(byte)) })
        }

        #[inline(always)]
        fn between(self, block: [uint8x16_t; 4], low: u8, high: u8) -> u64 {
            // SAFETY: as above.
            gather(block, |quarter| unsafe {
                vcleq_u8(vsubq_u8(quarter, vdupq_n_u8(low)), vdupq_n_u8(high - low))
            })
        }
    }

    /// One bit of each byte, added up in pairs until 64 bytes are 8.
    #[inline(always)]
    fn gather(block: [uint8x16_t; 4], compare: impl Fn(uint8x16_t) -> uint8x16_t) -> u64 {
        // SAFETY: as above.
        unsafe {
            let bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
            let [a, b, c, d] = block.map(|quarter| vandq_u8(compare(quarter), bits));
            let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
        }
    }
}
