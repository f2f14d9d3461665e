//! The first members of two objects inflated side by side, ahead of the objects' own turns.

use super::deflate::{Kernel, OUTPUT_SLACK, Stream, Tables, Whole};

/// Largest member inflated ahead. Each thread keeps two buffers of that size at most, beside the
/// one that single members are inflated into.
const MOST_BYTES: usize = 16 << 20;

/// Buffers grow in steps of this, so that a slightly larger object is no new buffer.
const BUFFER_STEP: usize = 256 << 10;

/// Beyond this ratio of their sizes the larger one is alone most of the time, where libdeflate is
/// faster.
const FAR_APART: usize = 4;

/// Bytes of a gzip member behind the stream: its checksum and its length.
const TRAILER: usize = 8;

/// A member that was inflated ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    side: usize,
    /// Bytes of the object that it took.
    pub(super) used: usize,
    /// Bytes that it inflated to.
    length: usize,
    /// Which pair it belongs to.
    turn: u64,
}

/// What inflates two members at once; reused from pair to pair.
#[derive(Default)]
pub(super) struct Pair {
    /// What the members are inflated into. All of each buffer is initialised, because a stream is
    /// given a slice.
    buffers: [Vec<u8>; 2],
    /// `None` until the first pair.
    tables: Option<Box<[Tables; 2]>>,
    /// Counts pairs, so that no member is taken for one of a later pair.
    turn: u64,
}

impl Pair {
    /// Inflates the first member of both objects. `None` where that says nothing about the object:
    /// it may be damaged, too large, no gzip or in any way unusual.
    pub(super) fn inflate(&mut self, objects: [&[u8]; 2]) -> [Option<Member>; 2] {
        self.turn += 1;
        let [a, b] = objects.map(|object| Some((object, deflate(object)?, room(object)?)));
        let (Some(kernel), Some(a), Some(b)) = (Kernel::detect(), a, b) else { return [None; 2] };
        let lengths = [a.0.len(), b.0.len()];
        if lengths[0].max(lengths[1]) / FAR_APART > lengths[0].min(lengths[1]) {
            return [None; 2];
        }
        let tables = self.tables.get_or_insert_with(Tables::pair);
        let [first, second] = &mut self.buffers;
        let (first, second) = (stream(first, a.1, a.2), stream(second, b.1, b.2));
        let [one, other] = Stream::both(first, second, tables, kernel);
        let turn = self.turn;
        let member = |side, object, stream, whole: Result<Whole, _>| {
            let (used, length) = checked(object, stream, whole.ok()?)?;
            Some(Member { side, used, length, turn })
        };
        [member(0, a.0, a.1, one), member(1, b.0, b.1, other)]
    }

    /// What the member inflated to; `None` if another pair has been inflated since.
    pub(super) fn plain(&self, member: Member) -> Option<&[u8]> {
        let plain = self.buffers[member.side].get(..member.length);
        plain.filter(|_| member.turn == self.turn)
    }

    /// Bytes of memory held for the next pair.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffers.iter().map(Vec::capacity).sum()
    }
}

/// A stream into the buffer, with room for so many bytes.
fn stream<'a>(buffer: &'a mut Vec<u8>, input: &'a [u8], room: usize) -> Stream<'a> {
    if buffer.len() < room + OUTPUT_SLACK {
        // Zeros of the system's, not written before they are needed.
        *buffer = Vec::new();
        *buffer = vec![0; (room + OUTPUT_SLACK).next_multiple_of(BUFFER_STEP)];
    }
    Stream::new(input, &mut buffer[..room + OUTPUT_SLACK])
}

/// What the object's last trailer claims, if a stream of the object's size can inflate to that.
fn room(object: &[u8]) -> Option<usize> {
    let room = u32::from_le_bytes(*object.last_chunk()?) as usize;
    (room <= MOST_BYTES.min(object.len().saturating_mul(super::gunzip::MAX_RATIO))).then_some(room)
}

/// What follows the member's header, RFC 1952, 2.3.
fn deflate(object: &[u8]) -> Option<&[u8]> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let (&[0x1f, 0x8b, 8, flags, ..], mut rest) = object.split_first_chunk::<10>()? else {
        return None;
    };
    if flags & EXTRA != 0 {
        let (&length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            rest = &rest[memchr::memchr(0, rest)? + 1..];
        }
    }
    // A checksum of the header (nobody writes one) and the bits without a meaning are for
    // libdeflate to judge.
    (flags & !(1 | EXTRA | NAME | COMMENT) == 0 && flags & CHECKSUM == 0).then_some(rest)
}

/// The member's length in the object and inflated, if its trailer agrees.
fn checked(object: &[u8], stream: &[u8], whole: Whole) -> Option<(usize, usize)> {
    let (trailer, rest) = stream.get(whole.used..)?.split_first_chunk::<TRAILER>()?;
    let expected = [whole.crc.to_le_bytes(), (whole.length as u32).to_le_bytes()];
    (trailer.as_slice() == expected.as_flattened())
        .then_some((object.len() - rest.len(), whole.length))
}
