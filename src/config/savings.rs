//! Batch rules, quotas, discounts, provisioned prices and application profiles.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};

/// `[savings]`: what turns eligible volume into money.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Savings {
    /// `[savings.batch]`: quotas and habits of batch inference jobs.
    pub batch: BatchJobs,
    /// `[savings.rules]`: what each kind of call may do.
    pub rules: MoveRules,
    /// Whether a scope without a batch price gets one from the ratio of batch to on-demand in the
    /// region's own row. On: batch SKUs for the global profile exist in AWS's list
    /// (`…_Global_Batch`), the price lists at hand only lack the numbers, and the ratio is one half
    /// in 140 of 153 known rows. Off: such a scope counts as having no known batch price.
    pub derive_batch_from_region: bool,
    /// Probability, 0 to 1, that volume which needs a pilot moves after it. One half says that
    /// nothing is known; put your own experience here.
    #[serde(deserialize_with = "decimal")]
    pub pilot_success: Decimal,
    /// Lifetime of cache writes whose body did not tell: `5m` (default, the API's own) or `1h`,
    /// which is billed 1.6 times as dear.
    pub cache_write_lifetime: CacheLifetime,
    /// Share of hours, 0 to 1, in which an interactive workload must be active to count as steady
    /// enough for provisioned throughput. A judgement: units are paid by the hour, used or not.
    #[serde(deserialize_with = "decimal")]
    pub provisioned_min_active_hours: Decimal,
    /// Days that a workload must span before provisioned throughput is weighed: one week shows its
    /// weekend.
    pub provisioned_min_days: u32,
    /// `[[savings.discount]]`: negotiated discounts, the first that fits holds.
    pub discount: Vec<Discount>,
    /// `[[savings.provisioned]]`: hourly prices; public ones were not found, so the default is
    /// none.
    pub provisioned: Vec<ProvisionedPrice>,
    /// `[savings.profiles]`: opaque model id → the id of the model behind it, as
    /// `GetInferenceProfile` tells.
    pub profiles: BTreeMap<String, String>,
}

impl Default for Savings {
    fn default() -> Self {
        Self {
            batch: BatchJobs::default(),
            rules: MoveRules::default(),
            derive_batch_from_region: true,
            pilot_success: Decimal::new(5, 1),
            cache_write_lifetime: CacheLifetime::FiveMinutes,
            provisioned_min_active_hours: Decimal::new(5, 1),
            provisioned_min_days: 7,
            discount: Vec::new(),
            provisioned: Vec::new(),
            profiles: BTreeMap::new(),
        }
    }
}

/// Quotas and habits of batch inference jobs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchJobs {
    /// Fewest records in a job. 100 is the published default quota per account, region and model.
    pub min_records: i64,
    /// Most records in a job. Published figures run from 10,000 to 100,000 (unverified), so the
    /// default lies between; look up your own quota.
    pub max_records: i64,
    /// Hours over which calls may be gathered for one job, aligned to UTC midnight. 24: work that
    /// can wait can wait a day, and a job may itself take a day.
    pub pooling_hours: u32,
    /// Whether batch honours the prompt cache. Off: several secondary sources say it does not,
    /// AWS's own page was not seen. Every report that depends on it prints this as an assumption.
    pub prompt_cache: bool,
}

impl Default for BatchJobs {
    fn default() -> Self {
        Self { min_records: 100, max_records: 50_000, pooling_hours: 24, prompt_cache: false }
    }
}

/// What a kind of call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movable {
    /// It cannot run as batch.
    Blocked,
    /// It may, after a trial.
    NeedsPilot,
    /// It can as it is.
    Eligible,
}

/// Which kinds of calls may move. AWS's page on tools in batch exists in two versions, so the
/// defaults take the stricter reading; each can be set to `blocked`, `needs_pilot` or `eligible`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoveRules {
    /// Calls inside a tool loop. Blocked: the next call needs this one's answer, records are
    /// independent.
    pub agent_loop: Movable,
    /// Calls with one forced tool. A pilot: Converse jobs reject tools, InvokeModel jobs take them
    /// in the model's own form, so the request must be rewritten.
    pub forced_tool: Movable,
    /// Calls that offered tools without a loop to be seen. A pilot, for the same reason.
    pub offered_tools: Movable,
    /// Calls that asked for output by a JSON schema. Eligible: both job types take it by the newer
    /// page.
    pub json_schema: Movable,
    /// Calls with a guardrail. A pilot: whether batch applies it was not confirmed.
    pub guardrail: Movable,
    /// Calls whose request body is not in the log: any of the above could hide in them.
    pub unknown_bodies: Movable,
}

