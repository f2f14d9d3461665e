//! The bill of a workload in one mode: tokens times rate, line by line.

use rust_decimal::Decimal;

use super::tariff::Tariff;
use super::volume::Volume;
use super::{Line, Mode};
use crate::config::DiscountMode;
use crate::price::rates::{Price, Rate};
use crate::units::{Tokens, Usd};
use crate::workload::{Activity, TokenCounts};

/// Tokens that a rate is for.
const MILLION: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// What a 1-hour cache write costs in units of a 5-minute one: 1.6 in all 121 rows that list both.
/// Used, and said, where only the 5-minute price is known.
const HOUR_WRITE_FACTOR: Decimal = Decimal::from_parts(16, 0, 0, false, 1);

/// The kinds of tokens, as positions in a bill.
#[derive(Clone, Copy)]
enum Slot {
    Input,
    CacheRead,
    CacheWrite,
    Output,
}

/// What all tokens of a workload cost in one mode.
#[derive(Debug, PartialEq)]
pub(super) struct Bill {
    /// The arithmetic; the amounts add up to [`Bill::total`].
    pub(super) lines: Vec<Line>,
    /// The amounts by kind of token.
    slots: [Usd; 4],
    /// The tokens that the bill is for.
    tokens: TokenCounts,
}

impl Bill {
    /// The whole amount.
    pub(super) fn total(&self) -> Usd {
        self.slots.iter().copied().sum()
    }

    /// The amount for a part of the tokens, each kind at its mean price; the whole when `part` is
    /// the whole.
    pub(super) fn of(&self, part: TokenCounts) -> Usd {
        let whole = slots(self.tokens);
        let part = slots(part);
        let amount = |at: usize| match (part[at], whole[at]) {
            (Tokens(0), _) | (_, Tokens(0)) => Usd::ZERO,
            (part, whole) if part == whole => self.slots[at],
            (part, whole) => Usd(self.slots[at].0 / Decimal::from(whole.0) * Decimal::from(part.0)),
        };
        (0..4).map(amount).sum()
    }
}

fn slots(tokens: TokenCounts) -> [Tokens; 4] {
    [tokens.input, tokens.cache_read, tokens.cache_write, tokens.output]
}

/// A workload's bills, and what had to be assumed for them.
pub(super) struct Bills {
    /// As bought today; `None` when a rate that is needed is not known.
    pub(super) today: Option<Bill>,
    /// By batch; `None` without a batch price.
    pub(super) batch: Option<Bill>,
    /// By the flex tier; `None` without a flex price.
    pub(super) flex: Option<Bill>,
    /// What was assumed, a sentence each.
    pub(super) assumptions: Vec<String>,
}

impl Bills {
    /// Prices `total` in every mode that the tariff knows.
    pub(super) fn of(total: &Activity, tariff: &Tariff<'_>) -> Self {
        let mut bills = Self { today: None, batch: None, flex: None, assumptions: Vec::new() };
        if tariff.unpriced.is_some() {
            return bills;
        }
        let volume = Volume::of(total, tariff, &mut bills.assumptions);
        match today(&volume, tariff) {
            Ok(bill) => bills.today = Some(bill),
            Err(missing) => bills.assumptions.push(format!(
                "Its cost is unknown: the price book has no rate for {}.",
                missing.join(", ")
            )),
        }
        bills.batch = batch(&volume, tariff, &mut bills.assumptions);
        bills.flex = flex(&volume, tariff, &mut bills.assumptions);
        bills
    }
}

