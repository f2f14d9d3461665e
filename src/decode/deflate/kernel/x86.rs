//! The loops for x86-64, and what they leave: single steps in Rust, the turn of two lanes in `turns`.

mod turns;

use std::arch::x86_64::{
    _MM_HINT_T0, _bzhi_u32, _mm_prefetch, _mm256_loadu_si256, _mm256_storeu_si256,
};
use std::hint::select_unpredictable;
use std::ptr;

use super::super::tables::{MATCH, NEAR, SPECIAL, SUBTABLE, Tables};
use super::{HISTORY, Lane, Stopped};
use turns::turns;

/// The offset entry of a step without a match. It copies bytes to be overwritten: from some
/// way back, because reading what was just written waits for it.
const NO_OFFSET: u32 = 1500 << 16;

/// How far ahead of the output its lines are asked for: stores that wait for them hold up everything behind. In windows
/// that stay in the second-level cache, an eighth of it did as well.
const PREFETCH: usize = 1 << 10;

/// The loops, on a processor that has what they are made of.
#[derive(Clone, Copy, Debug)]
pub(in super::super::super) struct Kernel(());

impl Kernel {
    /// The loops, or `None` where the processor is too old for them.
    pub(in super::super::super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }

    /// Steps of one lane until something comes that is no step, or an end is near.
    pub(in super::super) fn one(self, lane: &mut Lane<'_>, tables: &Tables) {
        // SAFETY: (1); and (4) by the comparison.
        match lane.written >= HISTORY {
            true => unsafe { one::<false>(lane, tables) },
            false => unsafe { one::<true>(lane, tables) },
        }
    }

    /// Steps of both lanes in turn, until something comes that is no step, or an end is near.
    pub(in super::super) fn two(
        self,
        a: &mut Lane<'_>,
        b: &mut Lane<'_>,
        tables: &[Tables; 2],
    ) -> Stopped {
        // SAFETY: (1); and (4) by the comparison.
        match a.written >= HISTORY && b.written >= HISTORY {
            true => unsafe { two(a, b, tables) },
            false => unsafe { two_checked(a, b, tables) },
        }
    }
}

/// A lane in registers.
#[derive(Clone, Copy)]
struct Hot {
    /// Address of the next bit: that of its byte, times eight, and the bit in it. One register
    /// for what is a pointer, a bit buffer's fill and a rule when to refill it elsewhere.
    place: usize,
    /// The bits from there, 57 at least.
    bits: u64,
    /// What the table says of them.
    entry: u32,
    /// Where the next byte of output goes.
    out: *mut u8,
    /// Where the first one went.
    start: *mut u8,
    tables: *const Tables,
}

impl Hot {
    /// # Safety
    /// `lane.steps()` is not 0.
    #[inline(always)]
    unsafe fn load(lane: &mut Lane<'_>, tables: &Tables) -> Self {
        let address = lane.input.as_ptr().expose_provenance();
        // Addresses of x86-64 have at most 57 bits, and `steps` has bounded the position.
        let place = address * 8 + lane.position;
        let start = lane.output.as_mut_ptr();
        // SAFETY: (2), (3).
        let (bits, out) = unsafe { (read(place), start.add(lane.written)) };
        let entry = tables.litlen(bits);
        Self { place, bits, entry, out, start, tables: &raw const *tables }
    }

    /// Back into the lane that it was loaded from.
    #[inline(always)]
    fn store(self, lane: &mut Lane<'_>) {
        lane.position = self.place - lane.input.as_ptr().addr() * 8;
        lane.written = self.out.addr() - self.start.addr();
    }
}

/// The bits at `place`, 57 at least.
///
/// # Safety
/// Eight bytes can be read there, of an allocation whose address was exposed.
#[inline(always)]
unsafe fn read(place: usize) -> u64 {
    let from = ptr::with_exposed_provenance::<u64>(place >> 3);
    // SAFETY: as the caller says.
    unsafe { from.read_unaligned() >> (place & 7) }
}

