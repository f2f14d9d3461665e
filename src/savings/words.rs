//! Numbers as words: counts, percentages and amounts inside sentences.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::units::Usd;

/// `1234567` as `1,234,567`.
pub(super) fn count(number: i64) -> String {
    grouped(&number.to_string())
}

/// A share of one as `12.5 %`, one decimal at most.
pub(super) fn percent(share: Decimal) -> String {
    let hundredth = share * Decimal::ONE_HUNDRED;
    format!("{} %", hundredth.round_dp(1).normalize())
}

/// An amount as `$1,234.50`; below a dollar with four decimals, because a cent is too coarse there.
pub(super) fn usd(amount: Usd) -> String {
    let small = amount.0.abs() < Decimal::ONE && !amount.0.is_zero();
    let places = if small { 4 } else { 2 };
    let mut value =
        amount.0.abs().round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven);
    value.rescale(places);
    let text = value.to_string();
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let sign = if amount.0.is_sign_negative() { "-" } else { "" };
    format!("{sign}${}.{cents}", grouped(whole))
}

/// `text` as a sentence: with a full stop, unless it has its own end.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_print() {
        assert_eq!((count(0), count(-1_234_567)), ("0".into(), "-1,234,567".into()));
        assert_eq!(percent("0.55555".parse().unwrap()), "55.6 %");
        let amount = |text: &str| usd(Usd(text.parse().unwrap()));
        assert_eq!(amount("12000"), "$12,000.00");
        assert_eq!(amount("-0.00123"), "-$0.0012");
        assert_eq!(amount("0"), "$0.00");
        assert_eq!(
            (sentence("so"), sentence("so."), sentence("")),
            ("so.".into(), "so.".into(), String::new())
        );
    }
}
