//! Reading a record by the shape that it has.

use super::super::balance::{Inside, below};
use super::super::body::TELLING;
use super::super::ends::Ends;
use super::super::json::{Cursor, Kind};
use super::super::lanes::{BLOCK, Compare};
use super::super::record::{Reader, Record};
use super::{Leaf, Part, Shapes};

/// A record to be read by its shape.
pub struct Recall<'s, 'r, 'a> {
    pub(in crate::decode) shapes: &'s Shapes,
    pub(in crate::decode) bytes: &'a [u8],
    /// Where it begins.
    pub(in crate::decode) at: usize,
    pub(in crate::decode) max_tokens: i64,
    /// Before anything of it is read; spoiled, if the shape is not known.
    pub(in crate::decode) record: &'r mut Record<'a>,
}

impl Recall<'_, '_, '_> {
    /// Where the record ends, if its shape is known.
    #[inline(always)]
    pub(in crate::decode) fn run(self, lanes: impl Compare, ends: impl Ends) -> Option<usize> {
        let Self { shapes, bytes, at, max_tokens, record } = self;
        let mut cursor = Cursor::new(bytes, at, ends);
        let mut reader = Reader::new(bytes, max_tokens, record);
        let (parts, texts) = (shapes.parts.as_slice(), shapes.texts.as_slice());
        let mut part = parts.get(shapes.first as usize)?;
        let mut inside = None;
        loop {
            while !part.fits(&mut cursor, texts, lanes) {
                part = parts.get(part.other as usize)?;
            }
            match part.leaf {
                Leaf::String => cursor.skip_opened(Kind::String).ok()?,
                Leaf::Number => cursor.skip_kind(Kind::Number).ok()?,
                Leaf::Brackets => cursor.skip_opened(Kind::Object).ok()?,
                Leaf::Field(field) => reader.take(&mut cursor, field).ok()?,
                Leaf::Elements { first, last } => {
                    let at = cursor.position();
                    let from = match first {
                        true => Inside::before(at - 1),
                        false => Inside::behind(inside?, at),
                    };
                    inside = cursor.next_telling(from, &TELLING).ok()?;
                    if inside.is_none() != last {
                        return None;
                    }
                }
                Leaf::End => {
                    let body = shapes.bodies.get(part.next as usize)?;
                    let read = reader.body();
                    *read = body.with_numbers_of(read);
                    reader.finish().ok()?;
                    return Some(cursor.position());
                }
            }
            part = parts.get(part.next as usize)?;
        }
    }
}

impl Part {
    /// Steps over the text, if it comes next, a block behind it.
    #[inline(always)]
    fn fits(
        &self,
        cursor: &mut Cursor<'_, impl Ends>,
        texts: &[[u8; BLOCK]],
        lanes: impl Compare,
    ) -> bool {
        let rest = cursor.rest();
        let (Some(met), Some(expected)) = (rest.first_chunk(), texts.get(self.text as usize))
        else {
            return false;
        };
        let length = self.length as usize;
        let fits = lanes.differ(lanes.load(met), lanes.load(expected)) & self.counts == 0
            && (length <= BLOCK || self.fits_beyond(rest, texts, lanes));
        if fits {
            cursor.pass(length);
        }
        fits
    }

    /// Whether all blocks of a text but its first come next; never, where the last is near the end of the bytes.
    #[inline(always)]
    fn fits_beyond(&self, rest: &[u8], texts: &[[u8; BLOCK]], lanes: impl Compare) -> bool {
        let (met, length) = (rest.as_chunks().0, self.length as usize);
        let texts = texts.get(self.text as usize..).unwrap_or_default();
        let differ = |at| match (met.get(at), texts.get(at)) {
            (Some(met), Some(expected)) => lanes.differ(lanes.load(met), lanes.load(expected)),
            _ => !0,
        };
        let last = length / BLOCK;
        (1..last).all(|at| differ(at) == 0) && differ(last) & below(length % BLOCK) == 0
    }
}
