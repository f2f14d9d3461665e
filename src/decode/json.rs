//! A cursor over JSON text that checks the grammar of what is read and allocates nothing.
//!
//! Where it may run ahead (inside strings, over values that nobody looks into) it asks an [`Ends`] how far: the
//! fast or the slow one, which must agree.
//!
//! Of what is read it accepts what RFC 8259 accepts, with two liberties that match serde_json's skipping of
//! ignored values: lone surrogate escapes and invalid UTF-8 inside strings that nobody extracts. Both are
//! rejected where text is taken out. An object or array that is stepped over needs to be
//! balanced (see `balance`), a string that is stepped over to end.

use super::balance::{Inside, Names, Stop};
use super::ends::Ends;
use super::keys::Keys;
use super::scalars::{check_escapes, number_end, word_end};
use super::shapes::Slot;
use super::text::{Number, Raw, small};

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text ended inside the value.
    Cut,
    /// The text breaks the grammar.
    Bad,
}

/// The outcome of stepping over a value.
pub type Step<T> = Result<T, Fault>;

/// Which kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// `-` or a digit
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A position in JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a, E> {
    bytes: &'a [u8],
    /// Always ≤ `bytes.len()`; the next byte to read.
    at: usize,
    ends: E,
}

impl<'a, E: Ends> Cursor<'a, E> {
    /// A cursor at `at` bytes into `bytes`.
    pub fn new(bytes: &'a [u8], at: usize, ends: E) -> Self {
        Self { bytes, at: at.min(bytes.len()), ends }
    }

