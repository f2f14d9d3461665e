//! The hot loops: steps of one stream, or of two in turn, without a check of bounds in each.
//!
//! The only unsafe code of this folder. What its proof rests on:
//!
//! 1. *Instructions.* A [`Kernel`] comes from [`Kernel::detect`] alone, which asks the processor.
//! 2. *Input.* A step consumes at most `INPUT_STEP` bytes and then reads the eight at its new
//!    position; [`Lane::steps`] allows only as many steps as keep clear of the last `INPUT_SLACK`
//!    bytes. Reading begins at a position that is left by at least one step, so it is inside too.
//! 3. *Output.* A step yields at most `OUTPUT_STEP` bytes and writes at most `OUTPUT_SLACK` bytes
//!    from where it stands; `Lane::steps` allows only as many as fit. The output is a slice, so all
//!    of it is initialised: reading what was not written yet is useless and sound.
//! 4. *History.* An offset is held against what was written; or `WINDOW` bytes were written on entry
//!    (`CHECKED` is false), and no entry leads further back than that.
//! 5. *Tables.* [`super::Tables`] makes its entries from those of RFC 1951, and here they are only
//!    read. One kind consumes at most 20 bits and yields a length of at most 258, the other at most
//!    28 bits and an offset of at most `WINDOW`. Nothing is assumed of the order of entries.
//! 6. *Assembly.* `turn!` is the step that `step!` is, in the same words and without its check, so 2
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
pub(in super::super) const OUTPUT_SLACK: usize = OUTPUT_STEP + 32;
/// The largest offset.
const WINDOW: usize = 32 << 10;

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
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::{
        _MM_HINT_T0, _bzhi_u32, _mm_prefetch, _mm256_loadu_si256, _mm256_storeu_si256,
        _mm256_zeroupper,
    };
    use std::hint::select_unpredictable;
    use std::mem::offset_of;
    use std::ptr;

    use super::super::tables::{
        LITLEN_BITS, LONG, MATCH, NEAR, OFFSET_BITS, SHORT, SPECIAL, SUBTABLE, Tables,
    };
    use super::{Lane, OUTPUT_SLACK, Stopped, WINDOW};

    /// The offset entry of a step without a match. It copies bytes to be overwritten: from some
    /// way back, because reading what was just written waits for it.
    const NO_OFFSET: u32 = 1500 << 16;

    /// How far ahead of the output its lines are asked for. Most come from beyond the second-level
    /// cache, and stores that wait for them hold up everything behind.
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
            match lane.written >= WINDOW {
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
            match a.written >= WINDOW && b.written >= WINDOW {
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
    /// The processor has the instructions. If not `CHECKED`, `WINDOW` bytes were written.
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
            if CHECKED && lane.written >= WINDOW {
                return;
            }
        }
    }

    /// # Safety
    /// The processor has the instructions.
    #[target_feature(enable = "avx,bmi1,bmi2")]
    unsafe fn two_checked(a: &mut Lane<'_>, b: &mut Lane<'_>, tables: &[Tables; 2]) -> Stopped {
        while a.written < WINDOW || b.written < WINDOW {
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
    /// The processor has the instructions. `WINDOW` bytes were written in both.
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

    /// `step!` in assembly, without a check of the offset. Before what that leaves to `rare` or stops
    /// at, it jumps to `$rare`; where a length may be more than `SHORT`, to `$long`, which comes back
    /// to `$copied`.
    ///
    /// Compilers keep half of two lanes on the stack, also what the next step waits for, and take a
    /// fourth more instructions; in turn, two lanes are as fast as their instructions are few.
    #[rustfmt::skip]
    macro_rules! turn {
        ($lane:literal, $at:literal, $rare:literal, $long:literal, $copied:literal) => {
            concat!(
                // c: what the table says of the offset, if one comes.
                "shrx {b}, {bits", $lane, "}, {entry", $lane, "}\n",
                "mov {c:e}, {b:e}\n",
                "and {c:e}, {offset_mask}\n",
                "mov {c:e}, [{tables} + 4*{c} + {offset} + ", $at, "]\n",
                "test {entry", $lane, ":x}, {entry", $lane, ":x}\n", // Its sign is `MATCH`.
                "cmovns {c:e}, [rsp + 8]\n",
                "lea {a:e}, [{entry", $lane, "} + {c}]\n",
                "test {a:l}, {a:l}\n", // Its sign is `SPECIAL`.
                "js ", $rare, "f\n",
                // The place behind both entries.
                "and {a:e}, 63\n",
                "add {place", $lane, "}, {a}\n",
                // d: the extra bits of the length, unless it is a long one.
                "bzhi {d:e}, {bits", $lane, ":e}, {entry", $lane, ":e}\n",
                "rorx {a:e}, {entry", $lane, ":e}, 8\n",
                "shrx {d:e}, {d:e}, {a:e}\n",
                // The next bits.
                "mov {bits", $lane, "}, {place", $lane, "}\n",
                "shr {bits", $lane, "}, 3\n",
                "mov {a:e}, {place", $lane, ":e}\n",
                "and {a:e}, 7\n",
                "shrx {bits", $lane, "}, [{bits", $lane, "}], {a}\n",
                // The literals.
                "rorx {a:e}, {entry", $lane, ":e}, 16\n",
                "mov [{out", $lane, "}], {a:x}\n",
                "rorx {a:e}, {entry", $lane, ":e}, 13\n",
                "and {a:e}, 3\n",
                "add {out", $lane, "}, {a}\n",
                // d: the length.
                "mov {a:e}, {entry", $lane, ":e}\n",
                "shr {a:e}, 24\n",
                "test {entry", $lane, ":x}, {entry", $lane, ":x}\n",
                "lea {d:e}, [{a} + {d} + 3]\n",
                "cmovns {d:e}, [rsp + 16]\n",
                "test {entry", $lane, ":l}, {long}\n",
                "jnz ", $long, "f\n",
                $copied, ":\n",
                // The next entry.
                "shrx {entry", $lane, "}, {b}, {c}\n",
                "and {entry", $lane, ":e}, {litlen_mask}\n",
                "mov {entry", $lane, ":e}, [{tables} + 4*{entry", $lane, "} + {litlen} + ", $at, "]\n",
                // c: the offset, negative.
                "bzhi {b:e}, {b:e}, {c:e}\n",
                "rorx {a:e}, {c:e}, 8\n",
                "shrx {b:e}, {b:e}, {a:e}\n",
                "shr {c:e}, 16\n",
                "add {c}, {b}\n",
                "neg {c}\n",
                // The match.
                "vmovups {bytes}, [{out", $lane, "} + {c}]\n",
                "vmovups [{out", $lane, "}], {bytes}\n",
                "vmovups {bytes}, [{out", $lane, "} + {c} + 32]\n",
                "vmovups [{out", $lane, "} + 32], {bytes}\n",
                "add {out", $lane, "}, {d}\n",
                "prefetcht0 [{out", $lane, "} + {prefetch}]\n",
            )
        };
    }

    /// The long match of a `turn!`: copies all of it as `copy` does, 32 bytes at a time, and leaves its
    /// length in d. `turn!` then copies what it begins with once more, which changes nothing. The
    /// first entry is not needed any more.
    #[rustfmt::skip]
    macro_rules! long {
        ($lane:literal, $long:literal, $copied:literal, $loop:literal) => {
            concat!(
                $long, ":\n",
                // d holds the base, the extra bits and what follows those; the entry consumes as many as
                // come behind those before them.
                "mov {a:e}, {entry", $lane, ":e}\n",
                "shr {a:e}, 24\n",
                "add {a:e}, 3\n",
                "sub {d:e}, {a:e}\n",
                "push {a}\n",
                "rorx {a:e}, {entry", $lane, ":e}, 8\n",
                "and {a:e}, 31\n",
                "and {entry", $lane, ":e}, 63\n",
                "sub {entry", $lane, ":e}, {a:e}\n",
                "pop {a}\n",
                "bzhi {d:e}, {d:e}, {entry", $lane, ":e}\n",
                "add {d:e}, {a:e}\n",
                // Where to copy from, found as in `turn!`.
                "bzhi {entry", $lane, ":e}, {b:e}, {c:e}\n",
                "rorx {a:e}, {c:e}, 8\n",
                "shrx {entry", $lane, ":e}, {entry", $lane, ":e}, {a:e}\n",
                "mov {a:e}, {c:e}\n",
                "shr {a:e}, 16\n",
                "add {entry", $lane, "}, {a}\n",
                "neg {entry", $lane, "}\n",
                "add {entry", $lane, "}, {out", $lane, "}\n",
                "xor {a:e}, {a:e}\n",
                $loop, ":\n",
                "vmovups {bytes}, [{entry", $lane, "} + {a}]\n",
                "vmovups [{out", $lane, "} + {a}], {bytes}\n",
                "add {a:e}, 32\n",
                "cmp {a:e}, {d:e}\n",
                "jb ", $loop, "b\n",
                "jmp ", $copied, "b\n",
            )
        };
    }

    /// So many steps of both lanes in turn: returns 0; or 1 or 2, where the first or the second lane
    /// stands before a step that is a rare one, or none. `steps` are then those that are left, that one
    /// included.
    ///
    /// # Safety
    /// Both lanes have the steps, and there is one; `WINDOW` bytes were written in both.
    #[target_feature(enable = "avx,bmi1,bmi2")]
    #[inline]
    unsafe fn turns(a: &mut Hot, b: &mut Hot, tables: &[Tables; 2], steps: &mut usize) -> usize {
        // `turn!` copies so many bytes, and `OUTPUT_SLACK` has room for them behind two literals.
        const { assert!(SHORT == 64 && 2 + SHORT as usize <= OUTPUT_SLACK) };
        let (mut one, mut other) = (u64::from(a.entry), u64::from(b.entry));
        let stopped;
        // SAFETY: (6).
        unsafe {
            asm!(
                // What a step without a match has for a length and for the entry of an offset; and
                // the steps that are left. No register is.
                "push 0",
                "push {no_offset}",
                "push {a}",
                "2:",
                turn!("_a", "0", "32", "42", "52"),
                turn!("_b", "{second}", "33", "43", "53"),
                "dec qword ptr [rsp]",
                "jnz 2b",
                "xor {a:e}, {a:e}",
                "jmp 3f",
                long!("_a", "42", "52", "62"),
                long!("_b", "43", "53", "63"),
                "32:",
                "mov {a:e}, 1",
                "jmp 3f",
                "33:",
                "mov {a:e}, 2",
                "3:",
                "pop {b}",
                "pop {c}",
                "pop {c}",
                place_a = inout(reg) a.place,
                bits_a = inout(reg) a.bits,
                entry_a = inout(reg) one,
                out_a = inout(reg) a.out,
                place_b = inout(reg) b.place,
                bits_b = inout(reg) b.bits,
                entry_b = inout(reg) other,
                out_b = inout(reg) b.out,
                tables = in(reg) tables,
                a = inout(reg) *steps => stopped,
                b = out(reg) *steps,
                c = out(reg) _,
                d = out(reg) _,
                bytes = out(ymm_reg) _,
                litlen = const offset_of!(Tables, litlen),
                offset = const offset_of!(Tables, offset),
                second = const size_of::<Tables>(),
                litlen_mask = const (1 << LITLEN_BITS) - 1,
                offset_mask = const (1 << OFFSET_BITS) - 1,
                no_offset = const NO_OFFSET,
                long = const LONG,
                prefetch = const PREFETCH,
            );
        }
        // The compiler does this behind its own code; without it, older vector code is slow.
        _mm256_zeroupper();
        (a.entry, b.entry) = (one as u32, other as u32);
        stopped
    }
}

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