/// One step of a hot lane, or `$stop` (which leaves) before what is no step. A macro, because
/// all of the lane has to stay in registers while two of them take turns.
macro_rules! step {
    ($hot:ident, $checked:ident, $stop:block) => {
        'step: {
            // SAFETY: the lane's borrow of its tables lives longer than `$hot`.
            let tables = &*$hot.tables;
            let (entry, saved) = ($hot.entry, $hot.bits);
            let is_match = entry & MATCH != 0;
            let bits = saved >> (entry & 63);
            let away = select_unpredictable(is_match, tables.offset(bits), NO_OFFSET);
            // The lowest bytes are what the entries consume, 39 together, and `SPECIAL`, which
            // one of them has at most.
            let used = entry.wrapping_add(away);
            if used & SPECIAL != 0 {
                match rare($hot) {
                    Some(after) => $hot = after,
                    None => $stop,
                }
                break 'step;
            }
            let to = $hot.out.add((entry >> 13 & 3) as usize);
            let extra = _bzhi_u32(bits as u32, away) >> (away >> 8 & 31);
            let offset = ((away >> 16) + extra) as usize;
            if $checked && is_match && offset > to.addr() - $hot.start.addr() {
                $stop
            }
            // What comes next, before what to do now: the next step waits for it. An entry
            // consumes 17 bits here and an offset 22, so `bits` still holds enough of them.
            $hot.entry = tables.litlen(bits >> (away & 63));
            $hot.place += (used & 63) as usize;
            $hot.bits = read($hot.place);
            $hot.out.cast::<u16>().write_unaligned((entry >> 16) as u16);
            let extra = _bzhi_u32(saved as u32, entry & 63) >> (entry >> 8 & 31);
            let length = select_unpredictable(is_match, (entry >> 24) + extra + 3, 0) as usize;
            $hot.out = to.add(length);
            _mm_prefetch::<_MM_HINT_T0>($hot.out.wrapping_add(PREFETCH).cast());
            if length > 32 {
                copy(to, offset, length);
            } else if !$checked || is_match {
                copy_32(to, offset);
            }
        }
    };
}

/// Copies a match (at least 32 back) and up to 31 bytes more.
#[target_feature(enable = "avx")]
#[inline]
unsafe fn copy(mut to: *mut u8, offset: usize, length: usize) {
    let end = to.wrapping_add(length);
    loop {
        // SAFETY: (3), (4). The last round leaves `to` at most 32 bytes behind the match.
        unsafe {
            copy_32(to, offset);
            to = to.add(32);
        }
        if to >= end {
            return;
        }
    }
}

/// Copies 32 bytes from at least as many back.
#[target_feature(enable = "avx")]
#[inline]
unsafe fn copy_32(to: *mut u8, offset: usize) {
    // SAFETY: (3), (4); neither needs alignment.
    unsafe {
        let bytes = _mm256_loadu_si256(to.sub(offset).cast());
        _mm256_storeu_si256(to.cast(), bytes);
    }
}

/// Copies a match less than 33 back: each byte may be one that this has written.
unsafe fn copy_near(to: *mut u8, offset: usize, length: usize) {
    let mut at = 0;
    // SAFETY: (3), (4). A word ends at most 7 bytes behind the match, and begins 8 behind what
    // it is copied from.
    unsafe {
        while offset >= 8 && at < length {
            let word = to.add(at).sub(offset).cast::<u64>().read_unaligned();
            to.add(at).cast::<u64>().write_unaligned(word);
            at += 8;
        }
        while at < length {
            *to.add(at) = *to.add(at).sub(offset);
            at += 1;
        }
    }
}

