//! Times as logs write them.

/// Seconds since the epoch of `YYYY-MM-DDTHH:MM:SS[.fff](Z|±HH:MM)`; fractions are dropped.
///
/// Years 2020 to 2099 only: Bedrock began in 2023, and a time far off is a mistake to be told, not
/// a day to open a partition for.
pub fn seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let start: &[u8; 19] = bytes.first_chunk()?;
    // Day and sign stand in both: eight bytes at a time.
    let [y1, y2, y3, y4, _, m1, m2, _] = digits(start.first_chunk()?, b"0000-00-")?;
    let [_, d1, d2, _, h1, h2, _, _] = digits(start[7..].first_chunk()?, b"-00T00:0")?;
    let [_, _, _, n1, n2, _, s1, s2] = digits(start.last_chunk()?, b"00:00:00")?;
    let two = |tens: u8, ones: u8| i64::from(tens) * 10 + i64::from(ones);
    let (year, month, day) = (two(y1, y2) * 100 + two(y3, y4), two(m1, m2), two(d1, d2));
    let (hour, minute, second) = (two(h1, h2), two(n1, n2), two(s1, s2));
    let in_range = (2020..2100).contains(&year) && hour < 24 && minute < 60 && second < 61;
    if !in_range || !(1..=12).contains(&month) {
        return None;
    }
    let days = days(year, month, day)?;
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let mut rest = &bytes[19..];
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let start = bytes.len() - 5;
            let (hours, minutes) = (number(start, start + 2)?, number(start + 3, start + 5)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some(days * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset)
}

/// The digits of `text` where `pattern` has a 0; elsewhere 0, if `text` is the pattern there.
#[inline(always)]
fn digits(text: &[u8; 8], pattern: &[u8; 8]) -> Option<[u8; 8]> {
    let found = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*pattern);
    // What reaches the highest bit of its byte: from 10 on for a digit, from 1 on for another.
    let room = pattern.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let high = u64::MAX / 255 * 0x80;
    let over = ((found & !high) + u64::from_le_bytes(room)) | found;
    (over & high == 0).then(|| found.to_le_bytes())
}

/// Days from 1970-01-01 to a date between 2000 and 2099, in which every fourth year has a leap day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    /// Days to 2000-03-01.
    const MARCH_2000: i64 = 11_017;
    let days_in_month = match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=days_in_month).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let whole_years = (year - 2000) * 365 + (year - 2000) / 4;
    Some(MARCH_2000 + whole_years + (153 * month + 2) / 5 + day - 1)
}
