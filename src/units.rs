//! Units of measure: tokens, US dollars, minutes and days, each a type of its own.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy};

/// Decimal places of a [`Usd`] in the Parquet tables: micro-dollars.
pub const USD_SCALE: u32 = 6;

/// A number of tokens; never negative in a log that decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(pub i64);

impl Add for Tokens {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Tokens {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Tokens {
    fn sum<I: Iterator<Item = Self>>(tokens: I) -> Self {
        tokens.fold(Self::default(), Add::add)
    }
}

/// An exact amount of US dollars. Rounding happens once, when it enters a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(pub Decimal);

impl Usd {
    /// No money at all. Unknown money is `Option::<Usd>::None`, never this.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The amount in whole micro-dollars (10⁻⁶ USD), rounded half to even, as Decimal128(20, 6) stores it.
    pub fn micros(self) -> i128 {
        let mut rounded =
            self.0.round_dp_with_strategy(USD_SCALE, RoundingStrategy::MidpointNearestEven);
        rounded.rescale(USD_SCALE);
        rounded.mantissa()
    }

    /// The amount that `micros` micro-dollars are.
    pub fn from_micros(micros: i128) -> Self {
        Self(Decimal::from_i128_with_scale(micros, USD_SCALE))
    }

    /// The amount times a pure number such as a discount, a probability or a share of a month.
    pub fn times(self, factor: Decimal) -> Self {
        Self(self.0 * factor)
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Whole minutes since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub i64);

impl Minute {
    /// Minutes in a UTC day (UTC has no daylight saving; leap seconds do not count).
    pub const PER_DAY: i64 = 1440;

    /// The minute that `seconds` since the epoch fall into.
    pub fn of_seconds(seconds: i64) -> Self {
        Self(seconds.div_euclid(60))
    }

    /// Whole days since the epoch: an Arrow Date32.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(Self::PER_DAY) as i32)
    }

    /// Minutes since UTC midnight, 0 to 1439.
    pub fn of_day(self) -> i64 {
        self.0.rem_euclid(Self::PER_DAY)
    }

    /// The minute's start in microseconds since the epoch: an Arrow Timestamp(µs, UTC).
    pub fn micros(self) -> i64 {
        self.0 * 60_000_000
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp(self.0 * 60, 0) {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%MZ")),
            None => write!(f, "minute {}", self.0),
        }
    }
}

/// A UTC calendar day as whole days since 1970-01-01: an Arrow Date32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day's first minute.
    pub fn start(self) -> Minute {
        Minute(i64::from(self.0) * Minute::PER_DAY)
    }

    /// The calendar date, for printing and for key prefixes.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.0).unwrap_or_default()
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date.to_epoch_days())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usd_rounds_half_to_even_at_a_millionth() {
        let usd = |text: &str| Usd(text.parse().unwrap());
        assert_eq!(usd("0.0000005").micros(), 0);
        assert_eq!(usd("0.0000015").micros(), 2);
        assert_eq!(usd("-12.3456789").micros(), -12_345_679);
        assert_eq!(Usd::from_micros(12_345_679), usd("12.345679"));
    }

    #[test]
    fn minutes_before_the_epoch_belong_to_the_day_before() {
        assert_eq!(Minute::of_seconds(-1), Minute(-1));
        assert_eq!((Minute(-1).day(), Minute(-1).of_day()), (Day(-1), 1439));
        assert_eq!(Day(20_728).to_string(), "2026-10-02");
    }
}
