//! Inflating an object: whole members at libdeflate's speed, a streaming inflater for what is too
//! large; and two objects at once, faster than either, and read while they are in the cache.
//!
//! The size that a gzip trailer claims is a hint and never trusted with memory: a member that does
//! not fit the hint, or is larger than `WHOLE_MEMBER_BYTES`, is inflated in pieces.

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::BOM;
use super::inflate::{Inflated, Inflater, crc32};
use super::pair::{First, Pair};

/// Largest member inflated into one buffer. Log objects inflate to a few megabytes; beyond this
/// size the buffer would cost more memory than the faster inflater saves time.
const WHOLE_MEMBER_BYTES: usize = 64 << 20;

/// Bytes of one piece of the streaming inflater: fits the second-level cache.
const PIECE_BYTES: usize = 256 << 10;

/// DEFLATE cannot inflate more than about 1032-fold, so no honest trailer claims more.
const MAX_RATIO: usize = 1032;

/// Why an object could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GunzipError {
    /// Cut in the middle of a member, or a checksum, header or block that does not hold.
    #[error("gzip data is truncated or corrupt")]
    Corrupt,
    /// The first bytes belong neither to gzip nor to JSON.
    #[error("neither gzip nor JSON")]
    Foreign,
    /// More output than `max_inflated_bytes`.
    #[error("inflates to more than limits.max_inflated_bytes")]
    TooLarge,
}

/// Takes what an object inflates to. Any closure that takes bytes is one.
pub trait Consumer {
    /// Takes bytes, all of them.
    fn push(&mut self, bytes: &[u8]);

    /// Takes as many of the bytes as are of use by now, and says how many; the rest is handed on again in front of
    /// what follows. Saves a copy where `push` would keep the rest.
    fn offer(&mut self, bytes: &[u8]) -> usize {
        self.push(bytes);
        bytes.len()
    }
}

impl<F: FnMut(&[u8])> Consumer for F {
    fn push(&mut self, bytes: &[u8]) {
        self(bytes);
    }
}

/// An inflater with the buffers it reuses from object to object.
pub struct Gunzip {
    inflater: Option<Inflater>,
    buffer: Vec<u8>,
    pair: Pair,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { inflater: Inflater::new(), buffer: Vec::new(), pair: Pair::default() }
    }
}

impl Gunzip {
    /// One that inflates every member in pieces, as if each were too large for the buffer.
    #[cfg(test)]
    pub(super) fn in_pieces() -> Self {
        Self { inflater: None, ..Self::default() }
    }

