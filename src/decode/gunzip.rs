//! Inflating an object: whole members at libdeflate's speed, a streaming inflater for what is too
//! large; and two objects at once, faster than either.
//!
//! The size that a gzip trailer claims is a hint and never trusted with memory: a member that does
//! not fit the hint, or is larger than `WHOLE_MEMBER_BYTES`, is inflated in pieces.

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::BOM;
use super::ahead::{Member, Pair};
use super::inflate::{Inflated, Inflater};

/// Largest member inflated into one buffer. Log objects inflate to a few megabytes; beyond this
/// size the buffer would cost more memory than the faster inflater saves time.
const WHOLE_MEMBER_BYTES: usize = 64 << 20;

/// Bytes of one piece of the streaming inflater: fits the second-level cache.
const PIECE_BYTES: usize = 256 << 10;

/// DEFLATE cannot inflate more than about 1032-fold, so no honest trailer claims more.
pub(super) const MAX_RATIO: usize = 1032;

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

/// An inflater with the buffers it reuses from object to object.
pub struct Gunzip {
    inflater: Option<Inflater>,
    buffer: Vec<u8>,
    pair: Pair,
}

/// An object whose first member was perhaps inflated ahead, together with another object's.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'o> {
    object: &'o [u8],
    member: Option<Member>,
}

impl<'o> Ahead<'o> {
    /// An object of which nothing was inflated yet.
    pub fn nothing(object: &'o [u8]) -> Self {
        Self { object, member: None }
    }

    /// Whether its first member was inflated.
    #[cfg(test)]
    pub(super) fn is_inflated(&self) -> bool {
        self.member.is_some()
    }
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

    /// Inflates the first members of two objects side by side, which takes less time than one after
    /// the other. Both are finished with [`Gunzip::resume`], before the next call.
    ///
    /// What cannot be inflated side by side is left to `resume`, so results are the same.
    pub fn ahead<'o>(&mut self, objects: [&'o [u8]; 2]) -> [Ahead<'o>; 2] {
        let [a, b] = self.pair.inflate(objects);
        [Ahead { object: objects[0], member: a }, Ahead { object: objects[1], member: b }]
    }

    /// Inflates `object`, member after member, and hands the output to `sink` in pieces; plain JSON
    /// is handed on as it is. Returns the number of bytes handed on.
    ///
    /// # Errors
    /// [`GunzipError`]. The sink may have been handed pieces by then: the caller drops what came of
    /// them.
    pub fn inflate(
        &mut self,
        object: &[u8],
        max_inflated: u64,
        sink: impl FnMut(&[u8]),
    ) -> Result<u64, GunzipError> {
        self.resume(Ahead::nothing(object), max_inflated, sink)
    }

    /// [`Gunzip::inflate`] for an object whose first member may be inflated already.
    ///
    /// # Errors
    /// [`GunzipError`], as for `inflate`.
    pub fn resume(
        &mut self,
        Ahead { object, mut member }: Ahead<'_>,
        max_inflated: u64,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, GunzipError> {
        if !object.starts_with(&[0x1f, 0x8b]) {
            return plain(object, max_inflated, sink);
        }
        let mut total = 0u64;
        let mut rest = object;
        while !rest.is_empty() {
            // Zero padding behind the last member is what tape and block tools leave; gzip ignores
            // it.
            if rest.iter().all(|&byte| byte == 0) {
                break;
            }
            let ahead = member.take().and_then(|member| Some((member, self.pair.plain(member)?)));
            let (used, plain) = match ahead {
                Some((member, plain)) => (member.used, plain),
                None => match self.member(rest) {
                    Inflated::Member { used } => (used, self.buffer.as_slice()),
                    Inflated::Full => {
                        let used = stream(rest, &mut total, max_inflated, &mut sink)?;
                        (used, [].as_slice())
                    }
                    Inflated::Corrupt => return Err(GunzipError::Corrupt),
                },
            };
            total += plain.len() as u64;
            if total > max_inflated {
                return Err(GunzipError::TooLarge);
            }
            sink(plain);
            rest = &rest[used..];
        }
        Ok(total)
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

fn plain(
    object: &[u8],
    max_inflated: u64,
    mut sink: impl FnMut(&[u8]),
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
    sink(object);
    Ok(object.len() as u64)
}

/// The first member of `input` in pieces, in memory that does not grow with it. Returns its length.
fn stream(
    input: &[u8],
    total: &mut u64,
    max_inflated: u64,
    sink: &mut impl FnMut(&[u8]),
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
                sink(&piece[..length]);
            }
            Err(_) => return Err(GunzipError::Corrupt),
        }
    }
}
