//! Shapes of records: what one program writes differs in its values, and hardly ever in what stands between them.
//!
//! A record that was read token by token leaves its shape: its *leaves*, and the texts between them. A leaf is
//! a value that is taken ([`Slot`] says as what) or stepped over; the texts are brackets, keys, and values that were
//! looked at. A later record with the same texts is read by comparing them, and leaf by leaf; one that differs is read
//! token by token.
//!
//! Both give the same record, because no leaf decides how reading goes on. That depends on keys, kinds of values
//! and what was looked at, all of which is in the texts. Leaves are read by what reads them token by token. Only
//! records that count are learned, so a reject is never the verdict of a shape.
//!
//! Shapes are kept as a tree, as most of them begin alike.

mod recall;

use std::cell::RefCell;

use super::balance::{Inside, Names, Stop, below};
use super::body::Body;
use super::ends::Ends;
use super::fields::Field;
use super::json::{Cursor, Fault, Kind, Step};
use super::lanes::BLOCK;
use super::record::{Reader, Record};

/// Most parts kept, at 32 bytes each. Logs of one program need tens, logs of many programs hundreds.
const MOST_PARTS: usize = 4096;

/// Most blocks of texts kept: 256 KiB.
const MOST_BLOCKS: usize = (256 << 10) / BLOCK;

/// Most leaves of a record that is learned, before what is stepped over is taken apart. Conversations and streams beyond are as good as never repeated.
const MOST_LEAVES: usize = 256;

/// Most leaves of an object or array that is stepped over leaf by leaf, and not by its brackets.
const MOST_INNER: usize = 8;

/// and how deep they may be.
const MOST_DEPTH: usize = 16;

/// Learning a shape costs what two or three recalled records save. It is worth it while so many were recalled for each
/// time it was tried,
const WORTH: u64 = 4;
/// or while it was tried so rarely that nothing can be said.
const TRIALS: u64 = 64;

pub use recall::Recall;

/// As what a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// It is stepped over.
    Skipped,
    /// Elements of an array that are stepped over, up to one that is not.
    Elements,
    /// The last elements of an array, stepped over with the closing bracket.
    LastElements,
    /// A field of the record.
    Field(Field),
}

/// A value that was read: as what, from where and to where.
type Note = (Slot, usize, usize);

/// Reads as `ends` does and notes what is read.
#[derive(Clone, Copy, Debug)]
struct Noting<'n, E> {
    ends: E,
    notes: &'n RefCell<Vec<Note>>,
}

impl<E: Ends> Ends for Noting<'_, E> {
    type Far = Self;

    fn far(self) -> Self {
        self
    }

    fn near(self, bytes: &[u8], at: usize) -> Option<&[u8]> {
        self.ends.near(bytes, at)
    }

    fn text(self, bytes: &[u8], at: usize) -> Step<(usize, bool)> {
        self.ends.text(bytes, at)
    }

    fn value(self, bytes: &[u8], at: usize) -> Step<usize> {
        self.ends.value(bytes, at)
    }

    fn elements(self, bytes: &[u8], from: Inside, names: &Names) -> Step<Stop> {
        self.ends.elements(bytes, from, names)
    }

    fn note(self, slot: Slot, from: usize, to: usize) {
        let mut notes = self.notes.borrow_mut();
        // A leaf's own parts are none.
        while notes.pop_if(|(_, part, _)| *part >= from).is_some() {}
        notes.push((slot, from, to));
    }
}

/// What comes behind a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaf {
    /// A string that is stepped over; the text has its opening quote.
    String,
    /// A number that is stepped over.
    Number,
    /// An object or array that is stepped over; the text has its opening bracket.
    Brackets,
    /// Elements that are stepped over: whether they are the first of their array (the text has its bracket) or come
    /// behind one that is not stepped over, and whether they are the last or another such one comes.
    Elements { first: bool, last: bool },
    /// A field.
    Field(Field),
    /// The end of the record.
    End,
}