    /// Bytes of memory held for the next object.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity() + self.pair.held()
    }

    /// Inflates `object`, member after member, and hands the output to `consumer`; plain JSON is handed on as it is.
    /// Returns the number of bytes handed on.
    ///
    /// # Errors
    /// [`GunzipError`]. Some may have been handed on by then: the caller drops what came of it.
    pub fn inflate(
        &mut self,
        object: &[u8],
        max_inflated: u64,
        mut consumer: impl Consumer,
    ) -> Result<u64, GunzipError> {
        self.rest(object, First::default(), max_inflated, &mut consumer)
    }

    /// [`Gunzip::inflate`] for two objects, side by side as far as their first members go. That takes less time than
    /// one after the other and gives the same: what cannot be inflated side by side is begun again as if alone, and
    /// what was handed on of it is not handed on again.
    ///
    /// # Errors
    /// [`GunzipError`] of each, as for `inflate`.
    pub fn inflate_both(
        &mut self,
        objects: [&[u8]; 2],
        max_inflated: u64,
        (mut one, mut other): (impl Consumer, impl Consumer),
    ) -> [Result<u64, GunzipError>; 2] {
        let firsts = self.pair.inflate(objects, max_inflated, (&mut one, &mut other));
        [
            self.rest(objects[0], firsts[0], max_inflated, &mut one),
            self.rest(objects[1], firsts[1], max_inflated, &mut other),
        ]
    }

    /// Inflates what is left of an object.
    fn rest(
        &mut self,
        object: &[u8],
        first: First,
        max_inflated: u64,
        consumer: &mut impl Consumer,
    ) -> Result<u64, GunzipError> {
        if !object.starts_with(&[0x1f, 0x8b]) {
            return plain(object, max_inflated, consumer);
        }
        let (mut rest, mut total, known) = match first.used {
            Some(used) => (&object[used..], first.handed, 0),
            None => (object, 0, first.handed),
        };
        let mut behind = Behind { consumer, known, crc: 0, expected: first.crc };
        while !rest.is_empty() {
            // Zero padding behind the last member is what tape and block tools leave; gzip ignores
            // it.
            if rest.iter().all(|&byte| byte == 0) {
                break;
            }
            rest = match self.member(rest) {
                Inflated::Member { used } => {
                    total += self.buffer.len() as u64;
                    if total > max_inflated {
                        return Err(GunzipError::TooLarge);
                    }
                    behind.push(&self.buffer)?;
                    &rest[used..]
                }
                Inflated::Full => &rest[stream(rest, &mut total, max_inflated, &mut behind)?..],
                Inflated::Corrupt => return Err(GunzipError::Corrupt),
            };
        }
        match behind.known {
            0 => Ok(total),
            _ => Err(GunzipError::Corrupt),
        }
    }

    /// Inflates the first member of `input` into the buffer, growing it while the hint was too
    /// small.
    fn member(&mut self, input: &[u8]) -> Inflated {
        let Some(inflater) = &mut self.inflater else { return Inflated::Full };
        let most = input.len().saturating_mul(MAX_RATIO).min(WHOLE_MEMBER_BYTES);
        let mut room = size_hint(input).min(most);
        loop {
            self.buffer.clear();
            self.buffer.reserve(room);
            match inflater.member(input, &mut self.buffer) {
                // With several members the hint is the last one's size, not this one's.
                Inflated::Full if room < most => room = (room * 4).max(PIECE_BYTES).min(most),
                outcome => return outcome,
            }
        }
    }
}

/// What the last trailer claims: right for the one-member objects that AWS writes.
fn size_hint(rest: &[u8]) -> usize {
    rest.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize)
}

/// Hands on what a consumer does not have yet of a member that was begun again.
struct Behind<'c, C> {
    consumer: &'c mut C,
    /// Bytes still to come that it has.
    known: u64,
    /// Checksum of those that came, and of all of them when they were handed on.
    crc: u32,
    expected: u32,
}

impl<C: Consumer> Behind<'_, C> {
    /// # Errors
    /// What comes again is not what came before: one of two inflaters is wrong, and the object says nothing.
    fn push(&mut self, bytes: &[u8]) -> Result<(), GunzipError> {
        let known = usize::try_from(self.known).unwrap_or(usize::MAX).min(bytes.len());
        let (known, new) = bytes.split_at(known);
        if !known.is_empty() {
            self.crc = crc32(self.crc, known);
            self.known -= known.len() as u64;
            if self.known == 0 && self.crc != self.expected {
                return Err(GunzipError::Corrupt);
            }
        }
        if !new.is_empty() {
            self.consumer.push(new);
        }
        Ok(())
    }
}

fn plain(
    object: &[u8],
    max_inflated: u64,
    consumer: &mut impl Consumer,
) -> Result<u64, GunzipError> {
    if object.len() as u64 > max_inflated {
        return Err(GunzipError::TooLarge);
    }
    // An object, an array or the time of an export line, perhaps behind a byte order mark.
    let text = object.strip_prefix(BOM).unwrap_or(object);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if !first.is_none_or(|byte| matches!(byte, b'{' | b'[' | b'0'..=b'9')) {
        return Err(GunzipError::Foreign);
    }
    consumer.push(object);
    Ok(object.len() as u64)
}

/// The first member of `input` in pieces, in memory that does not grow with it. Returns its length.
fn stream(
    input: &[u8],
    total: &mut u64,
    max_inflated: u64,
    behind: &mut Behind<'_, impl Consumer>,
) -> Result<usize, GunzipError> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut decoder = GzDecoder::new(input);
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(input.len() - decoder.into_inner().len()),
            Ok(length) => {
                *total += length as u64;
                if *total > max_inflated {
                    return Err(GunzipError::TooLarge);
                }
                behind.push(&piece[..length])?;
            }
            Err(_) => return Err(GunzipError::Corrupt),
        }
    }
}
