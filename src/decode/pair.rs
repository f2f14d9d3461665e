//! The first members of two objects inflated side by side, each through a window that stays in the cache.

use super::deflate::{HISTORY, Kernel, Stream, Tables};
use super::gunzip::Consumer;

/// Output of a member that is in memory at a time. Two of these, the tables and what records are read with fit
/// the second-level cache of machines that logs are read on (1 MB and more); what is handed on is still there.
const WINDOW: usize = HISTORY + (384 << 10);

/// Most bytes of a window that a consumer may leave for later, so that most of it is room for what is new.
const MOST_LEFT: usize = WINDOW / 2;

/// Beyond this ratio of their sizes the larger one is alone most of the time, where libdeflate is
/// faster.
const FAR_APART: usize = 4;

/// Bytes of a gzip member behind the stream: its checksum and its length.
const TRAILER: usize = 8;

/// What came of an object's first member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct First {
    /// Bytes of the object that it took. `None` says nothing about the object: it may be damaged, too large, no
    /// gzip or in any way unusual.
    pub(super) used: Option<usize>,
    /// Bytes of output that were handed on,
    pub(super) handed: u64,
    /// and their checksum.
    pub(super) crc: u32,
}

/// What inflates two members at once; reused from pair to pair.
#[derive(Default)]
pub(super) struct Pair {
    /// What the members pass through. All of each is initialised, because a stream is given a slice.
    windows: [Vec<u8>; 2],
    /// `None` until the first pair.
    tables: Option<Box<[Tables; 2]>>,
}

impl Pair {
    /// Inflates the first member of both objects and hands on what they inflate to, up to `most` bytes of each.
    pub(super) fn inflate(
        &mut self,
        objects: [&[u8]; 2],
        most: u64,
        consumers: (&mut impl Consumer, &mut impl Consumer),
    ) -> [First; 2] {
        let [a, b] = objects.map(deflate);
        let (Some(kernel), Some(one), Some(other)) = (Kernel::detect(), a, b) else {
            return [First::default(); 2];
        };
        if one.len().max(other.len()) / FAR_APART > one.len().min(other.len()) {
            return [First::default(); 2];
        }
        let tables = self.tables.get_or_insert_with(Tables::pair);
        let [window, second] = &mut self.windows;
        window.resize(WINDOW, 0);
        second.resize(WINDOW, 0);
        let (mut a, mut b) = (Stream::new(one, window), Stream::new(other, second));
        loop {
            match (a.goes_on(), b.goes_on()) {
                (true, true) => Stream::both(&mut a, &mut b, tables, kernel),
                (true, false) => a.alone(&mut tables[0], kernel),
                (false, true) => b.alone(&mut tables[1], kernel),
                (false, false) => break,
            }
            make_room(&mut a, most, consumers.0);
            make_room(&mut b, most, consumers.1);
        }
        [
            first(&a, one, objects[0], most, consumers.0),
            first(&b, other, objects[1], most, consumers.1),
        ]
    }

    /// Bytes of memory held for the next pair.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.windows.iter().map(Vec::capacity).sum()
    }
}

/// Hands on what a full window has.
fn make_room(stream: &mut Stream<'_>, most: u64, consumer: &mut impl Consumer) {
    if !stream.is_full() {
        return;
    }
    let fresh = stream.fresh();
    if stream.taken().0 + fresh.len() as u64 > most {
        return stream.give_up();
    }
    let mut taken = consumer.offer(fresh).min(fresh.len());
    if fresh.len() - taken > MOST_LEFT {
        consumer.push(&fresh[taken..]);
        taken = fresh.len();
    }
    stream.take_out(taken);
}

/// Hands on the rest of a stream that has ended, if its member's trailer agrees.
fn first(
    stream: &Stream<'_>,
    deflate: &[u8],
    object: &[u8],
    most: u64,
    consumer: &mut impl Consumer,
) -> First {
    let (handed, crc) = stream.taken();
    let whole = || {
        let (trailer, rest) = deflate.get(stream.ended()?..)?.split_first_chunk::<TRAILER>()?;
        let (length, crc) = stream.inflated();
        let expected = [crc.to_le_bytes(), (length as u32).to_le_bytes()];
        let is_whole = trailer.as_slice() == expected.as_flattened() && length <= most;
        is_whole.then_some((object.len() - rest.len(), length, crc))
    };
    match whole() {
        Some((used, handed, crc)) => {
            consumer.push(stream.fresh());
            First { used: Some(used), handed, crc }
        }
        None => First { used: None, handed, crc },
    }
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
