//! Numbers as people read them: tokens, bytes, dollars and shares.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::units::{Tokens, Usd};

/// What stands where a number is not known.
pub(super) const UNKNOWN: &str = "unknown";

/// Up to three significant digits and a unit: `999`, `1.23 K`, `480 M`, `2.00 B`.
pub(super) fn tokens(tokens: Tokens) -> String {
    scaled(tokens.0.unsigned_abs(), &["", " K", " M", " B", " T"], tokens.0 < 0)
}

/// Likewise in decimal units, as object stores bill: `12.3 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, &[" B", " KB", " MB", " GB", " TB", " PB"], false)
}

fn scaled(number: u64, units: &[&str], negative: bool) -> String {
    let sign = if negative { "-" } else { "" };
    if number < 1000 {
        return format!("{sign}{number}{}", units[0]);
    }
    let (mut value, mut unit) = (number as f64, 0);
    // 999.5 would be printed as 1000, so the next unit takes over there.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{sign}{value:.decimals$}{}", units[unit])
}

/// A whole number with separators: `1,234,567`.
pub(super) fn count(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(&digits))
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Dollars and cents, or as many decimals as a smaller amount needs: `$7,200.00`, `$0.0036`.
pub(super) fn usd(amount: Usd) -> String {
    let cent = Decimal::new(1, 2);
    let magnitude = amount.0.abs();
    if magnitude >= cent || magnitude.is_zero() {
        return dollars(amount, 2);
    }
    let small = magnitude.round_dp(6).normalize();
    let sign = if amount.0.is_sign_negative() { "-" } else { "" };
    if small.is_zero() { format!("{sign}<$0.000001") } else { format!("{sign}${small}") }
}

/// Whole dollars from a hundred on, for narrow columns: `$7,200`, `$12.34`, `$0`.
pub(super) fn usd_short(amount: Usd) -> String {
    let whole = amount.0.is_zero() || amount.0.abs() >= Decimal::ONE_HUNDRED;
    if whole { dollars(amount, 0) } else { usd(amount) }
}

fn dollars(amount: Usd, decimals: u32) -> String {
    let mut rounded =
        amount.0.round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven);
    rounded.rescale(decimals);
    let text = rounded.abs().to_string();
    let (whole, cents) = text.split_once('.').map_or((text.as_str(), ""), |(w, c)| (w, c));
    let sign = if rounded.is_sign_negative() && !rounded.is_zero() { "-" } else { "" };
    let point = if cents.is_empty() { "" } else { "." };
    format!("{sign}${}{point}{cents}", grouped(whole))
}

/// A rate in dollars per million tokens, with the decimals it has and two at least: `$3.00`,
/// `$0.075`.
pub(super) fn rate(usd_per_million: Decimal) -> String {
    let mut rate = usd_per_million.normalize();
    if rate.scale() < 2 {
        rate.rescale(2);
    }
    format!("${rate}")
}

/// Per cent with one decimal: `60.0 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What `print` makes of the number, or `unknown`.
pub(super) fn or_unknown<T>(number: Option<T>, print: impl Fn(T) -> String) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), print)
}

/// `1 workload`, `2 workloads`.
pub(super) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as i128), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_three_digits_and_never_reach_a_thousand() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 K"),
            (1_234_567_890, "1.23 B"),
            (9_996_000, "10.0 M"),
            (480_000_000, "480 M"),
            (999_499_999, "999 M"),
            (999_500_000, "1.00 B"),
            (-5_000, "-5.00 K"),
            (5_000_000_000_000_000, "5000 T"),
        ];
        for (number, text) in cases {
            assert_eq!(tokens(Tokens(number)), text);
        }
        assert_eq!(bytes(12_300_000), "12.3 MB");
    }

    #[test]
    fn money_is_grouped_and_small_money_does_not_vanish() {
        let print = |text: &str| usd(Usd(text.parse().unwrap()));
        assert_eq!(print("7200"), "$7,200.00");
        assert_eq!(print("-1234567.891"), "-$1,234,567.89");
        assert_eq!(print("0.0036"), "$0.0036");
        assert_eq!(print("0.0000000036"), "<$0.000001");
        assert_eq!(print("0"), "$0.00");
        assert_eq!(usd_short(Usd("99999.5".parse().unwrap())), "$100,000");
        assert_eq!(usd_short(Usd("99.999".parse().unwrap())), "$100.00");
        assert_eq!(usd_short(Usd::ZERO), "$0");
        assert_eq!(rate("0.0750".parse().unwrap()), "$0.075");
        assert_eq!(rate("3".parse().unwrap()), "$3.00");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(0.5996), "60.0 %");
    }
}
