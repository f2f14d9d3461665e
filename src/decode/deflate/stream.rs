//! One DEFLATE stream around the hot loops: headers of blocks, stored blocks, and what the loops leave.
//!
//! Safe code, with a check at every step.

use super::kernel::{HISTORY, Kernel, Lane, ROOM};
use super::tables::{self, END, MATCH, NEAR, SPECIAL, SUBTABLE, Tables};
use crate::decode::inflate::crc32;

/// The stream is cut, corrupt or unusual: libdeflate is to say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GiveUp;

/// In which order the code of the lengths of words comes, RFC 1951, 3.2.7.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Block,
    /// So many bytes of a stored block.
    Stored(usize),
    Symbols,
    End,
    GivenUp,
}

/// A stream and the window that its output passes through.
pub(in super::super) struct Stream<'a> {
    lane: Lane<'a>,
    state: State,
    /// Whether the block is the last one.
    last: bool,
    /// Bytes of the window that were taken out,
    taken: usize,
    /// bytes that have left it,
    gone: u64,
    /// and the checksum of both.
    sum: u32,
}

impl<'a> Stream<'a> {
    /// The stream at the start of `input`, with a window of more than [`HISTORY`] and [`ROOM`] bytes.
    pub(in super::super) fn new(input: &'a [u8], window: &'a mut [u8]) -> Self {
        let lane = Lane { input, position: 0, output: window, written: 0 };
        Self { lane, state: State::Block, last: false, taken: 0, gone: 0, sum: 0 }
    }

    /// Whether there is more to inflate and room for it.
    pub(in super::super) fn goes_on(&self) -> bool {
        !matches!(self.state, State::End | State::GivenUp)
            && self.lane.output.len() - self.lane.written >= ROOM
    }

    /// Inflates both streams side by side until one of them does not go on.
    pub(in super::super) fn both(
        a: &mut Self,
        b: &mut Self,
        tables: &mut [Tables; 2],
        kernel: Kernel,
    ) {
        while a.goes_on() && b.goes_on() {
            let mut stopped = [&*a, &*b].map(|stream| stream.state != State::Symbols);
            if stopped == [false, false] {
                stopped = kernel.two(&mut a.lane, &mut b.lane, tables).0;
            }
            let [first, second] = &mut *tables;
            if stopped[0] && a.goes_on() {
                a.slowly(first);
            }
            if stopped[1] && b.goes_on() {
                b.slowly(second);
            }
        }
    }

    /// Inflates this stream until it does not go on.
    pub(in super::super) fn alone(&mut self, tables: &mut Tables, kernel: Kernel) {
        while self.goes_on() {
            if self.state == State::Symbols {
                kernel.one(&mut self.lane, tables);
            }
            if self.goes_on() {
                self.slowly(tables);
            }
        }
    }

    /// Whether only room is missing.
    pub(in super::super) fn is_full(&self) -> bool {
        !self.goes_on() && !matches!(self.state, State::End | State::GivenUp)
    }

    /// What was inflated and not taken out.
    pub(in super::super) fn fresh(&self) -> &[u8] {
        &self.lane.output[self.taken..self.lane.written]
    }

    /// Takes the first bytes of [`Stream::fresh`] out; the rest, and history, move to the front of the window.
    pub(in super::super) fn take_out(&mut self, bytes: usize) {
        self.sum = crc32(self.sum, &self.fresh()[..bytes]);
        self.taken += bytes;
        let front = self.taken.min(self.lane.written.saturating_sub(HISTORY));
        self.lane.output.copy_within(front..self.lane.written, 0);
        self.lane.written -= front;
        self.taken -= front;
        self.gone += front as u64;
    }

    /// Bytes that were taken out, and their CRC-32.
    pub(in super::super) fn taken(&self) -> (u64, u32) {
        (self.gone + self.taken as u64, self.sum)
    }

    /// Bytes that were inflated, and their CRC-32.
    pub(in super::super) fn inflated(&self) -> (u64, u32) {
        (self.gone + self.lane.written as u64, crc32(self.sum, self.fresh()))
    }

    /// Bytes of input, when the stream has ended.
    pub(in super::super) fn ended(&self) -> Option<usize> {
        (self.state == State::End).then_some(self.lane.position.div_ceil(8))
    }

    /// Goes no further.
    pub(in super::super) fn give_up(&mut self) {
        self.state = State::GivenUp;
    }

    /// One block's header, one symbol, or what there is room for of a stored block.
    fn slowly(&mut self, tables: &mut Tables) {
        let done = match self.state {
            State::Block => self.block(tables),
            State::Stored(bytes) => self.stored(bytes),
            State::Symbols => self.symbol(tables),
            State::End | State::GivenUp => Ok(()),
        };
        // Behind the end of the input are zeros, until here.
        if done.is_err() || self.lane.position > self.lane.input.len() * 8 {
            self.give_up();
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
    }

    fn block(&mut self, tables: &mut Tables) -> Result<(), GiveUp> {
        self.last = self.take(1) == 1;
        self.state = State::Symbols;
        match self.take(2) {
            0 => self.lengths(),
            1 => tables.fix().ok_or(GiveUp),
            2 => self.dynamic(tables),
            _ => Err(GiveUp),
        }
    }

    /// The lengths before a stored block.
    fn lengths(&mut self) -> Result<(), GiveUp> {
        let at = self.lane.position.div_ceil(8);
        let rest = self.lane.input.get(at..).unwrap_or_default();
        let &[a, b, c, d] = rest.first_chunk().ok_or(GiveUp)?;
        let length = u16::from_le_bytes([a, b]);
        if length != !u16::from_le_bytes([c, d]) {
            return Err(GiveUp);
        }
        self.lane.position = (at + 4) * 8;
        self.state = State::Stored(usize::from(length));
        Ok(())
    }

    fn stored(&mut self, bytes: usize) -> Result<(), GiveUp> {
        let (at, room) = (self.lane.position / 8, &mut self.lane.output[self.lane.written..]);
        let now = bytes.min(room.len());
        let from = self.lane.input.get(at..at + now).ok_or(GiveUp)?;
        room[..now].copy_from_slice(from);
        self.lane.written += now;
        self.lane.position += now * 8;
        match bytes - now {
            0 => self.end_block(),
            more => self.state = State::Stored(more),
        }
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
