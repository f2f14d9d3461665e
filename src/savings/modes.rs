//! Modes: which way of buying saves most, and the range of what it saves.

use rust_decimal::Decimal;

use super::bill::{Bill, Bills};
use super::blockers::Split;
use super::tariff::Tariff;
use super::words::{count, percent, usd};
use super::{Mode, Range};
use crate::price::model::OpaqueKind;
use crate::tolerance::{Judgement, Verdict};
use crate::units::Usd;
use crate::workload::{CallerKind, TokenCounts, Workload};

/// The recommended mode and what it saves.
#[derive(Debug, PartialEq)]
pub(super) struct Choice {
    /// The mode.
    pub(super) mode: Mode,
    /// The range; `None` when unpriced.
    pub(super) savings: Option<Range>,
    /// For provisioned throughput: the break-even, as a sentence.
    pub(super) sentence: Option<String>,
}

/// Chooses by the larger expected saving, then by the larger upper bound; batch where flex is not
/// better.
pub(super) fn choose(
    workload: &Workload,
    judgement: &Judgement,
    tariff: &Tariff<'_>,
    bills: &Bills,
    split: &Split,
) -> Choice {
    if tariff.opaque == Some(OpaqueKind::Provisioned) {
        return Choice { mode: Mode::Provisioned, savings: None, sentence: None };
    }
    let Some(today) = &bills.today else {
        return Choice { mode: Mode::Unknown, savings: None, sentence: None };
    };
    let stay = Choice { mode: Mode::OnDemand, savings: Some(Range::default()), sentence: None };
    let weights = Weights::of(judgement, tariff.config().pilot_success);
    let batch = bills.batch.as_ref().map(|bill| batch_range(today, bill, split, &weights));
    let movable = workload.key.caller_kind != CallerKind::Service;
    let flex = bills.flex.as_ref().filter(|_| movable);
    let flex = flex.map(|bill| flex_range(today, bill, &weights));
    let (batch, flex) = (batch.unwrap_or_default(), flex.unwrap_or_default());
    match judgement.verdict {
        Verdict::Interactive => provisioned(workload, tariff, today).unwrap_or(stay),
        Verdict::Unclear => {
            let high = batch.high.max(flex.high);
            Choice { savings: Some(Range { high, ..Range::default() }), ..stay }
        }
        Verdict::Tolerant | Verdict::Hybrid if batch.high.max(flex.high) == Usd::ZERO => stay,
        Verdict::Tolerant | Verdict::Hybrid => {
            let flex_is_better = (flex.expected, flex.high) > (batch.expected, batch.high);
            let (mode, range) =
                if flex_is_better { (Mode::Flex, flex) } else { (Mode::Batch, batch) };
            Choice { mode, savings: Some(range), sentence: None }
        }
    }
}

/// How much each part of a saving counts.
struct Weights {
    decisive: bool,
    /// Probability of tolerance: one where the evidence is decisive, so that low never exceeds
    /// expected.
    tolerant: Decimal,
    /// Probability that a pilot succeeds.
    pilot: Decimal,
}

impl Weights {
    fn of(judgement: &Judgement, pilot_success: Decimal) -> Self {
        let probability = Decimal::try_from(judgement.probability).unwrap_or_default();
        let tolerant = if judgement.decisive { Decimal::ONE } else { probability };
        Self {
            decisive: judgement.decisive,
            tolerant: tolerant.clamp(Decimal::ZERO, Decimal::ONE).round_dp(6),
            pilot: pilot_success.clamp(Decimal::ZERO, Decimal::ONE),
        }
    }
}

/// What moving `part` from `today` to `bill` saves; never below nothing, because nobody need move
/// at a loss.
fn saving(today: &Bill, bill: &Bill, part: TokenCounts) -> Usd {
    (today.of(part) - bill.of(part)).max(Usd::ZERO)
}

fn batch_range(today: &Bill, batch: &Bill, split: &Split, weights: &Weights) -> Range {
    let now = saving(today, batch, split.addressable);
    let pilot = saving(today, batch, split.pilot);
    Range {
        low: if weights.decisive { now } else { Usd::ZERO },
        expected: (now + pilot.times(weights.pilot)).times(weights.tolerant),
        high: now + pilot,
    }
}

/// Flex takes every call as it is: it keeps caching and tools, and gathers no records.
fn flex_range(today: &Bill, flex: &Bill, weights: &Weights) -> Range {
    let high = (today.total() - flex.total()).max(Usd::ZERO);
    Range {
        low: if weights.decisive { high } else { Usd::ZERO },
        expected: high.times(weights.tolerant),
        high,
    }
}

/// Provisioned throughput, when the user gave a price for it and the workload is steady and dear
/// enough. Its saving stands in the sentence alone: the range is about volume that can wait.
fn provisioned(workload: &Workload, tariff: &Tariff<'_>, today: &Bill) -> Option<Choice> {
    let config = tariff.config();
    let price = config.provisioned_for(tariff.model.as_deref()?)?;
    let (first, last) = (workload.minutes.first()?.minute, workload.minutes.last()?.minute);
    if i64::from(last.day().0) - i64::from(first.day().0) + 1
        < i64::from(config.provisioned_min_days)
    {
        return None;
    }
    let hour = |minute: i64| minute.div_euclid(60);
    let mut active: Vec<i64> = workload.minutes.iter().map(|m| hour(m.minute.0)).collect();
    active.dedup();
    let hours = hour(last.0) - hour(first.0) + 1;
    let share = Decimal::from(active.len()) / Decimal::from(hours);
    if share < config.provisioned_min_active_hours {
        return None;
    }
    let peak = workload.minutes.iter().map(|m| m.activity.tokens.total().0).max()?;
    let block = i64::from(price.units);
    let capacity = price.tokens_per_minute.saturating_mul(block);
    let units = (peak / capacity + i64::from(peak % capacity > 0)).max(1).saturating_mul(block);
    let hourly = price.usd_per_hour.checked_mul(Decimal::from(units))?;
    let cost = Usd(hourly.checked_mul(Decimal::from(hours))?);
    let paid = today.total();
    (cost < paid).then(|| Choice {
        mode: Mode::Provisioned,
        savings: Some(Range::default()),
        sentence: Some(format!(
            "It is active in {} of hours; {} model units that carry its busiest minute ({} \
             tokens) would cost {} over its {} hours, against {} on demand.",
            percent(share),
            count(units),
            count(peak),
            usd(cost),
            count(hours),
            usd(paid)
        )),
    })
}
