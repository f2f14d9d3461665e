//! What x86-64 processors compare with: SSE2 always, AVX2 and AVX-512 where they are found.

use std::arch::x86_64::*;

use super::{BLOCK, Classes, Compare, NEAR, Task};

/// All 64 bytes in one register, masks as results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && Avx2::detect().is_some();
        has.then_some(Self(()))
    }
}

/// Runs `task` compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,bmi1,lzcnt,pclmulqdq,popcnt")]
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
    fn differ(self, one: __m512i, other: __m512i) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_cmpneq_epi8_mask(one, other) }
    }

    #[inline(always)]
    fn between(self, block: __m512i, low: u8, high: u8) -> u64 {
        // SAFETY: as above.
        unsafe {
            let from_low = _mm512_sub_epi8(block, _mm512_set1_epi8(low as i8));
            _mm512_cmple_epu8_mask(from_low, _mm512_set1_epi8((high - low) as i8))
        }
    }

    #[inline(always)]
    fn classify(self, block: __m512i, classes: &Classes) -> __m512i {
        // SAFETY: as above.
        unsafe {
            let ascii = _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8(i8::MIN));
            let [low, high] = table(&classes.whole);
            _mm512_maskz_permutex2var_epi8(ascii, low, block, high)
        }
    }

    #[inline(always)]
    fn classify_roughly(self, block: __m512i, classes: &Classes) -> __m512i {
        let [low, high] = table(&classes.whole);
        // SAFETY: as above.
        unsafe { _mm512_permutex2var_epi8(low, block, high) }
    }

    #[inline(always)]
    fn followers(self, block: __m512i, classes: &Classes) -> __m512i {
        let [low, high] = table(&classes.followers);
        // SAFETY: as above.
        unsafe { _mm512_permutex2var_epi8(low, block, high) }
    }

    #[inline(always)]
    fn common(self, one: __m512i, other: __m512i) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_test_epi8_mask(one, other) }
    }

    #[inline(always)]
    fn any(self, block: __m512i, bits: u8) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_test_epi8_mask(block, _mm512_set1_epi8(bits as i8)) }
    }

    #[inline(always)]
    fn between_pairs(self, bits: u64) -> u64 {
        // SAFETY: as above.
        unsafe { carry_less(bits) }
    }
}

/// Two registers of 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Self(()))
    }
}

/// Runs `task` compiled for AVX2.
#[target_feature(enable = "avx2,bmi1,lzcnt,pclmulqdq,popcnt")]
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
    fn differ(self, one: [__m256i; 2], other: [__m256i; 2]) -> u64 {
        // SAFETY: as above.
        unsafe { !join(_mm256_cmpeq_epi8(one[0], other[0]), _mm256_cmpeq_epi8(one[1], other[1])) }
    }

    #[inline(always)]
    fn between(self, [first, second]: [__m256i; 2], low: u8, high: u8) -> u64 {
        // SAFETY: as above.
        unsafe {
            let (low, most) = (_mm256_set1_epi8(low as i8), _mm256_set1_epi8((high - low) as i8));
            let (first, second) = (_mm256_sub_epi8(first, low), _mm256_sub_epi8(second, low));
            join(
                _mm256_cmpeq_epi8(_mm256_min_epu8(first, most), first),
                _mm256_cmpeq_epi8(_mm256_min_epu8(second, most), second),
            )
        }
    }

    #[inline(always)]
    fn classify(self, [low, high]: [__m256i; 2], classes: &Classes) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { [classify(low, classes), classify(high, classes)] }
    }

    #[inline(always)]
    fn followers(self, [low, high]: [__m256i; 2], classes: &Classes) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { [followers(low, classes), followers(high, classes)] }
    }

    #[inline(always)]
    fn common(self, one: [__m256i; 2], other: [__m256i; 2]) -> u64 {
        // SAFETY: as above.
        unsafe {
            let zero = _mm256_setzero_si256();
            let none =
                |half: usize| _mm256_cmpeq_epi8(_mm256_and_si256(one[half], other[half]), zero);
            !join(none(0), none(1))
        }
    }

    #[inline(always)]
    fn any(self, [low, high]: [__m256i; 2], bits: u8) -> u64 {
        // SAFETY: as above.
        unsafe {
            let (bits, zero) = (_mm256_set1_epi8(bits as i8), _mm256_setzero_si256());
            let none = |half| _mm256_cmpeq_epi8(_mm256_and_si256(half, bits), zero);
            !join(none(low), none(high))
        }
    }

    #[inline(always)]
    fn between_pairs(self, bits: u64) -> u64 {
        // SAFETY: as above.
        unsafe { carry_less(bits) }
    }
}

