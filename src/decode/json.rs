//! A cursor over JSON text that checks the grammar of what it passes and allocates nothing.
//!
//! It accepts what RFC 8259 accepts, with two liberties that match serde_json's skipping of ignored
//! values: lone surrogate escapes and invalid UTF-8 inside strings that nobody extracts. Both are
//! rejected where text is taken out.

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
    Bad(&'static str),
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
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    /// Always ≤ `bytes.len()`; the next byte to read.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `at` bytes into `bytes`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// The next byte's position.
    pub fn position(&self) -> usize {
        self.at
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte after white space, not consumed.
    fn peek(&mut self) -> Step<u8> {
        self.skip_space();
        self.bytes.get(self.at).copied().ok_or(Fault::Cut)
    }

    /// Which kind of value comes next.
    pub fn kind(&mut self) -> Step<Kind> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => return Err(Fault::Bad("value expected")),
        })
    }

    /// Steps through an object; `member` is called at each value and must step over it.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Raw<'a>) -> Step<()>) -> Step<()> {
        if self.peek()? != b'{' {
            return Err(Fault::Bad("object expected"));
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(Fault::Bad("key expected"));
            }
            let key = self.string()?;
            if self.peek()? != b':' {
                return Err(Fault::Bad("colon expected"));
            }
            self.at += 1;
            member(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Bad("comma or closing brace expected")),
            }
        }
    }

    /// Steps through an array; `element` is called at each value and must step over it.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Step<()>) -> Step<()> {
        if self.peek()? != b'[' {
            return Err(Fault::Bad("array expected"));
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
                _ => return Err(Fault::Bad("comma or closing bracket expected")),
            }
        }
    }

    /// Steps over a string and returns what is between its quotes.
    pub fn string(&mut self) -> Step<Raw<'a>> {
        if self.peek()? != b'"' {
            return Err(Fault::Bad("string expected"));
        }
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = next_special(self.bytes, at).ok_or(Fault::Cut)?;
            match self.bytes[at] {
                b'"' => {
                    self.at = at + 1;
                    return Ok(Raw { bytes: &self.bytes[start..at], escaped });
                }
                b'\\' => {
                    escaped = true;
                    at = escape_end(self.bytes, at)?;
                }
                _ => return Err(Fault::Bad("control character in a string")),
            }
        }
    }

    /// Steps over a number and returns its digits and signs.
    pub fn number(&mut self) -> Step<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at).ok_or(Fault::Cut)? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return Err(Fault::Bad("number expected")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        // A number at the very end of the text may go on in the next push.
        if self.at == self.bytes.len() {
            return Err(Fault::Cut);
        }
        Ok(&self.bytes[start..self.at])
    }

    /// One or more digits.
    fn digits(&mut self) -> Step<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        match (self.at > start, self.at == self.bytes.len()) {
            (true, _) => Ok(()),
            (false, true) => Err(Fault::Cut),
            (false, false) => Err(Fault::Bad("digit expected")),
        }
    }

    fn literal(&mut self, word: &'static [u8]) -> Step<()> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Fault::Cut)
        } else {
            Err(Fault::Bad("value expected"))
        }
    }

    /// Steps over a string, number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Step<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(Fault::Bad("value expected")),
        }
    }

    /// Steps over a value of any kind, however deep (to `MAX_DEPTH`), without recursion.
    pub fn skip(&mut self) -> Step<()> {
        // One bit a level: set where the level is an object.
        let mut levels = [0u64; MAX_DEPTH / 64];
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                opening @ (b'{' | b'[') => {
                    self.at += 1;
                    let is_object = opening == b'{';
                    let closing = if is_object { b'}' } else { b']' };
                    if self.peek()? == closing {
                        self.at += 1;
                    } else {
                        if depth == MAX_DEPTH {
                            return Err(Fault::Bad("nested deeper than 512 levels"));
                        }
                        let bit = 1u64 << (depth % 64);
                        let word = &mut levels[depth / 64];
                        *word = if is_object { *word | bit } else { *word & !bit };
                        depth += 1;
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // A value has ended: close as many levels as end here.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let is_object = levels[(depth - 1) / 64] >> ((depth - 1) % 64) & 1 == 1;
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if is_object => depth -= 1,
                    b']' if !is_object => depth -= 1,
                    _ => return Err(Fault::Bad("comma or closing bracket expected")),
                }
                self.at += 1;
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Step<()> {
        if self.peek()? != b'"' {
            return Err(Fault::Bad("key expected"));
        }
        self.string()?;
        if self.peek()? != b':' {
            return Err(Fault::Bad("colon expected"));
        }
        self.at += 1;
        Ok(())
    }
}

/// The first quote, backslash or control character at or after `at`.
fn next_special(bytes: &[u8], mut at: usize) -> Option<usize> {
    /// The compiler turns the test of a block into vector compares: four registers of the baseline.
    const BLOCK: usize = 64;
    let special = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < 0x20);
    let mut rest = bytes.get(at..)?;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().fold(0, |any, &byte| any | u8::from(special(byte))) != 0 {
            break;
        }
        (rest, at) = (after, at + BLOCK);
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let marks = special_in(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        (rest, at) = (after, at + 8);
    }
    rest.iter().position(|&byte| special(byte)).map(|found| at + found)
}

/// The special bytes among eight: the lowest bit set lies in the first of them. Bits above it may
/// be wrong, because a subtraction borrows from the next byte; without a special byte nothing
/// borrows.
fn special_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | below(word, 0x20)) & (ONES * 0x80)
}

/// The position after the escape whose backslash is at `at`.
fn escape_end(bytes: &[u8], at: usize) -> Step<usize> {
    match bytes.get(at + 1).ok_or(Fault::Cut)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => {
            for offset in 2..6 {
                if !bytes.get(at + offset).ok_or(Fault::Cut)?.is_ascii_hexdigit() {
                    return Err(Fault::Bad("invalid escape in a string"));
                }
            }
            Ok(at + 6)
        }
        _ => Err(Fault::Bad("invalid escape in a string")),
    }
}
