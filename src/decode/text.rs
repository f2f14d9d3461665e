//! A JSON string as it stands in the text: its bytes between the quotes, escapes in place.

use std::borrow::Cow;

use super::lanes;

/// A string's bytes between its quotes, escapes still in place. Control characters and malformed
/// escapes are known to be absent; UTF-8 and surrogate pairs are checked where text is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The bytes between the quotes.
    pub bytes: &'a [u8],
    /// Whether there is a backslash among them.
    pub escaped: bool,
}

impl<'a> Raw<'a> {
    /// The text, or `None` where it is not UTF-8 or holds half a surrogate pair.
    #[inline(always)]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let text = match lanes::ascii(self.bytes) {
            Some(text) => text,
            None => std::str::from_utf8(self.bytes).ok()?,
        };
        if self.escaped { unescape(text).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) }
    }

    /// The bytes to compare with known names: free of escapes, or what no name can equal.
    #[inline(always)]
    pub fn name(self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.bytes);
        }
        match self.text() {
            Some(text) => Cow::Owned(text.into_owned().into_bytes()),
            None => Cow::Borrowed(self.bytes),
        }
    }

    /// Whether the string is `expected`.
    #[inline(always)]
    pub fn is(self, expected: &str) -> bool {
        *self.name() == *expected.as_bytes()
    }
}

/// `text` with its escapes resolved; they are known to be well formed.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let code = *rest.as_bytes().get(at + 1)?;
        rest = &rest[at + 2..];
        plain.push(match code {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, after) = unicode_escape(rest)?;
                rest = after;
                character
            }
            other => char::from(other),
        });
    }
    plain.push_str(rest);
    Some(plain)
}

/// The character of a `\u` escape (or pair of them) whose hex digits start `rest`, and what
/// follows.
fn unicode_escape(rest: &str) -> Option<(char, &str)> {
    let hex = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let first = hex(rest)?;
    if !(0xD800..0xDC00).contains(&first) {
        return Some((char::from_u32(first)?, &rest[4..]));
    }
    let low = hex(rest.get(4..)?.strip_prefix("\\u")?)?;
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
    Some((char::from_u32(code)?, &rest[10..]))
}

/// A number as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number<'a> {
    /// A whole one from 0, of a few digits.
    Small(i64),
    /// The digits, signs and points of any other.
    Other(&'a [u8]),
}

impl Number<'_> {
    /// Its value, if it is a whole number from 0 of at most 63 bits.
    #[inline]
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Self::Small(number) => Some(number),
            Self::Other(digits) => whole(digits),
        }
    }
}

/// The value and the length of a whole number that the bytes begin with, of at most seven digits, before a comma or
/// a closing bracket.
#[inline(always)]
pub(super) fn small(bytes: [u8; 8]) -> Option<(i64, usize)> {
    let word = u64::from_le_bytes(bytes);
    const ONES: u64 = u64::MAX / 255;
    // Digits become 0 to 9. Adding 6 keeps these below 16 and carries into no byte before another character.
    let digits = word ^ (ONES * u64::from(b'0'));
    let others = (digits | digits.wrapping_add(ONES * 6)) & (ONES * 0xf0);
    let bits = others.trailing_zeros() & !7;
    let has_end = bits < 64 && matches!((word >> bits) as u8, b',' | b'}' | b']');
    let is_zero_led = word as u8 == b'0' && bits > 8;
    if bits == 0 || !has_end || is_zero_led {
        return None;
    }
    // Behind as many zeros as are missing to eight digits; then pairs of digits, of two, of four.
    let digits = digits << (64 - bits);
    let pairs = digits.wrapping_mul(1 + (10 << 8)) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(1 + (100 << 16)) >> 16 & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(1 + (10_000 << 32)) >> 32;
    Some((value as i64, bits as usize / 8))
}

/// The value of a whole number from 0 whose digits are `digits`; `None` beyond 64 bits, or for signs,
/// points and exponents.
#[inline]
pub(super) fn whole(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(i64::from(digit)) }
    })
}

#[cfg(test)]
mod tests {
    use super::small;

    #[test]
    fn small_numbers_are_read_as_they_stand() {
        let read = |text: &str| small(*text.as_bytes().first_chunk().unwrap());
        for number in (0..10_000).chain([99_999, 100_000, 123_456, 999_999, 1_000_000, 9_999_999]) {
            let digits = number.to_string();
            for end in [",\"abcde", "}}\n{\"t\":", "]99999999"] {
                assert_eq!(read(&(digits.clone() + end + "       ")), Some((number, digits.len())));
            }
            for end in [" ,      ", ".5,     ", "e5,     ", "\u{e9}       ", "/,      ", ":,      "]
            {
                assert_eq!(read(&(digits.clone() + end)), None, "{digits}{end}");
            }
        }
        for other in
            ["12345678,", "01,       ", "00,       ", "-1,      ", ",        ", "\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
