//! One DEFLATE stream around the hot loops: headers of blocks, stored blocks, and what the loops leave.
//!
//! Safe code, with a check at every step.

use super::kernel::{Kernel, Lane};
use super::tables::{self, END, MATCH, NEAR, SPECIAL, SUBTABLE, Tables};
use crate::decode::inflate::crc32;

/// The stream is cut, corrupt, too large or unusual: libdeflate is to say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct GiveUp;

/// Output from which on the checksum goes on at the end of a block: what was just written is still
/// in the cache then.
const SUM_BYTES: usize = 32 << 10;

/// In which order the code of the lengths of words comes, RFC 1951, 3.2.7.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Block,
    Symbols,
    End,
}

/// A stream and its output.
pub(in super::super) struct Stream<'a> {
    lane: Lane<'a>,
    state: State,
    /// Whether the block is the last one.
    last: bool,
    /// The checksum of the first `summed` bytes of the output.
    sum: u32,
    summed: usize,
}

/// What a whole stream was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Whole {
    /// Bytes of input.
    pub(in super::super) used: usize,
    /// Bytes of output.
    pub(in super::super) length: usize,
    /// CRC-32 of the output.
    pub(in super::super) crc: u32,
}

impl<'a> Stream<'a> {
    /// The stream at the start of `input`. The loops need [`super::OUTPUT_SLACK`] bytes of `output`
    /// behind what the stream yields; nearer to its end, bytes are written one by one.
    pub(in super::super) fn new(input: &'a [u8], output: &'a mut [u8]) -> Self {
        let lane = Lane { input, position: 0, output, written: 0 };
        Self { lane, state: State::Block, last: false, sum: 0, summed: 0 }
    }

    /// Inflates both streams, side by side as long as neither has ended.
    pub(in super::super) fn both(
        mut a: Self,
        mut b: Self,
        tables: &mut [Tables; 2],
        kernel: Kernel,
    ) -> [Outcome; 2] {
        while a.state != State::End && b.state != State::End {
            let mut stopped = [a.state == State::Block, b.state == State::Block];
            if stopped == [false, false] {
                stopped = kernel.two(&mut a.lane, &mut b.lane, tables).0;
            }
            if stopped[0] && a.slowly(&mut tables[0]).is_err() {
                return [Err(GiveUp), b.alone(&mut tables[1], kernel)];
            }
            if stopped[1] && b.slowly(&mut tables[1]).is_err() {
                return [a.alone(&mut tables[0], kernel), Err(GiveUp)];
            }
        }
        [a.alone(&mut tables[0], kernel), b.alone(&mut tables[1], kernel)]
    }

    /// Inflates the rest of the stream.
    fn alone(mut self, tables: &mut Tables, kernel: Kernel) -> Outcome {
        while self.state != State::End {
            if self.state == State::Symbols {
                kernel.one(&mut self.lane, tables);
            }
            self.slowly(tables)?;
        }
        self.sum(0);
        let used = self.lane.position.div_ceil(8);
        Ok(Whole { used, length: self.lane.written, crc: self.sum })
    }

    /// One block's header, or one symbol.
    fn slowly(&mut self, tables: &mut Tables) -> Result<(), GiveUp> {
        match self.state {
            State::Block => self.block(tables)?,
            State::Symbols => self.symbol(tables)?,
            State::End => {}
        }
        // Behind the end of the input are zeros, until here.
        match self.lane.position <= self.lane.input.len() * 8 {
            true => Ok(()),
            false => Err(GiveUp),
        }
    }

