//! Where numbers and words end, and which escapes there are: the grammar of scalars.

use super::json::{Fault, Step};

/// The position behind the number that begins at `at`.
#[inline(never)]
pub(super) fn number_end(bytes: &[u8], mut at: usize) -> Step<usize> {
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
pub(super) fn word_end(bytes: &[u8], at: usize) -> Step<usize> {
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

/// Checks the escapes of a string's text.
#[cold]
#[inline(never)]
pub(super) fn check_escapes(text: &[u8]) -> Step<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let length = match rest.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if is_hex(rest.get(at + 2..at + 6)) => 6,
            _ => return Err(Fault::Bad),
        };
        rest = &rest[at + length..];
    }
    Ok(())
}

fn is_hex(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}
