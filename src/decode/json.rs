//! A cursor over JSON text that checks the grammar of what it passes and allocates nothing.
//!
//! Where it may run ahead (inside strings, along numbers) it asks an [`Ends`] how far: the fast or the
//! slow one, which must agree.
//!
//! It accepts what RFC 8259 accepts, with two liberties that match serde_json's skipping of ignored
//! values: lone surrogate escapes and invalid UTF-8 inside strings that nobody extracts. Both are
//! rejected where text is taken out.

use super::ends::Ends;
use super::text::Raw;

/// Deepest nesting that is followed. Real bodies (tool schemas) stay below 40; the bound keeps a
/// hostile record from taking memory.
const MAX_DEPTH: usize = 512;

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
        if self.peek()? != b'{' {
            return Err(Fault::Bad);
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Bad),
            }
        }
    }

    /// Steps through an array; `element` is called at each value and must step over it.
    #[inline(always)]
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Step<()>) -> Step<()> {
        if self.peek()? != b'[' {
            return Err(Fault::Bad);
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Bad),
            }
        }
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
        let (end, escaped) = string_end(self.bytes, start, self.ends)?;
        self.at = end + 1;
        Ok(Raw { bytes: self.bytes.get(start..end).ok_or(Fault::Cut)?, escaped })
    }

    /// Steps over a number and returns its digits and signs.
    #[inline(always)]
    pub fn number(&mut self) -> Step<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        let mut end = start;
        while self.bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        // Most are whole; what else there is, and a leading zero, is looked at closely.
        let is_whole = matches!(self.bytes.get(end), Some(b',' | b'}' | b']'))
            && (end == start + 1 || self.bytes.get(start) != Some(&b'0'));
        if !is_whole || end == start {
            end = number_end(self.bytes, start)?;
        }
        self.at = end;
        self.bytes.get(start..end).ok_or(Fault::Cut)
    }

    /// Steps over a string, number, `true`, `false` or `null`.
    #[inline(always)]
    fn scalar(&mut self) -> Step<()> {
        match self.peek()? {
            b'"' => self.plain_string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => {
                self.at = word_end(self.bytes, self.at)?;
                Ok(())
            }
        }
    }

    /// Steps over a value of any kind.
    #[inline]
    pub fn skip(&mut self) -> Step<()> {
        match self.peek()? {
            b'{' | b'[' => self.skip_brackets(),
            _ => self.scalar(),
        }
    }

    #[inline(never)]
    fn skip_brackets(&mut self) -> Step<()> {
        self.brackets(|_| {})
    }

    /// Steps over an object or array, however deep (to `MAX_DEPTH`), without recursion; `look` sees
    /// the keys in it.
    #[inline(always)]
    pub(super) fn brackets(&mut self, mut look: impl FnMut(Raw<'a>)) -> Step<()> {
        // A copy that no other function sees, to be held in registers.
        let mut c = *self;
        // One bit a level: set where the level is an object.
        let mut levels = [0u64; MAX_DEPTH / 64];
        let mut depth = 0usize;
        let mut is_object = true;
        loop {
            match c.peek()? {
                opening @ (b'{' | b'[') => {
                    c.at += 1;
                    // Both closing brackets stand two behind their opening ones.
                    if c.peek()? == opening + 2 {
                        c.at += 1;
                    } else {
                        if depth == MAX_DEPTH {
                            return Err(Fault::Bad);
                        }
                        is_object = opening == b'{';
                        let bit = 1u64 << (depth % 64);
                        let word = &mut levels[depth / 64];
                        *word = if is_object { *word | bit } else { *word & !bit };
                        depth += 1;
                        if is_object {
                            look(c.key()?);
                        }
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' if !is_object => {
                    let behind = c.ends.numbers(c.bytes, c.at);
                    if behind > c.at {
                        c.at = behind;
                        continue;
                    }
                    c.number()?;
                }
                _ => c.scalar()?,
            }
            // A value has ended: close as many levels as end here.
            while depth > 0 {
                let next = c.peek()?;
                c.at += 1;
                if next == b',' {
                    if is_object {
                        look(c.key()?);
                    }
                    break;
                }
                if next != if is_object { b'}' } else { b']' } {
                    return Err(Fault::Bad);
                }
                depth -= 1;
                let above = depth.saturating_sub(1);
                is_object = levels[above / 64] >> (above % 64) & 1 == 1;
            }
            if depth == 0 {
                self.at = c.at;
                return Ok(());
            }
        }
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

/// The position of the quote that ends the string which begins at `at`, and whether there is a
/// backslash in it.
#[inline(never)]
fn string_end(bytes: &[u8], mut at: usize, ends: impl Ends) -> Step<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = ends.special(bytes, at).ok_or(Fault::Cut)?;
        match bytes[at] {
            b'"' => return Ok((at, escaped)),
            b'\\' => {
                escaped = true;
                at = escape_end(bytes, at)?;
            }
            _ => return Err(Fault::Bad),
        }
    }
}

/// The position behind the number that begins at `at`.
#[inline(never)]
fn number_end(bytes: &[u8], mut at: usize) -> Step<usize> {
    at += usize::from(bytes.get(at) == Some(&b'-'));
    match bytes.get(at).ok_or(Fault::Cut)? {
        b'0' => at += 1,
        b'1'..=b'9' => at = digits_end(bytes, at)?,
        _ => return Err(Fault::Bad),
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits_end(bytes, at)?;
    }
    // A number at the very end of the text may go on in the next push.
    if at == bytes.len() { Err(Fault::Cut) } else { Ok(at) }
}

/// The position behind one or more digits at `at`.
fn digits_end(bytes: &[u8], at: usize) -> Step<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.iter().position(|byte| !byte.is_ascii_digit()) {
        Some(0) => Err(Fault::Bad),
        Some(length) => Ok(at + length),
        None => Err(Fault::Cut),
    }
}

/// The position behind `true`, `false` or `null` at `at`.
fn word_end(bytes: &[u8], at: usize) -> Step<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    for word in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(word) {
            return Ok(at + word.len());
        }
        if word.starts_with(rest) {
            return Err(Fault::Cut);
        }
    }
    Err(Fault::Bad)
}

/// The position after the escape whose backslash is at `at`.
fn escape_end(bytes: &[u8], at: usize) -> Step<usize> {
    match bytes.get(at + 1).ok_or(Fault::Cut)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => {
            for offset in 2..6 {
                if !bytes.get(at + offset).ok_or(Fault::Cut)?.is_ascii_hexdigit() {
                    return Err(Fault::Bad);
                }
            }
            Ok(at + 6)
        }
        _ => Err(Fault::Bad),
    }
}
