//! Where a state file has its place: an object day, and which of the day's segments it is.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::units::Day;

/// One segment of the state of an object day. Rows are added to a day's last one until that is large, and then to a
/// new one: a commit so writes little of what was committed before, however much is read of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Segment {
    /// The object day.
    pub day: Day,
    /// 0 for the day's first one. Numbers of segments that are gone stay unused while later ones are there.
    pub number: u32,
}

impl Segment {
    /// The first one of a day.
    pub fn first(day: Day) -> Self {
        Self { day, number: 0 }
    }

    /// The one to begin after this one.
    pub fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// All that a day can have.
    pub fn all_of(day: Day) -> RangeInclusive<Self> {
        Self::first(day)..=Self { day, number: u32::MAX }
    }
}

/// As in the name of its file: `2026-10-01`, and `2026-10-01.1` for the second one.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "{}", self.day),
            number => write!(f, "{}.{number}", self.day),
        }
    }
}

impl FromStr for Segment {
    type Err = String;

    /// # Errors
    /// The text is not what [`Segment`] is shown as.
    fn from_str(text: &str) -> Result<Self, String> {
        let (date, number) = text.split_once('.').unwrap_or((text, "0"));
        let segment = match (date.parse::<NaiveDate>(), number.parse()) {
            (Ok(date), Ok(number)) => Some(Self { day: Day::from(date), number }),
            _ => None,
        };
        // A second spelling would be a second file of the same rows.
        segment
            .filter(|segment| segment.to_string() == text)
            .ok_or_else(|| format!("{text} is no segment of the state"))
    }
}

impl From<Segment> for String {
    fn from(segment: Segment) -> Self {
        segment.to_string()
    }
}

impl TryFrom<String> for Segment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_name() {
        let first = Segment::first(Day(20_000));
        for segment in [first, first.next(), Segment { number: u32::MAX, ..first }] {
            assert_eq!(segment.to_string().parse(), Ok(segment));
            assert!(Segment::all_of(first.day).contains(&segment));
        }
        assert!(!Segment::all_of(Day(20_001)).contains(&first));
        assert_eq!(first.to_string(), "2024-10-04");
        assert_eq!(first.next().to_string(), "2024-10-04.1");
        for none in
            ["index", "2024-10-04.0", "2024-10-04.01", "2024-10-04.", "2024-10-04.4294967296"]
        {
            assert!(none.parse::<Segment>().is_err(), "{none}");
        }
    }
}
