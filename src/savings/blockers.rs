//! Blockers: which part of a workload's volume cannot move to batch, which needs a pilot, and why.
//!
//! A workload is cut into pools, the calls that may wait for one job. Each blocker takes calls from
//! each pool, and with them that share of the pool's tokens; what earlier ones took is gone. So the
//! parts add up exactly.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::bill::Bills;
use super::tariff::Tariff;
use super::volume::{minus, portion};
use super::words::{count, percent, usd};
use super::{Blocker, Effect};
use crate::config::{Movable, Savings};
use crate::price::model::OpaqueKind;
use crate::price::rates::Price;
use crate::units::{Minute, Tokens, Usd};
use crate::workload::{CallerKind, Signals, TokenCounts, Workload};

/// The whole volume of a workload, cut by what can move.
#[derive(Debug)]
pub(super) struct Split {
    /// Held by blockers.
    pub(super) blocked: TokenCounts,
    /// Movable after a trial.
    pub(super) pilot: TokenCounts,
    /// Movable now.
    pub(super) addressable: TokenCounts,
    /// Batch jobs for what is not blocked.
    pub(super) jobs: i64,
    /// Every blocker that holds, in the order they were applied.
    pub(super) blockers: Vec<Blocker>,
}

/// Batch jobs that `records` of one pool need: as many as the largest job asks for.
pub fn jobs(records: i64, config: &Savings) -> i64 {
    let max = config.batch.max_records.max(1);
    records.max(0) / max + i64::from(records.max(0) % max > 0)
}

/// The calls that may wait for one job.
struct Pool {
    tokens: TokenCounts,
    calls: i64,
    taken: i64,
    signals: Signals,
}

impl Pool {
    fn left(&self) -> i64 {
        self.calls - self.taken
    }

    /// The tokens of the first `calls` calls, every call being as large as the mean.
    fn first(&self, calls: i64) -> TokenCounts {
        let part = |tokens: Tokens| portion(tokens, calls, self.calls);
        TokenCounts {
            input: part(self.tokens.input),
            cache_read: part(self.tokens.cache_read),
            cache_write: part(self.tokens.cache_write),
            output: part(self.tokens.output),
        }
    }

    fn remaining(&self) -> TokenCounts {
        minus(self.tokens, self.first(self.taken))
    }

    /// Takes up to `calls` calls; returns their tokens. Differences of one running sum, so that
    /// rounding never loses a token.
    fn take(&mut self, calls: i64) -> TokenCounts {
        let before = self.first(self.taken);
        self.taken += calls.clamp(0, self.left());
        minus(self.first(self.taken), before)
    }
}

/// Cuts the whole volume of `workload`, whatever its verdict.
pub(super) fn split(workload: &Workload, tariff: &Tariff<'_>, bills: &Bills) -> Split {
    let mut cutter = Cutter::new(workload, tariff.config());
    cutter.no_batch_price(tariff, bills);
    cutter.signals(Movable::Blocked);
    cutter.service_made(workload.key.caller_kind);
    cutter.too_few_records();
    cutter.cache_loss(bills);
    cutter.already_provisioned(tariff);
    let jobs = cutter.pools.iter().map(|pool| jobs(pool.left(), cutter.config)).sum();
    cutter.signals(Movable::NeedsPilot);
    let addressable = cutter.remaining();
    let Cutter { blocked, pilot, blockers, .. } = cutter;
    Split { blocked, pilot, addressable, jobs, blockers }
}

struct Cutter<'a> {
    config: &'a Savings,
    pools: Vec<Pool>,
    calls: i64,
    tokens: TokenCounts,
    signals: Signals,
    blocked: TokenCounts,
    pilot: TokenCounts,
    blockers: Vec<Blocker>,
}

/// What a blocker says: its name, what it measured against what, and the sentence.
struct Finding {
    name: &'static str,
    effect: Effect,
    value: Option<f64>,
    threshold: Option<f64>,
    sentence: String,
}

