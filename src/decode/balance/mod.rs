//! Stepping over what is not read: values that are balanced, whatever else they are.
//!
//! Most of a record is prompt and answer, of which nothing is taken but where they end. Such an object
//! or array is not held against all of JSON's grammar but against what masks of 64 bytes can tell. It is
//! *balanced* when all of this holds, from its opening bracket to the one that closes it:
//!
//! - It is made of tokens: brackets, commas, colons, strings and scalars, with white space (space, tab, line
//!   feed, carriage return) between them. Any other byte outside strings is bad.
//! - A string ends at the first quote that no backslash takes with it: a backslash takes the byte behind it,
//!   whichever that is. No control character stands in a string, and no backslash outside.
//! - A scalar is `true`, `false`, `null`, or begins with a digit, a sign or a point and goes on with these and
//!   `e` and `E`. It ends where another token or white space begins.
//! - Each token may follow the one before it in some JSON: a value (a scalar, a string, an opening bracket)
//!   does not follow the end of another (a scalar, a string, a closing bracket), a comma follows one, a
//!   colon follows a string, and no bracket closes behind a comma or a colon.
//! - Brackets close as often as they open, and braces among them too.
//!
//! All JSON is balanced. What is balanced and no JSON has a malformed number or escape, a colon in an array or
//! none in an object, or brackets closed in the order of the other kind. A cut record with its successor behind
//! it, a lost quote (all that was text is outside strings then, and what was outside is text), a missing or
//! doubled comma and a bare word are found. Nesting may be of any depth: nothing is remembered of a level.
//!
//! [`slow`] says this byte by byte, [`fast`] by masks; they agree on where a value ends, and on whether it
//! does not because the text is [cut](super::json::Fault::Cut) or [bad](super::json::Fault::Bad): bad, if
//! anything is bad in what there is of it.

mod fast;
mod masks;
mod slow;
mod text;

use super::lanes::Classes;

pub(super) use fast::{Elements as FastElements, Value};
pub(super) use masks::below;
pub(super) use slow::{elements, text, value};
pub(super) use text::Text;

/// A place inside an array that is stepped over, where an element or the array's end is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Position of the array's opening bracket, or behind an element.
    at: usize,
    /// Brackets open: 0 before the array's own.
    depth: i64,
    /// Braces open in what was stepped over: in the end all must be closed.
    braces: i64,
}

impl Inside {
    /// Before the array that opens at `at`.
    pub(super) fn before(at: usize) -> Self {
        Self { at, depth: 0, braces: 0 }
    }

    /// Behind the element that ends at `at`, which was told.
    pub(super) fn behind(self, at: usize) -> Self {
        Self { at, depth: 1, ..self }
    }
}

/// Where stepping over the elements of an array stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Behind the array.
    End(usize),
    /// At an element that holds a key which may tell something.
    Tells(usize, Inside),
}

/// Keys that tell something.
#[derive(Debug)]
pub struct Names {
    /// Those that tell nothing where their value is null.
    unless_null: &'static [&'static str],
    /// Those that tell something whatever their value.
    always: &'static [&'static str],
    /// First letters, a class each.
    firsts: Classes,
    /// Third letters, in the classes of the first letters that they stand behind.
    thirds: Classes,
}

impl Names {
    /// Names of three and more characters, of at most eight first letters.
    pub(super) const fn new(
        unless_null: &'static [&'static str],
        always: &'static [&'static str],
    ) -> Self {
        let names = Self { unless_null, always, firsts: Classes::new(), thirds: Classes::new() };
        names.with_letters_of(unless_null).with_letters_of(always)
    }

    const fn with_letters_of(mut self, names: &[&str]) -> Self {
        let mut index = 0;
        while index < names.len() {
            let name = names[index].as_bytes();
            let mut class = self.firsts.of(name[0]);
            if class == 0 {
                class = self.firsts.next();
                self.firsts = self.firsts.with(class, &[name[0]], 0);
            }
            self.thirds = self.thirds.with(class, &[name[2]], 0);
            index += 1;
        }
        self
    }

    /// Whether the string whose text begins at `at` is one of the names as a key that tells.
    #[inline(never)]
    fn tell(&self, bytes: &[u8], at: usize) -> bool {
        let text = bytes.get(at..).unwrap_or_default();
        let value = |name: &&str| {
            // Most have another letter: no call for those.
            if text.first() != name.as_bytes().first() {
                return None;
            }
            let behind = text.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")?;
            Some(behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
        };
        let is_null = |value: &[u8]| value.starts_with(b"null");
        self.unless_null.iter().find_map(value).is_some_and(|value| !is_null(value))
            || self.always.iter().find_map(value).is_some()
    }
}
