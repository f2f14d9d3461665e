//! The assessment of one workload: bills, blockers, mode and range, with the sentence for its
//! owner.

use rust_decimal::Decimal;

use super::bill::{Bill, Bills};
use super::blockers::{self, Split};
use super::modes::{self, Choice};
use super::tariff::Tariff;
use super::words::{count, percent, sentence, usd};
use super::{Assessment, Effect, Mode};
use crate::config::{Movable, Savings};
use crate::price::book::PriceBook;
use crate::tolerance::{Judgement, Verdict, lanes};
use crate::units::{Tokens, Usd};
use crate::workload::{TokenCounts, Workload};

/// What moving `workload` comes to, in the audited window.
pub fn assess(
    workload: &Workload,
    judgement: &Judgement,
    book: &PriceBook,
    config: &Savings,
) -> Assessment {
    let total = workload.total();
    let tariff = Tariff::of(&workload.key, book, config);
    let bills = Bills::of(&total, &tariff);
    let hybrid = judgement.verdict == Verdict::Hybrid;
    // Only a hybrid has lanes that move without the rest; they are priced as what they are.
    let part = hybrid.then(|| lanes::movable(workload, judgement));
    let moving = part.as_deref().unwrap_or(workload);
    let part_bills = hybrid.then(|| Bills::of(&moving.total(), &tariff));
    let moving_bills = part_bills.as_ref().unwrap_or(&bills);
    let mut split = blockers::split(moving, &tariff, moving_bills);
    let choice = modes::choose(moving, judgement, &tariff, moving_bills, &split);
    let reason = reason(judgement, &tariff, moving_bills, &split, &choice);
    if judgement.verdict == Verdict::Interactive {
        // Blockers are about moving; an interactive workload is not to move.
        split.blockers.clear();
    }
    let tolerant = judgement.verdict == Verdict::Tolerant || hybrid;
    let eligible = |part: TokenCounts| if tolerant { part } else { TokenCounts::default() };
    let cost = bills.today.as_ref().map(Bill::total);
    let moving_cost = moving_bills.today.as_ref().map(Bill::total);
    let eligible_cost = cost.zip(moving_cost).map(|(cost, moving)| moving.min(cost));
    let amount = |bill: &Option<Bill>| bill.as_ref().map(Bill::total);
    let assumptions = assumptions(&tariff, &bills, &split, judgement.verdict);
    Assessment {
        priced_as: tariff.model.clone(),
        cost,
        batch_cost: amount(&bills.batch),
        flex_cost: amount(&bills.flex),
        eligible: eligible(moving.total().tokens),
        blocked: eligible(split.blocked),
        pilot: eligible(split.pilot),
        addressable: eligible(split.addressable),
        eligible_cost: eligible_cost.map(|cost| if tolerant { cost } else { Usd::ZERO }),
        blockers: split.blockers,
        mode: choice.mode,
        savings: choice.savings,
        jobs: if choice.mode == Mode::Batch { split.jobs } else { 0 },
        lines: [bills.today, bills.batch, bills.flex]
            .into_iter()
            .flatten()
            .flat_map(|b| b.lines)
            .collect(),
        assumptions,
        reason,
    }
}

/// Every assumption once, those about rates before those about moving.
fn assumptions(tariff: &Tariff<'_>, bills: &Bills, split: &Split, verdict: Verdict) -> Vec<String> {
    let mut all = tariff.assumptions.clone();
    all.extend(tariff.unpriced.clone());
    all.extend(bills.assumptions.iter().cloned());
    if verdict != Verdict::Interactive {
        let config = tariff.config();
        all.push(rules(config));
        if split.jobs > 0 {
            all.push(format!(
                "Calls of {} hours are gathered into jobs of {} to {} records; look up your own \
                 quotas.",
                config.batch.pooling_hours,
                count(config.batch.min_records),
                count(config.batch.max_records)
            ));
        }
    }
    all
}