impl<'a> Cutter<'a> {
    fn new(workload: &Workload, config: &'a Savings) -> Self {
        let width = i64::from(config.batch.pooling_hours.max(1)) * 60;
        let mut pools = BTreeMap::<i64, Pool>::new();
        for facts in &workload.minutes {
            let Minute(minute) = facts.minute;
            let pool = pools.entry(minute.div_euclid(width)).or_insert_with(|| Pool {
                tokens: TokenCounts::default(),
                calls: 0,
                taken: 0,
                signals: Signals::default(),
            });
            pool.tokens += facts.activity.tokens;
            pool.calls += (facts.activity.requests - facts.activity.errors).max(0);
            pool.signals += facts.activity.signals;
        }
        let mut cutter = Self {
            config,
            pools: pools.into_values().collect(),
            calls: 0,
            tokens: TokenCounts::default(),
            signals: Signals::default(),
            blocked: TokenCounts::default(),
            pilot: TokenCounts::default(),
            blockers: Vec::new(),
        };
        for pool in &mut cutter.pools {
            // Tokens without a successful call are a contradiction in the log; one call keeps them
            // in the sums.
            if pool.calls == 0 && pool.tokens.total() > Tokens(0) {
                pool.calls = 1;
            }
            cutter.calls += pool.calls;
            cutter.tokens += pool.tokens;
            cutter.signals += pool.signals;
        }
        cutter
    }

    fn remaining(&self) -> TokenCounts {
        self.pools.iter().fold(TokenCounts::default(), |mut sum, pool| {
            sum += pool.remaining();
            sum
        })
    }

    /// Takes from each pool as many calls as `calls` says, and notes the blocker.
    fn take(&mut self, finding: Finding, calls: impl Fn(&Pool) -> i64) {
        let mut taken = TokenCounts::default();
        let mut taken_calls = 0;
        for pool in &mut self.pools {
            let before = pool.taken;
            taken += pool.take(calls(pool));
            taken_calls += pool.taken - before;
        }
        match finding.effect {
            Effect::Blocked => self.blocked += taken,
            Effect::NeedsPilot => self.pilot += taken,
        }
        let share = match (self.tokens.total().0, self.calls) {
            (0, 0) => Decimal::ZERO,
            (0, calls) => Decimal::from(taken_calls) / Decimal::from(calls),
            (tokens, _) => Decimal::from(taken.total().0) / Decimal::from(tokens),
        };
        self.blockers.push(Blocker {
            name: finding.name,
            effect: finding.effect,
            share: share.round_dp(6).normalize(),
            value: finding.value,
            threshold: finding.threshold,
            sentence: finding.sentence,
        });
    }

    fn no_batch_price(&mut self, tariff: &Tariff<'_>, bills: &Bills) {
        if bills.batch.is_some() || tariff.opaque == Some(OpaqueKind::Provisioned) {
            return;
        }
        let sentence = no_batch_sentence(tariff);
        let finding = Finding {
            name: "no_batch_price",
            effect: Effect::Blocked,
            value: None,
            threshold: None,
            sentence,
        };
        self.take(finding, Pool::left);
    }

    fn service_made(&mut self, kind: CallerKind) {
        if kind == CallerKind::Service {
            let finding = Finding {
                name: "service_made",
                effect: Effect::Blocked,
                value: None,
                threshold: None,
                sentence:
                    "An AWS service makes these calls; they cannot be sent as batch in its place."
                        .to_owned(),
            };
            self.take(finding, Pool::left);
        }
    }

    fn too_few_records(&mut self) {
        let min = self.config.batch.min_records;
        let small = |pool: &Pool| pool.left() > 0 && pool.left() < min;
        let pools = self.pools.iter().filter(|pool| pool.left() > 0).count();
        let few = self.pools.iter().filter(|pool| small(pool)).count();
        if few == 0 {
            return;
        }
        let most = self.pools.iter().filter(|p| small(p)).map(Pool::left).max().unwrap_or(0);
        let interval = match self.config.batch.pooling_hours {
            24 => "days".to_owned(),
            hours => format!("intervals of {hours} hours"),
        };
        let finding = Finding {
            name: "too_few_records",
            effect: Effect::Blocked,
            value: Some(most as f64),
            threshold: Some(min as f64),
            sentence: format!(
                "On {few} of {pools} {interval} fewer than {} calls could be gathered for a job \
                 (at most {}).",
                count(min),
                count(most)
            ),
        };
        self.take(finding, |pool| if small(pool) { pool.left() } else { 0 });
    }

    fn cache_loss(&mut self, bills: &Bills) {
        let (Some(today), Some(batch)) = (&bills.today, &bills.batch) else { return };
        let rest = self.remaining();
        if rest.total() <= Tokens(0) {
            return;
        }
        let (today, batch) = (today.of(rest), batch.of(rest));
        if batch < today {
            return;
        }
        let sentence = cache_loss_sentence(rest, today, batch, self.config);
        let number = |amount: Usd| f64::try_from(amount.0.round_dp(6)).ok();
        let finding = Finding {
            name: "cache_loss",
            effect: Effect::Blocked,
            value: number(batch),
            threshold: number(today),
            sentence,
        };
        self.take(finding, Pool::left);
    }