/// A text, what comes behind it, and how it goes on.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The first block of the text, and its length in bytes.
    text: u32,
    length: u32,
    /// Which bytes of that block count.
    counts: u64,
    leaf: Leaf,
    /// The part behind the leaf; behind the end, which of `bodies` the record has.
    next: u32,
    /// Another part that may stand in place of this one.
    other: u32,
}

/// No part.
const NONE: u32 = u32::MAX;

/// Shapes met by one thread. Which ones are known never shows in what is read.
#[derive(Debug)]
pub struct Shapes {
    parts: Vec<Part>,
    /// The part that every record begins with, or another in its place.
    first: u32,
    /// Texts, each in blocks of its own.
    texts: Vec<[u8; BLOCK]>,
    /// What the bodies of whole records showed.
    bodies: Vec<Body>,
    notes: RefCell<Vec<Note>>,
    /// Records read by their shapes.
    recalled: u64,
    /// Records that were to be learned.
    tried: u64,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            first: NONE,
            texts: Vec::new(),
            bodies: Vec::new(),
            notes: RefCell::default(),
            recalled: 0,
            tried: 0,
        }
    }
}

impl Part {
    #[inline(never)]
    fn text<'t>(&self, texts: &'t [[u8; BLOCK]]) -> &'t [u8] {
        let blocks = texts.get(self.text as usize..).unwrap_or_default();
        blocks.as_flattened().get(..self.length as usize).unwrap_or_default()
    }
}

impl Shapes {
    /// Counts a record that was read by its shape.
    pub(super) fn count(&mut self) {
        self.recalled += 1;
    }

    /// Records read by their shapes.
    #[cfg(test)]
    pub(super) fn recalled(&self) -> u64 {
        self.recalled
    }

    /// Records that were to be learned.
    #[cfg(test)]
    pub(super) fn tried(&self) -> u64 {
        self.tried
    }

