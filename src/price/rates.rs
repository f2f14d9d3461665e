//! Rates: what a million tokens of each kind costs in each mode, and where each number is from.

use std::sync::Arc;

use rust_decimal::Decimal;

/// A kind of token in a mode of buying: one price column of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Price {
    /// On-demand, uncached input.
    Input,
    /// On-demand output.
    Output,
    /// Input read from the prompt cache.
    CacheRead,
    /// Input written to the prompt cache for five minutes.
    CacheWrite5m,
    /// Input written to the prompt cache for an hour.
    CacheWrite1h,
    /// Batch input.
    BatchInput,
    /// Batch output.
    BatchOutput,
    /// Flex tier, uncached input.
    FlexInput,
    /// Flex tier output.
    FlexOutput,
    /// Flex tier, input read from the prompt cache.
    FlexCacheRead,
    /// Priority tier, uncached input.
    PriorityInput,
    /// Priority tier output.
    PriorityOutput,
    /// Uncached input of a call above the long-context threshold.
    LongContextInput,
    /// Output of a call above the long-context threshold.
    LongContextOutput,
    /// Cache read of a call above the long-context threshold.
    LongContextCacheRead,
}

impl Price {
    /// Every price, in the order of the book's columns.
    pub const ALL: [Self; 15] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::BatchInput,
        Self::BatchOutput,
        Self::FlexInput,
        Self::FlexOutput,
        Self::FlexCacheRead,
        Self::PriorityInput,
        Self::PriorityOutput,
        Self::LongContextInput,
        Self::LongContextOutput,
        Self::LongContextCacheRead,
    ];

    /// The column's name in a price file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::BatchInput => "batch_input",
            Self::BatchOutput => "batch_output",
            Self::FlexInput => "flex_input",
            Self::FlexOutput => "flex_output",
            Self::FlexCacheRead => "flex_cache_read",
            Self::PriorityInput => "priority_input",
            Self::PriorityOutput => "priority_output",
            Self::LongContextInput => "long_context_input",
            Self::LongContextOutput => "long_context_output",
            Self::LongContextCacheRead => "long_context_cache_read",
        }
    }
}

/// One cell of a price file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cell {
    /// Empty: nothing is known.
    #[default]
    Unknown,
    /// `none`: known not to be sold.
    Absent,
    /// USD per million tokens.
    Usd(Decimal),
}

/// Where a number is from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The list's name, or the user's file.
    pub source: String,
    /// Its date (`2026-09-17`); empty where the user's file gives none.
    pub date: String,
    /// Scope of the row in that list.
    pub scope: String,
}

impl Origin {
    /// Name, date and row for a reader: `AWS Price List, 2026-09-17, row us-east-1`.
    pub fn describe(&self) -> String {
        let date = if self.date.is_empty() { "undated" } else { &self.date };
        format!("{}, {date}, row {}", self.source, self.scope)
    }
}

/// A known rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// USD per million tokens.
    pub usd_per_million: Decimal,
    /// Where it is from.
    pub origin: Arc<Origin>,
    /// How it was worked out where no list says it outright.
    pub derived: Option<String>,
}

impl Rate {
    /// This rate times `factor`, with the reason noted.
    pub fn scaled(&self, factor: Decimal, reason: &str) -> Self {
        Self {
            usd_per_million: (self.usd_per_million * factor).normalize(),
            origin: Arc::clone(&self.origin),
            derived: Some(match &self.derived {
                Some(earlier) => format!("{earlier}; {reason}"),
                None => reason.to_owned(),
            }),
        }
    }

    /// Where the rate is from, and how it was derived if it was.
    pub fn describe(&self) -> String {
        match &self.derived {
            Some(reason) => format!("{} ({reason})", self.origin.describe()),
            None => self.origin.describe(),
        }
    }
}

/// The rates of one model in one scope, merged from the rows that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    quotes: [Option<Quote>; Price::ALL.len()],
    /// Total input tokens of a call above which the long-context prices hold.
    pub long_context_threshold: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Quote {
    Absent(Arc<Origin>),
    Rate(Rate),
}

impl Rates {
    /// The rate of `price`; `None` where none is known or none exists.
    pub fn rate(&self, price: Price) -> Option<&Rate> {
        match &self.quotes[price as usize] {
            Some(Quote::Rate(rate)) => Some(rate),
            _ => None,
        }
    }

    /// Who says that `price` does not exist; `None` where it exists or nothing is known.
    pub fn absent(&self, price: Price) -> Option<&Origin> {
        match &self.quotes[price as usize] {
            Some(Quote::Absent(origin)) => Some(origin),
            _ => None,
        }
    }

    /// The amount of [`Rates::rate`].
    pub fn usd(&self, price: Price) -> Option<Decimal> {
        self.rate(price).map(|rate| rate.usd_per_million)
    }

    /// Takes a cell for a price that is still unknown.
    pub(super) fn fill(&mut self, price: Price, cell: Cell, origin: &Arc<Origin>) {
        let quote = &mut self.quotes[price as usize];
        if quote.is_some() {
            return;
        }
        *quote = match cell {
            Cell::Unknown => None,
            Cell::Absent => Some(Quote::Absent(Arc::clone(origin))),
            Cell::Usd(usd_per_million) => Some(Quote::Rate(Rate {
                usd_per_million,
                origin: Arc::clone(origin),
                derived: None,
            })),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_indexed_in_the_order_of_all() {
        for (at, price) in Price::ALL.into_iter().enumerate() {
            assert_eq!(price as usize, at, "{}", price.as_str());
        }
    }

    #[test]
    fn a_filled_price_stays_and_an_absent_one_is_not_a_rate() {
        let origin = |scope: &str| {
            Arc::new(Origin { source: "list".into(), date: String::new(), scope: scope.into() })
        };
        let mut rates = Rates::default();
        rates.fill(Price::Input, Cell::Usd(Decimal::from(3)), &origin("base"));
        rates.fill(Price::Input, Cell::Usd(Decimal::from(9)), &origin("us"));
        rates.fill(Price::FlexInput, Cell::Unknown, &origin("base"));
        rates.fill(Price::FlexInput, Cell::Absent, &origin("any"));
        rates.fill(Price::FlexInput, Cell::Usd(Decimal::ONE), &origin("base"));
        assert_eq!(rates.usd(Price::Input), Some(Decimal::from(3)));
        assert_eq!(rates.rate(Price::Input).unwrap().describe(), "list, undated, row base");
        assert_eq!(rates.usd(Price::FlexInput), None);
        assert_eq!(rates.absent(Price::FlexInput).unwrap().scope, "any");
        assert_eq!((rates.rate(Price::Output), rates.absent(Price::Output)), (None, None));
    }
}