    fn already_provisioned(&mut self, tariff: &Tariff<'_>) {
        if tariff.opaque == Some(OpaqueKind::Provisioned) {
            let finding = Finding {
                name: "already_provisioned",
                effect: Effect::Blocked,
                value: None,
                threshold: None,
                sentence:
                    "It runs on provisioned throughput, paid by the hour; moving calls away saves \
                           nothing until units are given back."
                        .to_owned(),
            };
            self.take(finding, Pool::left);
        }
    }

    /// Applies the rules about kinds of calls that are set to `movable`.
    fn signals(&mut self, movable: Movable) {
        let effect = match movable {
            Movable::Blocked => Effect::Blocked,
            Movable::NeedsPilot => Effect::NeedsPilot,
            Movable::Eligible => return,
        };
        for kind in KINDS {
            let in_all = (kind.calls)(&self.signals, self.calls).clamp(0, self.calls);
            if (kind.rule)(self.config) != movable || in_all == 0 {
                continue;
            }
            let finding = Finding {
                name: kind.name,
                effect,
                value: Some(in_all as f64),
                threshold: None,
                sentence: format!(
                    "{} of {} calls {}.",
                    count(in_all),
                    count(self.calls),
                    kind.sentence
                ),
            };
            self.take(finding, |pool| (kind.calls)(&pool.signals, pool.calls));
        }
    }
}

/// A kind of call that a rule is about.
struct Kind {
    name: &'static str,
    rule: fn(&Savings) -> Movable,
    /// How many of the calls are of it, from the signals and the number of calls.
    calls: fn(&Signals, i64) -> i64,
    sentence: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "agent_loop",
        rule: |config| config.rules.agent_loop,
        calls: |signals, _| signals.agent_turns,
        sentence: "stand in a tool loop, where each call needs the answer before it",
    },
    Kind {
        name: "forced_tool",
        rule: |config| config.rules.forced_tool,
        calls: |signals, _| signals.forced_tool,
        sentence: "force one tool; batch takes that only in InvokeModel form, so requests must be \
                   rewritten",
    },
    Kind {
        name: "offered_tools",
        rule: |config| config.rules.offered_tools,
        calls: |signals, _| signals.tools - signals.agent_turns - signals.forced_tool,
        sentence: "offer tools; batch takes that only in InvokeModel form, so requests must be \
                   rewritten",
    },
    Kind {
        name: "json_schema",
        rule: |config| config.rules.json_schema,
        calls: |signals, _| signals.json_schema,
        sentence: "ask for output by a JSON schema",
    },
    Kind {
        name: "guardrail",
        rule: |config| config.rules.guardrail,
        calls: |signals, _| signals.guardrail,
        sentence: "use a guardrail; whether batch applies it must be tried",
    },
    Kind {
        name: "unknown_bodies",
        rule: |config| config.rules.unknown_bodies,
        calls: |signals, calls| calls - signals.input_bodies,
        sentence: "have no request body in the log, so tools and guardrails could hide in them",
    },
];

/// The truth about a missing batch price: not sold, not known, or not this kind of model.
fn no_batch_sentence(tariff: &Tariff<'_>) -> String {
    if let Some(reason) = &tariff.unpriced {
        return reason.clone();
    }
    let model = tariff.model.as_deref().unwrap_or("this model");
    if tariff.opaque == Some(OpaqueKind::ImportedModel) {
        return "Batch jobs take no imported models.".to_owned();
    }
    if let Some(origin) = tariff.rates.absent(Price::BatchInput) {
        return format!("{model} has no batch price here ({}).", origin.describe());
    }
    format!(
        "No batch price is known for {model} here; that is not proof that there is none. A \
         --prices file with its batch_input and batch_output settles it."
    )
}

fn cache_loss_sentence(rest: TokenCounts, today: Usd, batch: Usd, config: &Savings) -> String {
    let (batch, today) = (usd(batch), usd(today));
    let input = rest.total_input().0;
    if rest.cache_read.0 > 0 && input > 0 && !config.batch.prompt_cache {
        let read = Decimal::from(rest.cache_read.0) / Decimal::from(input);
        return format!(
            "{} of the input is read from the prompt cache, which batch does not have: {batch} by \
             batch against {today} today.",
            percent(read)
        );
    }
    format!("Batch would not be cheaper: {batch} by batch against {today} today.")
}