/// A step of those that the loop leaves out: words in a subtable, and short offsets. `None`
/// where the block ends, or where the stream is not right.
///
/// # Safety
/// As for any step: (2) to (5).
#[cold]
#[inline(never)]
#[target_feature(enable = "avx,bmi1,bmi2")]
unsafe fn rare(mut hot: Hot) -> Option<Hot> {
    // SAFETY: the lane's borrow of its tables lives longer than `hot`.
    let tables = unsafe { &*hot.tables };
    let mut entry = hot.entry;
    if entry & (SPECIAL | SUBTABLE) == SPECIAL | SUBTABLE {
        entry = tables.long_litlen(entry, hot.bits);
    }
    if entry & SPECIAL != 0 {
        return None;
    }
    // SAFETY: (3).
    let to = unsafe { hot.out.add((entry >> 13 & 3) as usize) };
    let (mut used, mut length, mut offset) = (entry & 63, 0, 0);
    if entry & MATCH != 0 {
        let bits = hot.bits >> used;
        let mut away = tables.offset(bits);
        if away & SUBTABLE != 0 {
            away = tables.long_offset(away, bits);
        }
        if away & (SPECIAL | NEAR) == SPECIAL {
            return None;
        }
        length = ((entry >> 24) + extra(hot.bits, entry) + 3) as usize;
        offset = ((away >> 16) + extra(bits, away)) as usize;
        used += away & 63;
        if offset > to.addr() - hot.start.addr() {
            return None;
        }
    }
    hot.place += used as usize;
    // SAFETY: (2), (3), (4).
    unsafe {
        hot.bits = read(hot.place);
        hot.out.cast::<u16>().write_unaligned((entry >> 16) as u16);
        match offset {
            0..32 => copy_near(to, offset, length),
            _ => copy(to, offset, length),
        }
        hot.out = to.add(length);
    }
    hot.entry = tables.litlen(hot.bits);
    Some(hot)
}

/// The extra bits of an entry.
fn extra(bits: u64, entry: u32) -> u32 {
    (bits & ((1 << (entry & 63)) - 1)) as u32 >> (entry >> 8 & 31)
}

/// # Safety
/// The processor has the instructions. If not `CHECKED`, `HISTORY` bytes were written.
#[target_feature(enable = "avx,bmi1,bmi2")]
unsafe fn one<const CHECKED: bool>(lane: &mut Lane<'_>, tables: &Tables) {
    loop {
        let steps = lane.steps();
        if steps == 0 {
            return;
        }
        // SAFETY: there are steps; they are (2) to (5).
        unsafe {
            let mut hot = Hot::load(lane, tables);
            for _ in 0..steps {
                step!(hot, CHECKED, {
                    hot.store(lane);
                    return;
                });
            }
            hot.store(lane);
        }
        if CHECKED && lane.written >= HISTORY {
            return;
        }
    }
}

/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx,bmi1,bmi2")]
unsafe fn two_checked(a: &mut Lane<'_>, b: &mut Lane<'_>, tables: &[Tables; 2]) -> Stopped {
    while a.written < HISTORY || b.written < HISTORY {
        let steps = a.steps().min(b.steps());
        if steps == 0 {
            return Stopped([a.steps() == 0, b.steps() == 0]);
        }
        // SAFETY: there are steps in both; they are (2) to (5).
        unsafe {
            let (mut first, mut second) = (Hot::load(a, &tables[0]), Hot::load(b, &tables[1]));
            let stopped = 'steps: {
                for _ in 0..steps {
                    step!(first, true, { break 'steps [true, false] });
                    step!(second, true, { break 'steps [false, true] });
                }
                [false, false]
            };
            first.store(a);
            second.store(b);
            if stopped != [false, false] {
                return Stopped(stopped);
            }
        }
    }
    Stopped([false, false])
}

/// # Safety
/// The processor has the instructions. `HISTORY` bytes were written in both.
#[target_feature(enable = "avx,bmi1,bmi2")]
unsafe fn two(a: &mut Lane<'_>, b: &mut Lane<'_>, tables: &[Tables; 2]) -> Stopped {
    loop {
        let mut steps = a.steps().min(b.steps());
        if steps == 0 {
            return Stopped([a.steps() == 0, b.steps() == 0]);
        }
        // SAFETY: there are steps in both; they are (2) to (5).
        unsafe {
            let (mut first, mut second) = (Hot::load(a, &tables[0]), Hot::load(b, &tables[1]));
            let mut stopped = [false, false];
            while steps > 0 && stopped == [false, false] {
                match turns(&mut first, &mut second, tables, &mut steps) {
                    0 => break,
                    1 => match rare(first) {
                        Some(after) => first = after,
                        None => stopped[0] = true,
                    },
                    _ => match rare(second) {
                        Some(after) => second = after,
                        None => stopped[1] = true,
                    },
                }
                // The second lane does not take its turn after the first one's rare step.
                steps -= 1;
            }
            first.store(a);
            second.store(b);
            if stopped != [false, false] {
                return Stopped(stopped);
            }
        }
    }
}