    /// The next bits, 57 at least; zeros behind the end.
    fn peek(&self) -> u64 {
        let rest = self.lane.input.get(self.lane.position / 8..).unwrap_or_default();
        let word = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
            let mut padded = [0; 8];
            padded[..rest.len()].copy_from_slice(rest);
            padded
        });
        u64::from_le_bytes(word) >> (self.lane.position % 8)
    }

    /// Consumes up to 16 bits.
    fn take(&mut self, count: usize) -> usize {
        let bits = self.peek() & ((1 << count) - 1);
        self.lane.position += count;
        bits as usize
    }

    /// Consumes an entry of `bits`; returns its extra bits.
    fn consume(&mut self, entry: u32, bits: u64) -> usize {
        self.lane.position += (entry & 63) as usize;
        ((bits & ((1 << (entry & 63)) - 1)) >> (entry >> 8 & 31)) as usize
    }

    /// Brings the checksum up to date, if that is worth it.
    fn sum(&mut self, worth: usize) {
        let fresh = &self.lane.output[self.summed..self.lane.written];
        if fresh.len() >= worth {
            self.sum = crc32(self.sum, fresh);
            self.summed = self.lane.written;
        }
    }

    fn symbol(&mut self, tables: &Tables) -> Result<(), GiveUp> {
        let bits = self.peek();
        let mut entry = tables.litlen(bits);
        if entry & (SPECIAL | SUBTABLE) == SPECIAL | SUBTABLE {
            entry = tables.long_litlen(entry, bits);
        }
        if entry & SPECIAL != 0 && entry & END == 0 {
            return Err(GiveUp);
        }
        let extra = self.consume(entry, bits);
        if entry & SPECIAL != 0 {
            self.end_block();
            return Ok(());
        }
        let [_, _, literals @ ..] = entry.to_le_bytes();
        for &literal in &literals[..(entry >> 13 & 3) as usize] {
            *self.lane.output.get_mut(self.lane.written).ok_or(GiveUp)? = literal;
            self.lane.written += 1;
        }
        match entry & MATCH {
            0 => Ok(()),
            _ => self.copy(tables, (entry >> 24) as usize + 3 + extra),
        }
    }

    /// Copies a match, whose offset comes next.
    fn copy(&mut self, tables: &Tables, length: usize) -> Result<(), GiveUp> {
        let bits = self.peek();
        let mut entry = tables.offset(bits);
        if entry & SUBTABLE != 0 {
            entry = tables.long_offset(entry, bits);
        }
        if entry & (SPECIAL | NEAR) == SPECIAL {
            return Err(GiveUp);
        }
        let offset = (entry >> 16) as usize + self.consume(entry, bits);
        let to = self.lane.written;
        let from = to.checked_sub(offset).ok_or(GiveUp)?;
        if self.lane.output.len() - to < length {
            return Err(GiveUp);
        }
        for at in 0..length {
            self.lane.output[to + at] = self.lane.output[from + at];
        }
        self.lane.written += length;
        Ok(())
    }

    fn end_block(&mut self) {
        self.state = if self.last { State::End } else { State::Block };
        self.sum(SUM_BYTES);
    }

    fn block(&mut self, tables: &mut Tables) -> Result<(), GiveUp> {
        self.last = self.take(1) == 1;
        self.state = State::Symbols;
        match self.take(2) {
            0 => self.stored(),
            1 => tables.fix().ok_or(GiveUp),
            2 => self.dynamic(tables),
            _ => Err(GiveUp),
        }
    }

    fn stored(&mut self) -> Result<(), GiveUp> {
        let at = self.lane.position.div_ceil(8);
        let rest = self.lane.input.get(at..).unwrap_or_default();
        let (&[a, b, c, d], rest) = rest.split_first_chunk().ok_or(GiveUp)?;
        let length = u16::from_le_bytes([a, b]);
        if length != !u16::from_le_bytes([c, d]) {
            return Err(GiveUp);
        }
        let length = usize::from(length);
        let to = self.lane.output.get_mut(self.lane.written..).unwrap_or_default();
        to.get_mut(..length).ok_or(GiveUp)?.copy_from_slice(rest.get(..length).ok_or(GiveUp)?);
        self.lane.written += length;
        self.lane.position = (at + 4 + length) * 8;
        self.end_block();
        Ok(())
    }

    /// The header of a dynamic block: the lengths of its words, in a code of their own.
    fn dynamic(&mut self, tables: &mut Tables) -> Result<(), GiveUp> {
        let (litlens, offsets) = (self.take(5) + 257, self.take(5) + 1);
        let mut lengths = [0; 19];
        let count = self.take(4) + 4;
        for &symbol in &ORDER[..count] {
            lengths[usize::from(symbol)] = self.take(3) as u8;
        }
        let table = tables::of_lengths(&lengths).ok_or(GiveUp)?;
        // As many as there can be, and the longest run beyond.
        let mut lengths = [0; 288 + 32 + 138];
        let (mut at, end) = (0, litlens + offsets);
        while at < end {
            let bits = self.peek();
            let entry = table[bits as usize % table.len()];
            let (symbol, word) = (entry >> 3, usize::from(entry & 7));
            let more = (bits >> word) as usize;
            if word == 0 {
                return Err(GiveUp);
            }
            self.lane.position += word;
            if symbol < 16 {
                lengths[at] = symbol as u8;
                at += 1;
                continue;
            }
            let (value, times, more) = match symbol {
                16 => (*lengths[..at].last().ok_or(GiveUp)?, 3 + more % 4, 2),
                17 => (0, 3 + more % 8, 3),
                _ => (0, 11 + more % 128, 7),
            };
            lengths[at..at + times].fill(value);
            at += times;
            self.lane.position += more;
        }
        if at != end {
            return Err(GiveUp);
        }
        let (litlen, rest) = lengths.split_at(litlens);
        tables.make(litlen, &rest[..offsets]).ok_or(GiveUp)
    }
}

/// A whole stream, or none.
pub(in super::super) type Outcome = Result<Whole, GiveUp>;