/// The bill as bought today, or the kinds of tokens that have no rate.
fn today(volume: &Volume, tariff: &Tariff<'_>) -> Result<Bill, Vec<&'static str>> {
    let mut draft = Draft::new(tariff, Mode::OnDemand, volume);
    let standard = volume.standard;
    for (slot, tokens, kinds, prices) in [
        (
            Slot::Input,
            standard.input,
            ["input", "priority_input", "flex_input"],
            [Price::Input, Price::PriorityInput, Price::FlexInput],
        ),
        (
            Slot::Output,
            standard.output,
            ["output", "priority_output", "flex_output"],
            [Price::Output, Price::PriorityOutput, Price::FlexOutput],
        ),
    ] {
        let mut left = tokens;
        for (kind, price, calls) in
            [(kinds[1], prices[1], volume.priority), (kinds[2], prices[2], volume.flex)]
        {
            if let Some(rate) = tariff.rate(price) {
                let part = volume.share(tokens, calls).min(left);
                draft.add(slot, kind, part, Some(rate));
                left = left - part;
            }
        }
        draft.add(slot, kinds[0], left, tariff.rate(prices[0]));
    }
    let mut reads = standard.cache_read;
    if let Some(rate) = tariff.rate(Price::FlexCacheRead) {
        let part = volume.share(reads, volume.flex);
        draft.add(Slot::CacheRead, "flex_cache_read", part, Some(rate));
        reads = reads - part;
    }
    draft.add(Slot::CacheRead, "cache_read", reads, tariff.rate(Price::CacheRead));
    draft.add_writes(volume);
    draft.add_long(volume, tariff.rate(Price::Input), tariff.rate(Price::Output), None);
    draft.finish()
}

/// The bill by batch; `None` without a batch price for a kind of token that is there.
fn batch(volume: &Volume, tariff: &Tariff<'_>, notes: &mut Vec<String>) -> Option<Bill> {
    let rates = tariff.batch.as_ref()?;
    let mut draft = Draft::new(tariff, Mode::Batch, volume);
    let input = Some(rates.input.clone());
    let (read, write) = match cache_factors(tariff) {
        Some((read, write)) if tariff.config().batch.prompt_cache => {
            let reason = "on-demand's ratio, because batch is configured to cache";
            (
                Some(rates.input.scaled(read, &format!("{read} × batch input, {reason}"))),
                Some(rates.input.scaled(write, &format!("{write} × batch input, {reason}"))),
            )
        }
        _ => (input.clone(), input.clone()),
    };
    let standard = volume.standard;
    draft.add(Slot::Input, "input", standard.input, input.clone());
    draft.add(Slot::CacheRead, "cache_read", standard.cache_read, read.clone());
    draft.add(Slot::CacheWrite, "cache_write", standard.cache_write, write.clone());
    draft.add(Slot::Output, "output", standard.output, rates.output.clone());
    draft.add_long(volume, input, rates.output.clone(), Some((read, write)));
    let bill = draft.finish().ok()?;
    notes.extend(rates.assumption.clone());
    if volume.all.cache_read + volume.all.cache_write > Tokens(0) {
        notes.push(if tariff.config().batch.prompt_cache {
            "Batch is configured to honour the prompt cache \
             (savings.batch.prompt_cache)."
                .to_owned()
        } else {
            "Batch is assumed to have no prompt cache: cache reads and writes are priced as plain \
             batch input."
                .to_owned()
        });
    }
    if volume.long.total() > Tokens(0) {
        notes.push("Batch is assumed to carry on-demand's long-context surcharge.".to_owned());
    }
    Some(bill)
}

/// Cache read and write prices in units of the input price, on demand.
fn cache_factors(tariff: &Tariff<'_>) -> Option<(Decimal, Decimal)> {
    let input = tariff.rates.usd(Price::Input).filter(|usd| !usd.is_zero())?;
    let read = tariff.rates.usd(Price::CacheRead)?;
    let write = tariff.rates.usd(Price::CacheWrite5m)?;
    Some(((read / input).round_dp(6).normalize(), (write / input).round_dp(6).normalize()))
}

/// The bill by the flex tier; `None` where the model has none.
fn flex(volume: &Volume, tariff: &Tariff<'_>, notes: &mut Vec<String>) -> Option<Bill> {
    let (input, output) = (tariff.rate(Price::FlexInput)?, tariff.rate(Price::FlexOutput));
    let mut draft = Draft::new(tariff, Mode::Flex, volume);
    let stated = tariff.rate(Price::FlexCacheRead);
    let cached = volume.all.cache_read + volume.all.cache_write > Tokens(0);
    let note = cached.then_some(match &stated {
        Some(_) => {
            "Flex cache writes are priced at the standard rate, which can only overstate \
                    them."
        }
        None => {
            "Flex cache reads and writes are priced at the standard rate, which can only \
                 overstate them."
        }
    });
    let read = stated.or_else(|| tariff.rate(Price::CacheRead));
    let standard = volume.standard;
    draft.add(Slot::Input, "input", standard.input, Some(input.clone()));
    draft.add(Slot::CacheRead, "cache_read", standard.cache_read, read.clone());
    draft.add_writes(volume);
    draft.add(Slot::Output, "output", standard.output, output.clone());
    draft.add_long(volume, Some(input), output, Some((read, None)));
    let bill = draft.finish().ok()?;
    notes.extend(note.map(str::to_owned));
    Some(bill)
}

/// A bill in the making.
struct Draft<'a> {
    tariff: &'a Tariff<'a>,
    mode: Mode,
    bill: Bill,
    missing: Vec<&'static str>,
}