/// The rules about kinds of calls that were applied.
fn rules(config: &Savings) -> String {
    let rules = &config.rules;
    let said = [
        ("agent loops", rules.agent_loop),
        ("forced tools", rules.forced_tool),
        ("offered tools", rules.offered_tools),
        ("JSON schemas", rules.json_schema),
        ("guardrails", rules.guardrail),
        ("calls without bodies", rules.unknown_bodies),
    ];
    let named = |movable: Movable| {
        let names: Vec<_> =
            said.iter().filter(|rule| rule.1 == movable).map(|rule| rule.0).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    format!(
        "Rules for batch: blocked are {}; a pilot need {}; free to move are {}.",
        named(Movable::Blocked),
        named(Movable::NeedsPilot),
        named(Movable::Eligible)
    )
}

/// The verdict's sentence and one about the money.
fn reason(
    judgement: &Judgement,
    tariff: &Tariff<'_>,
    bills: &Bills,
    split: &Split,
    choice: &Choice,
) -> String {
    let money = match judgement.verdict {
        Verdict::Interactive => match &choice.sentence {
            Some(sentence) => sentence.clone(),
            None => "It stays as it is.".to_owned(),
        },
        Verdict::Unclear => unclear_sentence(choice),
        Verdict::Tolerant | Verdict::Hybrid => tolerant_sentence(tariff, bills, split, choice),
    };
    let verdict = sentence(&judgement.reason);
    if verdict.is_empty() { money } else { format!("{verdict} {money}") }
}

fn unclear_sentence(choice: &Choice) -> String {
    match choice.savings.map(|range| range.high) {
        Some(high) if high > Usd::ZERO => {
            format!(
                "It stays as it is until that is settled; if it can wait, up to {} less.",
                usd(high)
            )
        }
        _ => "It stays as it is until that is settled.".to_owned(),
    }
}

fn tolerant_sentence(tariff: &Tariff<'_>, bills: &Bills, split: &Split, choice: &Choice) -> String {
    let first_blocker = || split.blockers.iter().find(|blocker| blocker.effect == Effect::Blocked);
    let why = || first_blocker().map_or(String::new(), |blocker| format!(" {}", blocker.sentence));
    match (choice.mode, &bills.today) {
        (Mode::Batch, Some(today)) => batch_sentence(today, bills, split),
        (Mode::Flex, Some(today)) => {
            let flex = bills.flex.as_ref().map_or(Usd::ZERO, Bill::total);
            let reason = match first_blocker() {
                Some(blocker) => format!(" Batch is the lesser choice: {}", blocker.sentence),
                None if split.pilot.total() > Tokens(0) => " Batch would need a pilot \
                                                            first."
                    .to_owned(),
                None => String::new(),
            };
            format!(
                "Ask for the flex tier on these calls, which keeps caching and tools: {} instead \
                 of {} in this window, all of it counted in the savings.{reason}",
                usd(flex),
                usd(today.total())
            )
        }
        (Mode::Provisioned, _) => {
            "It runs on provisioned throughput, paid by the hour; moving calls away saves nothing \
             until units are given back."
                .to_owned()
        }
        (Mode::Unknown, _) => match &tariff.unpriced {
            Some(unpriced) => format!("Its cost is unknown. {unpriced}"),
            None => "Its cost is unknown, because the price book lacks a rate that it \
                     needs."
                .to_owned(),
        },
        _ => format!("It stays on demand.{}", why()),
    }
}

fn batch_sentence(today: &Bill, bills: &Bills, split: &Split) -> String {
    let mut movable = split.addressable;
    movable += split.pilot;
    let whole = {
        let mut whole = movable;
        whole += split.blocked;
        whole.total()
    };
    let share = |part: Tokens| match whole.0 {
        0 => Decimal::ZERO,
        whole => Decimal::from(part.0) / Decimal::from(whole),
    };
    let batch = bills.batch.as_ref().map_or(Usd::ZERO, |bill| bill.of(movable));
    let mut text = format!(
        "Move {} of its tokens to batch jobs: {} instead of {} in this window",
        percent(share(movable.total())),
        usd(batch),
        usd(today.of(movable))
    );
    match split.pilot.total() {
        Tokens(0) => {}
        pilot if split.addressable.total() == Tokens(0) && pilot == movable.total() => {
            text.push_str(", all of it after a pilot");
        }
        pilot => {
            let of_them = Decimal::from(pilot.0) / Decimal::from(movable.total().0);
            text.push_str(&format!(", {} of them after a pilot", percent(of_them)));
        }
    }
    text.push('.');
    if split.blocked.total() > Tokens(0) {
        let held = split.blockers.iter().filter(|blocker| blocker.effect == Effect::Blocked);
        let heaviest = held.max_by_key(|blocker| blocker.share);
        let why = heaviest.map_or("", |blocker| blocker.sentence.as_str());
        text.push_str(&format!(" {} cannot move. {why}", percent(share(split.blocked.total()))));
    }
    text
}