/// The classes of each byte; zero for bytes above ASCII, as shuffling leaves zero where bit 7 is set.
#[inline]
#[target_feature(enable = "avx2")]
fn classify(bytes: __m256i, classes: &Classes) -> __m256i {
    let (low, high) = (twice(classes.low), twice(classes.high));
    let halves = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, halves))
}

/// The classes that may stand behind each byte: of each bit of its class, what is known of either half of them.
#[inline]
#[target_feature(enable = "avx2")]
fn followers(bytes: __m256i, classes: &Classes) -> __m256i {
    let own = classify(bytes, classes);
    let (low, high) = (twice(classes.behind_low), twice(classes.behind_high));
    let fifteen = _mm256_set1_epi8(15);
    let (first, last) =
        (_mm256_and_si256(own, fifteen), _mm256_and_si256(_mm256_srli_epi16(own, 4), fifteen));
    _mm256_or_si256(_mm256_shuffle_epi8(low, first), _mm256_shuffle_epi8(high, last))
}

/// A table of 16 entries in both halves of a register.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(entries: [u8; 16]) -> __m256i {
    // SAFETY: both types are 16 bytes, and any bytes are a valid register.
    _mm256_broadcastsi128_si256(unsafe { std::mem::transmute::<[u8; 16], __m128i>(entries) })
}

/// Both halves of a table of 128 entries.
#[inline(always)]
fn table(entries: &[u8; 128]) -> [__m512i; 2] {
    // SAFETY: both types are 128 bytes, and any bytes are valid registers.
    unsafe { std::mem::transmute(*entries) }
}

/// Bytes looked up one by one: without SSSE3 there is no other way.
#[inline(always)]
fn look_up(bytes: __m128i, entry: impl Fn(u8) -> u8) -> __m128i {
    // SAFETY: both types are 16 bytes, and any bytes are valid either way.
    let bytes = unsafe { std::mem::transmute::<__m128i, [u8; 16]>(bytes) };
    // SAFETY: as above.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(bytes.map(entry)) }
}

/// Each bit with all below it by exclusive or: a product without carries, by all ones.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn carry_less(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
    _mm_cvtsi128_si64(product) as u64
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
    fn differ(self, one: [__m128i; 4], other: [__m128i; 4]) -> u64 {
        // SAFETY: as above.
        let odd = std::array::from_fn(|part| unsafe { _mm_xor_si128(one[part], other[part]) });
        self.any(odd, 0xff)
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

    #[inline(always)]
    fn classify(self, block: [__m128i; 4], classes: &Classes) -> [__m128i; 4] {
        block.map(|quarter| look_up(quarter, |byte| classes.of(byte)))
    }

    #[inline(always)]
    fn followers(self, block: [__m128i; 4], classes: &Classes) -> [__m128i; 4] {
        block.map(|quarter| look_up(quarter, |byte| classes.followers[usize::from(byte & 0x7f)]))
    }

    #[inline(always)]
    fn common(self, one: [__m128i; 4], other: [__m128i; 4]) -> u64 {
        // SAFETY: as above.
        let both = std::array::from_fn(|part| unsafe { _mm_and_si128(one[part], other[part]) });
        self.any(both, 0xff)
    }

    #[inline(always)]
    fn any(self, block: [__m128i; 4], bits: u8) -> u64 {
        // SAFETY: every x86-64 has SSE2.
        !gather(block, |quarter| unsafe {
            let some = _mm_and_si128(quarter, _mm_set1_epi8(bits as i8));
            _mm_cmpeq_epi8(some, _mm_setzero_si128())
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