impl<'a> Draft<'a> {
    fn new(tariff: &'a Tariff<'a>, mode: Mode, volume: &Volume) -> Self {
        let bill = Bill { lines: Vec::new(), slots: [Usd::ZERO; 4], tokens: volume.all };
        Self { tariff, mode, bill, missing: Vec::new() }
    }

    /// One line; without tokens there is none, without a rate the bill fails.
    fn add(&mut self, slot: Slot, kind: &'static str, tokens: Tokens, rate: Option<Rate>) {
        if tokens.0 <= 0 {
            return;
        }
        let Some(rate) = rate else {
            self.missing.push(kind);
            return;
        };
        let discount = match self.mode {
            Mode::Batch => DiscountMode::Batch,
            Mode::Flex => DiscountMode::Flex,
            _ if kind.starts_with("flex_") => DiscountMode::Flex,
            _ => DiscountMode::OnDemand,
        };
        let (usd_per_million, source) = self.tariff.discounted(discount, &rate);
        let amount = Usd(Decimal::from(tokens.0) * usd_per_million / MILLION);
        self.bill.slots[slot as usize] += amount;
        self.bill.lines.push(Line {
            mode: self.mode,
            kind,
            tokens,
            usd_per_million,
            amount,
            source,
        });
    }

    /// Cache writes below the threshold, at on-demand rates, by lifetime.
    fn add_writes(&mut self, volume: &Volume) {
        let (short, hour) = volume.lifetimes(volume.standard.cache_write);
        self.add(Slot::CacheWrite, "cache_write_5m", short, self.write_5m());
        self.add(Slot::CacheWrite, "cache_write_1h", hour, self.write_1h());
    }

    fn write_5m(&self) -> Option<Rate> {
        self.tariff.rate(Price::CacheWrite5m)
    }

    fn write_1h(&self) -> Option<Rate> {
        let reason = "1.6 × the 5-minute write, as in every row that lists both";
        let scaled = || self.write_5m().map(|rate| rate.scaled(HOUR_WRITE_FACTOR, reason));
        self.tariff.rate(Price::CacheWrite1h).or_else(scaled)
    }

    /// The lines above the long-context threshold: on demand at the stated rates, in other modes at
    /// the mode's rate times on-demand's surcharge. `cache` holds the mode's read and write rates;
    /// a mode without its own write rate pays on-demand's.
    fn add_long(
        &mut self,
        volume: &Volume,
        input: Option<Rate>,
        output: Option<Rate>,
        cache: Option<(Option<Rate>, Option<Rate>)>,
    ) {
        let long = volume.long;
        let tariff = self.tariff;
        let factor = tariff.long_context_factor(Price::Input, Price::LongContextInput);
        let scaled = |rate: Option<Rate>, factor: Option<Decimal>| {
            let (rate, factor) = (rate?, factor?);
            Some(rate.scaled(factor, &format!("× {factor} above the long-context threshold")))
        };
        let stated = |price, rate| match (self.mode, tariff.rate(price)) {
            (Mode::OnDemand, Some(stated)) => Some(stated),
            _ => {
                let base =
                    if price == Price::LongContextOutput { Price::Output } else { Price::Input };
                scaled(rate, tariff.long_context_factor(base, price))
            }
        };
        let input = stated(Price::LongContextInput, input);
        let output = stated(Price::LongContextOutput, output);
        let on_demand_read = || {
            let stated = tariff.rate(Price::LongContextCacheRead);
            stated.or_else(|| scaled(tariff.rate(Price::CacheRead), factor))
        };
        let (read, write) = match cache {
            Some((read, write)) => (scaled(read, factor), write),
            None => (on_demand_read(), None),
        };
        self.add(Slot::Input, "long_context_input", long.input, input);
        self.add(Slot::CacheRead, "long_context_cache_read", long.cache_read, read);
        if write.is_some() {
            let write = scaled(write, factor);
            self.add(Slot::CacheWrite, "long_context_cache_write", long.cache_write, write);
        } else {
            let (short, hour) = volume.lifetimes(long.cache_write);
            let (rate_5m, rate_1h) = (self.write_5m(), self.write_1h());
            let kinds = ["long_context_cache_write_5m", "long_context_cache_write_1h"];
            self.add(Slot::CacheWrite, kinds[0], short, scaled(rate_5m, factor));
            self.add(Slot::CacheWrite, kinds[1], hour, scaled(rate_1h, factor));
        }
        self.add(Slot::Output, "long_context_output", long.output, output);
    }

    fn finish(self) -> Result<Bill, Vec<&'static str>> {
        if self.missing.is_empty() { Ok(self.bill) } else { Err(self.missing) }
    }
}
