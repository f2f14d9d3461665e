//! The turn of two lanes in assembly.

use std::arch::asm;
use std::arch::x86_64::_mm256_zeroupper;
use std::mem::offset_of;

use super::super::super::tables::{LITLEN_BITS, LONG, OFFSET_BITS, SHORT, Tables};
use super::super::OUTPUT_SLACK;
use super::{Hot, NO_OFFSET, PREFETCH};

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
/// Both lanes have the steps, and there is one; `HISTORY` bytes were written in both.
#[target_feature(enable = "avx,bmi1,bmi2")]
#[inline]
pub(super) unsafe fn turns(
    a: &mut Hot,
    b: &mut Hot,
    tables: &[Tables; 2],
    steps: &mut usize,
) -> usize {
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