    /// The next byte's position.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next byte after white space, not consumed.
    #[inline(always)]
    fn peek(&mut self) -> Step<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => {
                self.at = behind_space(self.bytes, self.at);
                self.bytes.get(self.at).copied().ok_or(Fault::Cut)
            }
        }
    }

    /// Which kind of value comes next.
    #[inline(always)]
    pub fn kind(&mut self) -> Step<Kind> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => return Err(Fault::Bad),
        })
    }

    /// Steps through an object; `member` is called at each value and must step over it.
    #[inline(always)]
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Raw<'a>) -> Step<()>) -> Step<()> {
        self.sequence(b'{', b'}', |cursor| {
            let key = cursor.key()?;
            member(cursor, key)
        })
    }

    /// Steps through an object with known keys; `member` is called at each value with what its key means.
    #[inline(always)]
    pub(super) fn known<T: Copy, const N: usize>(
        &mut self,
        keys: &Keys<T, N>,
        mut member: impl FnMut(&mut Self, T) -> Step<()>,
    ) -> Step<()> {
        let mut next = 0;
        self.sequence(b'{', b'}', |cursor| {
            let found = match cursor.bytes.get(cursor.at..) {
                Some([b'"', rest @ ..]) => keys.find(rest, next),
                _ => None,
            };
            let meaning = match found {
                Some((meaning, length, index)) => {
                    cursor.at += 1 + length;
                    next = index + 1;
                    meaning
                }
                None => cursor.other_key(keys)?,
            };
            member(cursor, meaning)
        })
    }

    /// Steps through what stands between two brackets; `item` is called at each item and must step over it.
    #[inline(always)]
    fn sequence(
        &mut self,
        opening: u8,
        closing: u8,
        mut item: impl FnMut(&mut Self) -> Step<()>,
    ) -> Step<()> {
        if self.peek()? != opening {
            return Err(Fault::Bad);
        }
        self.at += 1;
        if self.peek()? == closing {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            let next = self.peek()?;
            if next != b',' && next != closing {
                return Err(Fault::Bad);
            }
            self.at += 1;
            if next == closing {
                return Ok(());
            }
        }
    }

    /// What a key means that is unknown, or written in an unusual way.
    #[inline(never)]
    fn other_key<T: Copy, const N: usize>(&mut self, keys: &Keys<T, N>) -> Step<T> {
        let key = self.key()?;
        Ok(keys.meaning(&key.name()))
    }

    /// Steps through an array; `element` is called at each value and must step over it.
    #[inline(always)]
    pub fn array(&mut self, element: impl FnMut(&mut Self) -> Step<()>) -> Step<()> {
        self.sequence(b'[', b']', element)
    }

    /// Steps over a string and returns what is between its quotes.
    #[inline(always)]
    pub fn string(&mut self) -> Step<Raw<'a>> {
        if self.peek()? == b'"' { self.plain_string() } else { Err(Fault::Bad) }
    }

    /// A string whose opening quote is the next byte.
    #[inline(always)]
    fn plain_string(&mut self) -> Step<Raw<'a>> {
        let start = self.at + 1;
        // Keys and most values that are looked at are short and plain.
        if let Some(bytes) = self.ends.near(self.bytes, start) {
            self.at = start + bytes.len() + 1;
            return Ok(Raw { bytes, escaped: false });
        }
        let (end, escaped) = self.ends.text(self.bytes, start)?;
        self.at = end + 1;
        let bytes = self.bytes.get(start..end).ok_or(Fault::Cut)?;
        if escaped {
            check_escapes(bytes)?;
        }
        Ok(Raw { bytes, escaped })
    }

    /// A string that is near, plain and of ASCII, if that is what comes next: it is stepped over.
    #[inline(always)]
    pub(super) fn plain_text(&mut self) -> Option<&'a str> {
        if self.peek() != Ok(b'"') {
            return None;
        }
        let text = self.ends.plain(self.bytes, self.at + 1)?;
        self.at += text.len() + 2;
        Some(text)
    }

    /// Steps over a number.
    #[inline(always)]
    pub fn number(&mut self) -> Step<Number<'a>> {
        let start = self.start()?;
        // Most are small and whole; what else there is is looked at closely.
        if let Some((number, length)) = self.rest().first_chunk().copied().and_then(small) {
            self.at += length;
            return Ok(Number::Small(number));
        }
        self.at = number_end(self.bytes, start)?;
        self.bytes.get(start..self.at).ok_or(Fault::Cut).map(Number::Other)
    }

    /// Steps over a value of any kind.
    #[inline]
    pub fn skip(&mut self) -> Step<()> {
        let kind = self.kind()?;
        let from = self.at;
        self.skip_kind(kind)?;
        self.note(Slot::Skipped, from);
        Ok(())
    }

    /// Steps over a value that is as good as always the same.
    #[inline(always)]
    pub(super) fn skip_usual(&mut self) -> Step<()> {
        let kind = self.kind()?;
        self.skip_kind(kind)
    }

    /// Steps over the rest of a value of that kind, whose quote or bracket was stepped over.
    #[inline(always)]
    pub(super) fn skip_opened(&mut self, kind: Kind) -> Step<()> {
        self.at -= 1;
        self.skip_kind(kind)
    }

    /// Steps over a value that is the next byte and of that kind.
    #[inline(always)]
    pub(super) fn skip_kind(&mut self, kind: Kind) -> Step<()> {
        match kind {
            Kind::Object | Kind::Array => self.at = self.ends.value(self.bytes, self.at)?,
            Kind::String => {
                let start = self.at + 1;
                self.at = match self.ends.near(self.bytes, start) {
                    Some(text) => start + text.len() + 1,
                    None => self.ends.text(self.bytes, start)?.0 + 1,
                };
            }
            Kind::Number => drop(self.number()?),
            Kind::Bool | Kind::Null => self.at = word_end(self.bytes, self.at)?,
        }
        Ok(())
    }

    /// Where the next value begins.
    #[inline(always)]
    pub(super) fn start(&mut self) -> Step<usize> {
        self.peek()?;
        Ok(self.at)
    }

    /// Notes as what the value was read that began at `from`.
    #[inline(always)]
    pub(super) fn note(&self, slot: Slot, from: usize) {
        self.ends.note(slot, from, self.at);
    }

    /// What comes next, to be looked at.
    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over so many bytes, which were looked at.
    #[inline(always)]
    pub(super) fn pass(&mut self, count: usize) {
        self.at += count;
    }

    /// Reads with ends that are found by calls, in a function of its own.
    #[inline(always)]
    pub(super) fn far<T>(
        &mut self,
        read: impl FnOnce(&mut Cursor<'a, E::Far>) -> Step<T>,
    ) -> Step<T> {
        let mut cursor = Cursor { bytes: self.bytes, at: self.at, ends: self.ends.far() };
        let value = read(&mut cursor)?;
        self.at = cursor.at;
        Ok(value)
    }

    /// Steps over an array; `element` is called at each object or array in it that holds a key of `names`, and
    /// must step over it.
    #[inline(always)]
    pub(super) fn telling(
        &mut self,
        names: &Names,
        mut element: impl FnMut(&mut Self) -> Step<()>,
    ) -> Step<()> {
        if self.peek()? != b'[' {
            return Err(Fault::Bad);
        }
        let mut from = Inside::before(self.at);
        while let Some(inside) = self.next_telling(from, names)? {
            element(self)?;
            from = inside.behind(self.at);
        }
        Ok(())
    }

    /// Steps over elements of an array to one that holds a key of `names`, or else behind the array.
    #[inline(always)]
    pub(super) fn next_telling(&mut self, from: Inside, names: &Names) -> Step<Option<Inside>> {
        let start = self.at;
        let (slot, inside) = match self.ends.elements(self.bytes, from, names)? {
            Stop::End(end) => {
                self.at = end;
                (Slot::LastElements, None)
            }
            Stop::Tells(at, inside) => {
                self.at = at;
                (Slot::Elements, Some(inside))
            }
        };
        self.note(slot, start);
        Ok(inside)
    }

    /// A key and its colon.
    #[inline(always)]
    fn key(&mut self) -> Step<Raw<'a>> {
        if self.peek()? != b'"' {
            return Err(Fault::Bad);
        }
        let key = self.plain_string()?;
        if self.peek()? != b':' {
            return Err(Fault::Bad);
        }
        self.at += 1;
        Ok(key)
    }
}

/// The position behind the white space at `at`.
#[cold]
#[inline(never)]
fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}
