//! What is balanced, byte by byte: the definition that the fast way is held against.

use super::super::json::{Fault, Step};
use super::super::scalars::word_end;
use super::{Inside, Names, Stop};

/// The token before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or an opening bracket.
    Opening,
    /// A comma or a colon.
    Separator,
    /// A string, with the position of its quote and whether it has an escape.
    String(usize, bool),
    /// A scalar or a closing bracket.
    Value,
}

impl Before {
    fn is_end(self) -> bool {
        matches!(self, Self::String(..) | Self::Value)
    }
}

/// The position behind the object or array that begins at `at`.
pub(in crate::decode) fn value(bytes: &[u8], at: usize) -> Step<usize> {
    match walk(bytes, Inside::before(at), None)? {
        Stop::End(end) | Stop::Tells(end, _) => Ok(end),
    }
}

/// Steps over elements of an array until it ends or one holds a key of `names`.
pub(in crate::decode) fn elements(bytes: &[u8], from: Inside, names: &Names) -> Step<Stop> {
    walk(bytes, from, Some(names))
}

fn walk(bytes: &[u8], from: Inside, names: Option<&Names>) -> Step<Stop> {
    let Inside { mut at, mut depth, mut braces } = from;
    let mut before = if depth == 0 { Before::Opening } else { Before::Value };
    let mut element = from;
    loop {
        let byte = *bytes.get(at).ok_or(Fault::Cut)?;
        let begins_value =
            !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b']' | b'}');
        if begins_value && before.is_end() {
            return Err(Fault::Bad);
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'{' | b'[' => {
                if depth == 1 {
                    element = Inside { at, depth, braces };
                }
                depth += 1;
                braces += i64::from(byte == b'{');
                (at, before) = (at + 1, Before::Opening);
            }
            b'}' | b']' => {
                if before == Before::Separator {
                    return Err(Fault::Bad);
                }
                depth -= 1;
                braces -= i64::from(byte == b'}');
                (at, before) = (at + 1, Before::Value);
                if depth == 0 {
                    return if braces == 0 { Ok(Stop::End(at)) } else { Err(Fault::Bad) };
                }
            }
            b',' if before.is_end() => (at, before) = (at + 1, Before::Separator),
            b':' => {
                let Before::String(key, escaped) = before else { return Err(Fault::Bad) };
                let tells = |names: &Names| escaped || names.tell(bytes, key + 1);
                if depth > 1 && names.is_some_and(tells) {
                    return Ok(Stop::Tells(element.at, element));
                }
                (at, before) = (at + 1, Before::Separator);
            }
            b'"' => {
                let (end, escaped) = text(bytes, at + 1)?;
                (at, before) = (end + 1, Before::String(at, escaped));
            }
            _ => (at, before) = (scalar_end(bytes, at)?, Before::Value),
        }
    }
}

/// The position of the quote that ends the string whose text begins at `at`, and whether there is a
/// backslash in it.
pub(in crate::decode) fn text(bytes: &[u8], mut at: usize) -> Step<(usize, bool)> {
    let (mut any, mut taken) = (false, false);
    loop {
        match bytes.get(at).ok_or(Fault::Cut)? {
            0..0x20 => return Err(Fault::Bad),
            b'"' if !taken => return Ok((at, any)),
            b'\\' if !taken => (any, taken) = (true, true),
            _ => taken = false,
        }
        at += 1;
    }
}

fn scalar_end(bytes: &[u8], at: usize) -> Step<usize> {
    let is_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.');
    let mut end = at;
    if is_number(bytes[at]) {
        while bytes.get(end).is_some_and(|byte| is_number(*byte) || matches!(byte, b'e' | b'E')) {
            end += 1;
        }
    } else {
        end = word_end(bytes, at)?;
    }
    match bytes.get(end) {
        Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'[' | b']' | b'{' | b'}' | b'"') => {
            Ok(end)
        }
        Some(_) => Err(Fault::Bad),
        None => Err(Fault::Cut),
    }
}