impl Default for MoveRules {
    fn default() -> Self {
        Self {
            agent_loop: Movable::Blocked,
            forced_tool: Movable::NeedsPilot,
            offered_tools: Movable::NeedsPilot,
            json_schema: Movable::Eligible,
            guardrail: Movable::NeedsPilot,
            unknown_bodies: Movable::NeedsPilot,
        }
    }
}

/// How long a cache write lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum CacheLifetime {
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// One hour.
    #[serde(rename = "1h")]
    OneHour,
}

/// The modes that a discount can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountMode {
    /// On-demand, with its cache, long-context and priority prices.
    OnDemand,
    /// Batch.
    Batch,
    /// The flex tier.
    Flex,
}

/// A negotiated discount.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// For which mode.
    pub mode: DiscountMode,
    /// For which base models: a name in which `*` stands for any characters.
    #[serde(default = "any_model")]
    pub model: String,
    /// Percent off the list price, 0 to 100.
    #[serde(deserialize_with = "decimal")]
    pub percent: Decimal,
}

/// An hourly price of provisioned throughput.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedPrice {
    /// For which base models: a name in which `*` stands for any characters.
    pub model: String,
    /// Model units in the smallest purchase.
    #[serde(default = "one")]
    pub units: u32,
    /// USD per model unit and hour, for the commitment you would take.
    #[serde(deserialize_with = "decimal")]
    pub usd_per_hour: Decimal,
    /// Tokens, input and output together, that one model unit serves in a minute.
    pub tokens_per_minute: i64,
}

fn any_model() -> String {
    "*".to_owned()
}

fn one() -> u32 {
    1
}

/// Reads a TOML number, or a number in quotes, as an exact decimal: `12.5` is 12.5, not its nearest
/// float.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Float(f64),
        Text(String),
    }
    let text = match Number::deserialize(deserializer)? {
        Number::Whole(number) => return Ok(Decimal::from(number)),
        // Display prints the shortest decimal that reads back as the same float: what the user
        // typed.
        Number::Float(number) => number.to_string(),
        Number::Text(text) => text,
    };
    text.parse().map_err(|_| de::Error::custom(format!("{text:?} is not a decimal number")))
}

/// Whether `name` fits `pattern`, in which `*` stands for any characters, none included.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let Some((head, mut tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    while let Some((middle, next)) = tail.split_once('*') {
        let Some(at) = rest.find(middle) else { return false };
        rest = &rest[at + middle.len()..];
        tail = next;
    }
    rest.ends_with(tail)
}

/// Dearest believed hour of a model unit in USD, and the most tokens a minute: both keep a slip of
/// the keyboard from overflowing the arithmetic.
const MAX_USD_PER_HOUR: i64 = 1_000_000;

impl Savings {
    /// The discount on `model` in `mode`: the first that fits.
    pub fn discount_for(&self, mode: DiscountMode, model: &str) -> Option<&Discount> {
        self.discount.iter().find(|d| d.mode == mode && glob_matches(&d.model, model))
    }

    /// The hourly price for `model`: the first that fits.
    pub fn provisioned_for(&self, model: &str) -> Option<&ProvisionedPrice> {
        self.provisioned.iter().find(|p| glob_matches(&p.model, model))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let share = |key: &str, value: Decimal| match value {
            v if v >= Decimal::ZERO && v <= Decimal::ONE => Ok(()),
            v => Err(format!("savings.{key} is {v}; it must lie between 0 and 1")),
        };
        share("pilot_success", self.pilot_success)?;
        share("provisioned_min_active_hours", self.provisioned_min_active_hours)?;
        if self.batch.min_records < 1 {
            return Err("savings.batch.min_records must be at least 1".to_owned());
        }
        if self.batch.max_records < self.batch.min_records {
            return Err("savings.batch.max_records must not be below min_records".to_owned());
        }
        if !(1..=168).contains(&self.batch.pooling_hours) {
            return Err("savings.batch.pooling_hours must lie between 1 and 168".to_owned());
        }
        for (at, discount) in self.discount.iter().enumerate() {
            if discount.percent < Decimal::ZERO || discount.percent > Decimal::ONE_HUNDRED {
                let (at, percent) = (at + 1, discount.percent);
                return Err(format!(
                    "savings.discount number {at}: percent is {percent}; it must lie between 0 \
                     and 100"
                ));
            }
        }
        for (at, price) in self.provisioned.iter().enumerate() {
            let at = at + 1;
            let hour = price.usd_per_hour;
            if hour <= Decimal::ZERO || hour > Decimal::from(MAX_USD_PER_HOUR) {
                return Err(format!(
                    "savings.provisioned number {at}: usd_per_hour is {hour}; it must be above 0 \
                     and at most {MAX_USD_PER_HOUR}"
                ));
            }
            if price.units == 0 || price.tokens_per_minute < 1 {
                return Err(format!(
                    "savings.provisioned number {at}: units and tokens_per_minute must be at \
                     least 1"
                ));
            }
        }
        self.check_profiles()
    }

