//! Times as logs write them.

/// Seconds since the epoch of `YYYY-MM-DDTHH:MM:SS[.fff](Z|±HH:MM)`; fractions are dropped.
///
/// Years 2020 to 2099 only: Bedrock began in 2023, and a time far off is a mistake to be told, not
/// a day to open a partition for.
pub fn seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let start: &[u8; 19] = bytes.first_chunk()?;
    let digit = |at: usize| start[at].wrapping_sub(b'0');
    let two = |at: usize| i64::from(digit(at)) * 10 + i64::from(digit(at + 1));
    let digits = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18];
    let are_digits = digits.iter().fold(true, |all, at| all & (digit(*at) < 10));
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let is_shape = shape.iter().fold(are_digits, |all, (at, byte)| all & (start[*at] == *byte));
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let in_range = (2020..2100).contains(&year) && hour < 24 && minute < 60 && second < 61;
    if !is_shape || !in_range || !(1..=12).contains(&month) {
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
