//! The tariff of a workload: which model its id stands for, and the rates and discounts that then
//! hold.

use rust_decimal::Decimal;

use crate::config::{DiscountMode, Savings};
use crate::price::book::PriceBook;
use crate::price::model::{self, OpaqueKind, Scope};
use crate::price::rates::{Price, Rate, Rates};
use crate::savings::words::percent;
use crate::workload::WorkloadKey;

/// Everything about prices that a workload's key decides.
pub(super) struct Tariff<'a> {
    /// The price-book model; `None` when unpriced.
    pub(super) model: Option<String>,
    /// What the logged id names, where it is opaque.
    pub(super) opaque: Option<OpaqueKind>,
    /// The rates.
    pub(super) rates: Rates,
    /// Why nothing is known, as a sentence; `None` when priced.
    pub(super) unpriced: Option<String>,
    /// What was assumed to find the rates, a sentence each.
    pub(super) assumptions: Vec<String>,
    /// The batch rates, stated or derived.
    pub(super) batch: Option<BatchRates>,
    config: &'a Savings,
}

/// Batch rates with the assumption behind them, if any.
pub(super) struct BatchRates {
    pub(super) input: Rate,
    pub(super) output: Option<Rate>,
    pub(super) assumption: Option<String>,
}

impl<'a> Tariff<'a> {
    /// Finds the rates for `key`, through the user's profile map where its id is opaque.
    pub(super) fn of(key: &WorkloadKey, book: &PriceBook, config: &'a Savings) -> Self {
        let scope: Scope = key.scope.parse().unwrap_or(Scope::Opaque);
        let mut tariff = Self {
            model: None,
            opaque: (scope == Scope::Opaque).then(|| OpaqueKind::of(&key.model)),
            rates: Rates::default(),
            unpriced: None,
            assumptions: Vec::new(),
            batch: None,
            config,
        };
        let (base, scope) = match (tariff.opaque, config.profiles.get(&key.model)) {
            (None, _) => (key.model.clone(), scope),
            (Some(OpaqueKind::Provisioned), _) => {
                tariff.unpriced = Some(
                    "It runs on provisioned throughput, which is paid by the hour and not by the \
                     token."
                        .to_owned(),
                );
                return tariff;
            }
            (Some(kind), None) => {
                tariff.unpriced = Some(format!(
                    "The model id is {}; name the model behind it in [savings.profiles] to price \
                     it.",
                    kind.noun()
                ));
                return tariff;
            }
            (Some(kind), Some(target)) => {
                let target = model::read(target);
                tariff.assumptions.push(format!(
                    "Priced as {} ({}), the model that the configuration names behind {}.",
                    target.base,
                    target.scope,
                    kind.noun()
                ));
                (target.base, target.scope)
            }
        };
        tariff.look_up(&base, &scope, &key.region, book);
        tariff
    }

    fn look_up(&mut self, base: &str, scope: &Scope, region: &str, book: &PriceBook) {
        let found = book.lookup(base, scope, region);
        if found.model.is_none() {
            self.unpriced = Some(format!(
                "The price book has no row for {base}; add one with --prices to price it."
            ));
            return;
        }
        self.model = found.model;
        self.rates = found.rates;
        self.assumptions.extend(found.assumptions);
        let stated = self.rates.rate(Price::BatchInput).map(|input| BatchRates {
            input: input.clone(),
            output: self.rates.rate(Price::BatchOutput).cloned(),
            assumption: None,
        });
        let derived = found.derived_batch.filter(|_| self.config.derive_batch_from_region);
        self.batch = stated.or_else(|| {
            derived.map(|batch| BatchRates {
                input: batch.input,
                output: batch.output,
                assumption: Some(batch.sentence),
            })
        });
        // Batch jobs accept no imported models, whatever they are priced as.
        if self.opaque == Some(OpaqueKind::ImportedModel) {
            self.batch = None;
        }
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> &'a Savings {
        self.config
    }

    /// The rate of `price` before discounts.
    pub(super) fn rate(&self, price: Price) -> Option<Rate> {
        self.rates.rate(price).cloned()
    }

    /// A rate after the user's discount, and a line's words about where it is from.
    pub(super) fn discounted(&self, mode: DiscountMode, rate: &Rate) -> (Decimal, String) {
        let model = self.model.as_deref().unwrap_or_default();
        let source = rate.describe();
        match self.config.discount_for(mode, model) {
            Some(discount) if !discount.percent.is_zero() => {
                let off = discount.percent / Decimal::ONE_HUNDRED;
                let usd = (rate.usd_per_million * (Decimal::ONE - off)).normalize();
                (usd, format!("{source}; less {} negotiated discount", percent(off)))
            }
            _ => (rate.usd_per_million, source),
        }
    }

    /// How many times dearer `price` is above the long-context threshold; `None` when not known.
    pub(super) fn long_context_factor(&self, price: Price, long: Price) -> Option<Decimal> {
        let (standard, long) = (self.rates.usd(price)?, self.rates.usd(long)?);
        (!standard.is_zero()).then(|| (long / standard).round_dp(6).normalize())
    }
}