    fn check_profiles(&self) -> Result<(), String> {
        for (id, model) in &self.profiles {
            if model.starts_with("arn:") && model.contains(":application-inference-profile/") {
                return Err(format!(
                    "savings.profiles: {id:?} points to another profile; it must name a model, \
                     such as us.anthropic.claude-sonnet-4-6"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Savings, String> {
        let savings: Savings = toml::from_str(text).map_err(|e| e.to_string())?;
        savings.check().map(|()| savings)
    }

    #[test]
    fn every_key_reads() {
        let savings = read(
            r#"
            pilot_success = 0.35
            cache_write_lifetime = "1h"
            [batch]
            min_records = 500
            [rules]
            guardrail = "blocked"
            [[discount]]
            mode = "on_demand"
            model = "anthropic.*"
            percent = 12.5
            [[discount]]
            mode = "batch"
            percent = "3"
            [[provisioned]]
            model = "amazon.nova-pro-v1:0"
            usd_per_hour = 39.6
            tokens_per_minute = 300000
            [profiles]
            "arn:aws:bedrock:eu-west-1:1:prompt-router/abc" = "us.anthropic.claude-sonnet-4-6"
            "#,
        )
        .unwrap();
        assert_eq!(savings.pilot_success.to_string(), "0.35");
        assert_eq!(savings.batch.min_records, 500);
        assert_eq!(savings.batch.max_records, 50_000);
        assert_eq!(savings.rules.guardrail, Movable::Blocked);
        let percent =
            |mode, model| savings.discount_for(mode, model).map(|d| d.percent.to_string());
        assert_eq!(percent(DiscountMode::OnDemand, "anthropic.x").as_deref(), Some("12.5"));
        assert_eq!(percent(DiscountMode::OnDemand, "amazon.x"), None);
        assert_eq!(percent(DiscountMode::Batch, "amazon.x").as_deref(), Some("3"));
        assert_eq!(savings.provisioned_for("amazon.nova-pro-v1:0").unwrap().units, 1);
    }

    /// The code blocks of a language in docs/money.md, as the manual shows them.
    fn blocks(language: &str) -> Vec<&'static str> {
        let manual = include_str!("../../docs/money.md");
        let open = format!("```{language}\n");
        manual.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
    }

    #[test]
    fn the_manual_shows_the_defaults_and_examples_that_read() {
        #[derive(Deserialize)]
        struct File {
            savings: Savings,
        }
        let blocks = blocks("toml");
        let defaults: File = toml::from_str(blocks[0]).unwrap();
        assert_eq!(defaults.savings, Savings::default());
        let examples: File = toml::from_str(blocks[1]).unwrap();
        examples.savings.check().unwrap();
        let Savings { discount, provisioned, profiles, .. } = examples.savings;
        assert_eq!((discount.len(), provisioned.len(), profiles.len()), (1, 1, 1));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        for (text, expected) in [
            ("pilot_success = 1.5", "pilot_success"),
            ("pilot_success = nan", "not a decimal"),
            ("[batch]\nmin_records = 0", "min_records"),
            ("[batch]\nmax_records = 10", "max_records"),
            ("[batch]\npooling_hours = 0", "pooling_hours"),
            ("[rules]\nagent_loop = \"perhaps\"", "perhaps"),
            ("[[discount]]\nmode = \"batch\"\npercent = 101", "percent is 101"),
            (
                "[[provisioned]]\nmodel = \"x\"\nusd_per_hour = 0\ntokens_per_minute = 1",
                "usd_per_hour",
            ),
            ("batch_price = 3", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("a.*", "a.b", true),
            ("a.*", "b.a.c", false),
            ("*-lite-*", "amazon.nova-lite-v1:0", true),
            ("*lite", "amazon.nova-lite-v1:0", false),
            ("a*b*c", "a1b2c", true),
            ("a*bc*c", "abc", false),
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
        ] {
            assert_eq!(glob_matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
