//! What AArch64 processors compare with. Has not been compiled anywhere yet.

use std::arch::aarch64::*;

use super::{BLOCK, Classes, Compare};

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
    fn differ(self, one: [uint8x16_t; 4], other: [uint8x16_t; 4]) -> u64 {
        // SAFETY: as above.
        let odd = std::array::from_fn(|part| unsafe { veorq_u8(one[part], other[part]) });
        self.any(odd, 0xff)
    }

    #[inline(always)]
    fn between(self, block: [uint8x16_t; 4], low: u8, high: u8) -> u64 {
        // SAFETY: as above.
        gather(block, |quarter| unsafe {
            vcleq_u8(vsubq_u8(quarter, vdupq_n_u8(low)), vdupq_n_u8(high - low))
        })
    }

    #[inline(always)]
    fn classify(self, block: [uint8x16_t; 4], classes: &Classes) -> [uint8x16_t; 4] {
        // SAFETY: every AArch64 has NEON, and both types are 16 bytes. High halves of 8 and more have no class.
        block.map(|quarter| unsafe {
            let low: uint8x16_t = std::mem::transmute(classes.low);
            let high: uint8x16_t = std::mem::transmute(classes.high);
            let halves = vandq_u8(quarter, vdupq_n_u8(15));
            vandq_u8(vqtbl1q_u8(low, halves), vqtbl1q_u8(high, vshrq_n_u8::<4>(quarter)))
        })
    }

    #[inline(always)]
    fn followers(self, block: [uint8x16_t; 4], classes: &Classes) -> [uint8x16_t; 4] {
        // SAFETY: as above.
        self.classify(block, classes).map(|own| unsafe {
            let low: uint8x16_t = std::mem::transmute(classes.behind_low);
            let high: uint8x16_t = std::mem::transmute(classes.behind_high);
            let first = vandq_u8(own, vdupq_n_u8(15));
            vorrq_u8(vqtbl1q_u8(low, first), vqtbl1q_u8(high, vshrq_n_u8::<4>(own)))
        })
    }

    #[inline(always)]
    fn common(self, one: [uint8x16_t; 4], other: [uint8x16_t; 4]) -> u64 {
        // SAFETY: as above.
        let both = std::array::from_fn(|part| unsafe { vandq_u8(one[part], other[part]) });
        self.any(both, 0xff)
    }

    #[inline(always)]
    fn any(self, block: [uint8x16_t; 4], bits: u8) -> u64 {
        // SAFETY: every AArch64 has NEON.
        gather(block, |quarter| unsafe { vtstq_u8(quarter, vdupq_n_u8(bits)) })
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