    /// Parts, blocks of texts and bodies kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> [usize; 3] {
        [self.parts.len(), self.texts.len(), self.bodies.len()]
    }

    /// Whether learning another shape is worth it.
    pub(super) fn are_worth_it(&self) -> bool {
        self.tried < TRIALS || self.tried * WORTH < self.recalled
    }

    /// Reads the record that begins at `at` token by token and learns its shape; says what was read, and where it ends.
    pub(super) fn learn<'a>(
        &mut self,
        bytes: &'a [u8],
        at: usize,
        ends: impl Ends,
        max_tokens: i64,
        record: &mut Record<'a>,
    ) -> (Step<Result<(), &'static str>>, usize) {
        self.notes.get_mut().clear();
        let mut cursor = Cursor::new(bytes, at, Noting { ends, notes: &self.notes });
        let read = Reader::new(bytes, max_tokens, record).read(&mut cursor);
        let end = cursor.position();
        // What is cut comes again, whole.
        self.tried += u64::from(read != Err(Fault::Cut));
        if read == Ok(Ok(())) && self.notes.get_mut().len() <= MOST_LEAVES {
            let notes = within(bytes, self.notes.get_mut(), ends);
            self.insert(&bytes[..end], at, &notes, record.body);
        }
        (read, end)
    }

    /// Adds the shape of the record that begins at `at` and ends with `bytes`, unless that is too much.
    fn insert(&mut self, bytes: &[u8], mut at: usize, notes: &[Note], body: Body) {
        // At most all of the record, and one more where each text ends.
        let blocks = notes.len() + 1 + (bytes.len() - at) / BLOCK;
        if blocks > MOST_BLOCKS {
            return;
        }
        if self.parts.len() + notes.len() >= MOST_PARTS || self.texts.len() + blocks > MOST_BLOCKS {
            // What is still written will be met again.
            *self = Self { recalled: self.recalled, tried: self.tried, ..Self::default() };
        }
        let mut before = None;
        for &(slot, from, to) in notes {
            let (leaf, behind) = match (slot, bytes[from]) {
                (Slot::Field(field), _) => (Leaf::Field(field), from),
                (Slot::Elements | Slot::LastElements, first) => {
                    let (first, last) = (first == b'[', slot == Slot::LastElements);
                    (Leaf::Elements { first, last }, from + usize::from(first))
                }
                (Slot::Skipped, b'"') => (Leaf::String, from + 1),
                (Slot::Skipped, b'{' | b'[') => (Leaf::Brackets, from + 1),
                (Slot::Skipped, b'-' | b'0'..=b'9') => (Leaf::Number, from),
                // A word: of three, each is a text.
                (Slot::Skipped, _) => continue,
            };
            before = Some(self.part(before, &bytes[at..behind], leaf));
            at = to;
        }
        let end = self.part(before, &bytes[at..], Leaf::End);
        let of_end = &mut self.parts[end as usize].next;
        if *of_end == NONE {
            *of_end = self.bodies.len() as u32;
            self.bodies.push(body);
        }
    }

    /// The part with that text and leaf behind the part `before`; a new one, if there is none.
    fn part(&mut self, before: Option<u32>, text: &[u8], leaf: Leaf) -> u32 {
        let new = self.parts.len() as u32;
        let mut next = match before {
            Some(before) => self.parts[before as usize].next,
            None => self.first,
        };
        // Longer texts come first: one may begin another.
        let (mut last, mut at) = (None, next);
        while let Some(part) = self.parts.get(at as usize) {
            if part.leaf == leaf && part.text(&self.texts) == text {
                return at;
            }
            if part.length as usize >= text.len() {
                (last, next) = (Some(at), part.other);
            }
            at = part.other;
        }
        *match (last, before) {
            (Some(last), _) => &mut self.parts[last as usize].other,
            (None, Some(before)) => &mut self.parts[before as usize].next,
            (None, None) => &mut self.first,
        } = new;
        let (blocks, rest) = text.as_chunks();
        let mut padded = [0; BLOCK];
        padded[..rest.len()].copy_from_slice(rest);
        let first = self.texts.len() as u32;
        self.texts.extend_from_slice(blocks);
        self.texts.push(padded);
        self.parts.push(Part {
            text: first,
            length: text.len() as u32,
            counts: below(text.len()),
            leaf,
            next: NONE,
            other: next,
        });
        new
    }
}

/// The notes with small objects and arrays that were stepped over taken apart: comparing their texts is faster than
/// looking for brackets.
fn within(bytes: &[u8], notes: &[Note], ends: impl Ends) -> Vec<Note> {
    let mut all = Vec::with_capacity(notes.len());
    for &note in notes {
        let (slot, from, to) = note;
        let before = all.len();
        let has_brackets = slot == Slot::Skipped && matches!(bytes[from], b'{' | b'[');
        let mut cursor = Cursor::new(&bytes[..to], from, ends);
        if !has_brackets || leaves(&mut cursor, &mut all, before + MOST_INNER, MOST_DEPTH).is_err()
        {
            all.truncate(before);
            all.push(note);
        }
    }
    all
}

/// Notes the leaves of a value; an error if there are more than `most`, or if they are too deep.
fn leaves<E: Ends>(
    cursor: &mut Cursor<'_, E>,
    notes: &mut Vec<Note>,
    most: usize,
    depth: usize,
) -> Step<()> {
    let (from, depth) = (cursor.start()?, depth.checked_sub(1).ok_or(Fault::Bad)?);
    match cursor.kind()? {
        Kind::Object => cursor.object(|c, _| leaves(c, notes, most, depth)),
        Kind::Array => cursor.array(|c| leaves(c, notes, most, depth)),
        _ if notes.len() == most => Err(Fault::Bad),
        _ => {
            cursor.skip()?;
            notes.push((Slot::Skipped, from, cursor.position()));
            Ok(())
        }
    }
}
