//! The price book: every known row, and the merge of the rows that apply to one model in one scope.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use super::model::Scope;
pub use super::parse::{PriceError, Row};
use super::rates::{Cell, Origin, Price, Rate, Rates};
use crate::config::glob_matches;

/// Rates of models, from LiteLLM's price map and AWS's price list.
const BEDROCK: &str = include_str!("../../prices/bedrock.csv");

/// What holds for whole families, from AWS's pages.
const RULES: &str = include_str!("../../prices/rules.csv");

/// All rows by model, the user's before the embedded ones, and the rows that fill gaps of whole
/// families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    rows: BTreeMap<String, Vec<Entry>>,
    rules: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    row: Row,
    origin: Arc<Origin>,
    user: bool,
}

/// What the book says about one model in one scope, called from one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The book's spelling of the model; `None` where no row names it.
    pub model: Option<String>,
    /// The merged rates; all unknown where no row applies.
    pub rates: Rates,
    /// A batch price that no row states for this scope, but that the region's own row implies.
    /// Whether to use it is the user's choice (`savings.derive_batch_from_region`).
    pub derived_batch: Option<DerivedBatch>,
    /// What was assumed in the merge, a sentence each.
    pub assumptions: Vec<String>,
}

/// Batch rates worked out from the ratio of batch to on-demand in rows of regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedBatch {
    /// Batch input.
    pub input: Rate,
    /// Batch output; `None` for embeddings.
    pub output: Option<Rate>,
    /// The assumption, as a sentence.
    pub sentence: String,
}

impl PriceBook {
    /// The book that was compiled in.
    ///
    /// # Panics
    /// When the embedded files do not parse, which a unit test rules out for every build that
    /// passed it.
    pub fn embedded() -> Self {
        let parsed = Self::default()
            .with(BEDROCK, "prices/bedrock.csv", false)
            .and_then(|book| book.with(RULES, "prices/rules.csv", false));
        match parsed {
            Ok(book) => book,
            Err(error) => unreachable!("the embedded price book was tested: {error}"),
        }
    }

    /// The book with a user's rows before its own. A row replaces the embedded one of the same
    /// model and scope, and the user's rows are asked before any embedded row of the model.
    ///
    /// # Errors
    /// A file that cannot be read as prices; the message names line, column, value and remedy.
    pub fn with_user(self, text: &str, file_name: &str) -> Result<Self, PriceError> {
        self.with(text, file_name, true)
    }

    fn with(mut self, text: &str, file: &str, user: bool) -> Result<Self, PriceError> {
        let mut last = BTreeMap::<String, Vec<Entry>>::new();
        let mut rules = Vec::new();
        for row in super::parse::rows(text, file)? {
            let origin = Arc::new(Origin {
                source: row.source.clone(),
                date: row.date.clone(),
                scope: row.scope.clone(),
            });
            let entry = Entry { row, origin, user };
            if entry.row.scope == "any" {
                rules.push(entry);
                continue;
            }
            let known = self.find(&entry.row.model).map(|(name, _)| name.to_owned());
            last.entry(known.unwrap_or_else(|| entry.row.model.clone())).or_default().push(entry);
        }
        for (model, mut entries) in last {
            let earlier = self.rows.remove(&model).unwrap_or_default();
            let kept = |old: &Entry| entries.iter().all(|new| new.row.scope != old.row.scope);
            let kept: Vec<_> = earlier.into_iter().filter(kept).collect();
            entries.extend(kept);
            self.rows.insert(model, entries);
        }
        rules.append(&mut self.rules);
        self.rules = rules;
        Ok(self)
    }

    /// The rates that apply to `base` in `scope` when called from `region`.
    pub fn lookup(&self, base: &str, scope: &Scope, region: &str) -> Lookup {
        let Some((model, entries)) = self.find(base) else { return Lookup::default() };
        let order = candidates(scope, region);
        let mut rows: Vec<&Entry> = Vec::new();
        for user in [true, false] {
            for scope in &order {
                rows.extend(entries.iter().filter(|e| e.user == user && e.row.scope == *scope));
            }
        }
        let mut lookup = Lookup { model: Some(model.to_owned()), ..Lookup::default() };
        let rates = &mut lookup.rates;
        for entry in rows {
            if agrees(rates, &entry.row) {
                take(rates, entry);
            }
        }
        for rule in self.rules.iter().filter(|rule| glob_matches(&rule.row.model, model)) {
            take(rates, rule);
        }
        lookup.assumptions.extend(scope_assumption(rates, model, scope, region));
        lookup.derived_batch = derive_batch(&lookup.rates, entries, region);
        lookup
    }

    /// The rows of a model, under the spelling that the book has.
    fn find(&self, base: &str) -> Option<(&str, &[Entry])> {
        spellings(base).into_iter().find_map(|name| {
            self.rows.get_key_value(&name).map(|(model, rows)| (model.as_str(), rows.as_slice()))
        })
    }

    /// Base model → total input tokens of a call above which its long-context prices hold; the
    /// lowest where rows differ.
    pub fn long_context_thresholds(&self) -> BTreeMap<String, i64> {
        let mut thresholds = BTreeMap::new();
        for (model, entries) in &self.rows {
            let lowest = entries.iter().filter_map(|e| e.row.long_context_threshold).min();
            if let Some(tokens) = lowest {
                thresholds.insert(model.clone(), tokens);
            }
        }
        thresholds
    }

    /// Names and dates of the lists in the book, the user's first.
    pub fn date_line(&self) -> String {
        let mut lists = BTreeSet::new();
        for entry in self.rows.values().flatten().chain(&self.rules) {
            lists.insert((!entry.user, entry.row.source.as_str(), entry.row.date.as_str()));
        }
        let name = |(_, source, date): &(bool, &str, &str)| match *date {
            "" => format!("{source} (undated)"),
            date => format!("{source} ({date})"),
        };
        lists.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// Every row whose model, scope or source contains `filter`, by model, the user's first; the
    /// rows that fill gaps of whole families stand last.
    pub fn rows(&self, filter: Option<&str>) -> Vec<&Row> {
        let wanted = |row: &&Row| {
            filter.is_none_or(|text| {
                row.model.contains(text) || row.scope.contains(text) || row.source.contains(text)
            })
        };
        self.rows.values().flatten().chain(&self.rules).map(|e| &e.row).filter(wanted).collect()
    }
}

/// Ways in which one model is written: with and without its version, and Moonshot's two vendor
/// names.
fn spellings(base: &str) -> Vec<String> {
    let mut names = vec![base.to_owned()];
    match base.rsplit_once(':') {
        Some((name, version)) if version.bytes().all(|b| b.is_ascii_digit()) => {
            names.push(name.to_owned());
        }
        _ => names.push(format!("{base}:0")),
    }
    if let Some(name) = base.strip_prefix("moonshotai.") {
        names.push(format!("moonshot.{name}"));
    }
    names
}

/// Scopes whose rows may price a call, the closest first.
///
/// AWS's list has one SKU for in-region and geo calls of a region and another for global ones, so a
/// region's row may stand for its profile and the other way round.
fn candidates(scope: &Scope, region: &str) -> Vec<String> {
    let own = |name: &str| name.to_owned();
    let mut order = match scope {
        Scope::InRegion => {
            let mut order = vec![own(region)];
            order.extend(geos_of(region).iter().map(|geo| own(geo)));
            order
        }
        Scope::Geo(geo) => vec![own(geo), own(region)],
        Scope::Global => vec![format!("global@{region}"), own("global")],
        Scope::Opaque => return Vec::new(),
    };
    order.push(own("base"));
    order
}

/// The geo profiles that may cover a region, the narrowest first.
fn geos_of(region: &str) -> &'static [&'static str] {
    match region {
        _ if region.starts_with("us-gov-") => &["us-gov"],
        _ if region.starts_with("us-") => &["us"],
        _ if region.starts_with("eu-") => &["eu"],
        "ap-northeast-1" | "ap-northeast-3" => &["jp", "apac"],
        "ap-southeast-2" | "ap-southeast-4" => &["au", "apac"],
        "ap-south-1" | "ap-south-2" => &["in", "apac"],
        _ if region.starts_with("ap-") => &["apac"],
        _ => &[],
    }
}

/// Whether a row may fill gaps: it must not contradict the on-demand prices that are already taken.
fn agrees(rates: &Rates, row: &Row) -> bool {
    [Price::Input, Price::Output].into_iter().all(|price| {
        match (rates.usd(price), row.cell(price)) {
            (Some(known), Cell::Usd(usd)) => known == usd,
            _ => true,
        }
    })
}

fn take(rates: &mut Rates, entry: &Entry) {
    for price in Price::ALL {
        rates.fill(price, entry.row.cell(price), &entry.origin);
    }
    if rates.long_context_threshold.is_none() {
        rates.long_context_threshold = entry.row.long_context_threshold;
    }
}

/// Says so when the input price is of another scope than the one that was called.
fn scope_assumption(rates: &Rates, model: &str, scope: &Scope, region: &str) -> Option<String> {
    let row = rates.rate(Price::Input)?.origin.scope.as_str();
    let exact = match scope {
        Scope::InRegion => row == region,
        Scope::Geo(geo) => row == geo || row == region,
        Scope::Global => row.starts_with("global"),
        Scope::Opaque => true,
    };
    (!exact).then(|| {
        let wanted = match scope {
            Scope::InRegion => format!("region {region}"),
            other => format!("the {other} profile"),
        };
        format!("{model} is priced with the `{row}` row; a rate for {wanted} is not in the book.")
    })
}

fn is_region(scope: &str) -> bool {
    scope.ends_with(|c: char| c.is_ascii_digit()) && !scope.contains('@')
}

/// The part of the world that a region's name opens with.
fn area(region: &str) -> &str {
    if region.starts_with("us-gov-") {
        return "us-gov";
    }
    region.split('-').next().unwrap_or(region)
}

/// Applies the ratio of batch to on-demand of the region's own row, or, where the region has none,
/// of all rows of its area, to a scope for which no batch price is stated. A region's row without a
/// batch price counts as evidence against one.
fn derive_batch(rates: &Rates, entries: &[Entry], region: &str) -> Option<DerivedBatch> {
    if rates.rate(Price::BatchInput).is_some() || rates.absent(Price::BatchInput).is_some() {
        return None;
    }
    let mut rows: Vec<&Entry> = entries.iter().filter(|e| e.row.scope == region).collect();
    if rows.is_empty() {
        let near = |e: &&Entry| is_region(&e.row.scope) && area(&e.row.scope) == area(region);
        rows = entries.iter().filter(near).collect();
    }
    let first = rows.first()?;
    let input_ratio = common_ratio(&rows, Price::Input, Price::BatchInput)?;
    let output_ratio = common_ratio(&rows, Price::Output, Price::BatchOutput);
    if output_ratio.is_none() && first.row.cell(Price::BatchOutput) != Cell::Unknown {
        return None;
    }
    let from = first.origin.describe();
    let reason =
        |ratio: Decimal| format!("× {ratio}, batch to on-demand of row {}", first.row.scope);
    let scaled =
        |price: Price, ratio: Decimal| Some(rates.rate(price)?.scaled(ratio, &reason(ratio)));
    Some(DerivedBatch {
        input: scaled(Price::Input, input_ratio)?,
        output: output_ratio.and_then(|ratio| scaled(Price::Output, ratio)),
        sentence: format!(
            "No list states a batch price for this scope; it is taken as {input_ratio} of \
             on-demand, the ratio in {from}."
        ),
    })
}

/// Batch over on-demand, when every row has both and all agree.
fn common_ratio(rows: &[&Entry], on_demand: Price, batch: Price) -> Option<Decimal> {
    let ratio = |e: &&Entry| match (e.row.cell(on_demand), e.row.cell(batch)) {
        (Cell::Usd(full), Cell::Usd(batch)) if !full.is_zero() => {
            Some((batch / full).round_dp(6).normalize())
        }
        _ => None,
    };
    let first = rows.first().and_then(ratio)?;
    rows.iter().all(|e| ratio(e) == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONNET: &str = "anthropic.claude-sonnet-4-6";

    fn lookup(base: &str, scope: &str, region: &str) -> Lookup {
        PriceBook::embedded().lookup(base, &scope.parse().unwrap(), region)
    }

    fn usd(lookup: &Lookup, price: Price) -> String {
        match (lookup.rates.usd(price), lookup.rates.absent(price)) {
            (Some(usd), _) => usd.to_string(),
            (None, Some(_)) => "none".to_owned(),
            (None, None) => "unknown".to_owned(),
        }
    }

    #[test]
    fn every_embedded_row_has_a_source_and_a_date_and_a_base_id() {
        let book = PriceBook::embedded();
        let rows = book.rows(None);
        assert_eq!(rows.len(), 641 + 7);
        for row in rows {
            assert!(!row.source.contains(".csv") && row.date.len() == 10, "{row:?}");
            assert!(row.cells.iter().any(|cell| *cell != Cell::Unknown), "{row:?}");
            if row.scope != "any" {
                assert_eq!(super::super::model::read(&row.model).base, row.model);
                let long = row.cell(Price::LongContextInput) != Cell::Unknown;
                assert_eq!(row.long_context_threshold.is_some(), long, "{row:?}");
            }
        }
        assert_eq!(
            book.date_line(),
            "AWS Bedrock user guide (service tiers) (2026-11-23), AWS Price List (Nova cache \
             writes) (2026-09-17), AWS Price List (aws-bedrock-quick-reference) (2026-09-17), \
             LiteLLM 1.109.1 price map (2026-11-23)"
        );
    }

    #[test]
    fn a_region_row_is_filled_from_its_geo_profile_but_never_from_a_dearer_or_cheaper_row() {
        let found = lookup(SONNET, "in-region", "us-east-1");
        assert_eq!(usd(&found, Price::Input), "3.3");
        assert_eq!(usd(&found, Price::BatchInput), "1.65");
        // The region's row has no one-hour write; the `us` row at the same input price has 6.6,
        // base has 6.
        assert_eq!(usd(&found, Price::CacheWrite1h), "6.6");
        assert_eq!(found.rates.rate(Price::CacheWrite1h).unwrap().origin.scope, "us");
        assert_eq!(usd(&found, Price::FlexInput), "none");
        assert_eq!(found.assumptions, Vec::<String>::new());
    }

    #[test]
    fn a_geo_profile_shares_the_batch_price_of_the_region_it_is_called_from() {
        let found = lookup(SONNET, "us", "us-east-1");
        assert_eq!(
            (usd(&found, Price::Input), usd(&found, Price::BatchOutput)),
            ("3.3".into(), "8.25".into())
        );
        assert_eq!(found.rates.rate(Price::BatchInput).unwrap().origin.scope, "us-east-1");
        assert_eq!((found.derived_batch, found.assumptions.len()), (None, 0));
    }

    #[test]
    fn the_global_profile_gets_cache_rates_from_its_row_and_batch_only_by_derivation() {
        let found = lookup(SONNET, "global", "us-east-1");
        assert_eq!(found.rates.rate(Price::Input).unwrap().origin.scope, "global@us-east-1");
        assert_eq!(
            (usd(&found, Price::Input), usd(&found, Price::CacheRead)),
            ("3".into(), "0.3".into())
        );
        assert_eq!(usd(&found, Price::BatchInput), "unknown");
        let derived = found.derived_batch.unwrap();
        assert_eq!(derived.input.usd_per_million.to_string(), "1.5");
        assert_eq!(derived.output.unwrap().usd_per_million.to_string(), "7.5");
        assert!(derived.sentence.contains("taken as 0.5 of on-demand"), "{}", derived.sentence);
        let stated = lookup("anthropic.claude-sonnet-4-5-20250929-v1:0", "global", "us-east-1");
        assert_eq!((usd(&stated, Price::BatchInput), stated.derived_batch), ("1.5".into(), None));
    }

    #[test]
    fn a_region_whose_own_row_lacks_batch_is_evidence_against_one() {
        let sonnet4 = "anthropic.claude-sonnet-4-20250514-v1:0";
        assert!(lookup(sonnet4, "global", "us-east-1").derived_batch.is_some());
        let european = lookup(sonnet4, "global", "eu-central-1");
        assert_eq!(
            (usd(&european, Price::BatchInput), european.derived_batch),
            ("unknown".into(), None)
        );
        let opus = lookup("anthropic.claude-opus-4-7", "global", "us-east-1");
        assert_eq!((usd(&opus, Price::BatchInput), opus.derived_batch), ("unknown".into(), None));
        let text = "model,scope,input,output,batch_input,batch_output\n\
                    my.model,base,1,2,,\nmy.model,us-west-1,3,4,,\nmy.model,us-east-1,3,4,1,1\n";
        let book = PriceBook::default().with_user(text, "ours.csv").unwrap();
        let derived = |region| book.lookup("my.model", &Scope::Global, region).derived_batch;
        assert!(derived("us-east-1").is_some());
        assert_eq!(
            (derived("us-west-1"), derived("us-east-2"), derived("eu-west-1")),
            (None, None, None)
        );
        // A region without a row of its own takes the ratio that all rows of its area share.
        let new_region = lookup(SONNET, "eu", "eu-south-1");
        assert_eq!(new_region.derived_batch.unwrap().input.usd_per_million.to_string(), "1.65");
    }

    #[test]
    fn a_fallback_is_said_and_an_unknown_model_is_not_priced() {
        let found = lookup("amazon.nova-lite-v1:0", "in-region", "il-central-1");
        assert_eq!(usd(&found, Price::Input), "0.06");
        assert_eq!(
            found.assumptions,
            ["amazon.nova-lite-v1:0 is priced with the `base` row; a rate for region \
                 il-central-1 is not in the book."]
        );
        let near = lookup("amazon.nova-lite-v1:0", "in-region", "eu-central-1");
        assert_eq!((usd(&near, Price::Input), near.assumptions.len()), ("0.078".into(), 1));
        assert_eq!(lookup("nobody.knows-me", "in-region", "us-east-1"), Lookup::default());
        assert_eq!(usd(&lookup(SONNET, "opaque", "us-east-1"), Price::Input), "unknown");
    }

    #[test]
    fn families_fill_what_rows_leave_open() {
        let lite = lookup("amazon.nova-lite-v1:0", "us", "us-east-1");
        assert_eq!(
            (usd(&lite, Price::CacheWrite5m), usd(&lite, Price::FlexInput)),
            ("0".into(), "none".into())
        );
        let pro = lookup("amazon.nova-pro-v1:0", "in-region", "us-east-1");
        assert_eq!(
            (usd(&pro, Price::FlexInput), usd(&pro, Price::FlexCacheRead)),
            ("0.4".into(), "0.1".into())
        );
        assert_eq!(
            usd(&lookup("deepseek.r1-v1:0", "us", "us-east-1"), Price::FlexInput),
            "unknown"
        );
    }

    #[test]
    fn spellings_of_one_model_find_its_row() {
        for (base, model) in [
            ("cohere.command-text-v14:7", "cohere.command-text-v14"),
            ("amazon.nova-lite-v1", "amazon.nova-lite-v1:0"),
            ("moonshotai.kimi-k2-thinking", "moonshot.kimi-k2-thinking"),
        ] {
            assert_eq!(lookup(base, "in-region", "us-east-1").model.as_deref(), Some(model));
        }
        assert_eq!(lookup("anthropic.claude-v2:9", "in-region", "us-east-1").model, None);
    }

    #[test]
    fn a_users_rows_come_first_and_the_book_fills_only_what_they_leave_open() {
        let text = "model,scope,input,output,batch_input,batch_output\n\
                    anthropic.claude-opus-4-7,base,,,2.5,12.5\n\
                    anthropic.claude-haiku-4-5-20251001-v1:0,global,,,none,none\n\
                    anthropic.claude-sonnet-4-6,base,2,10,,\n\
                    my.own-model,base,1,2,,\n\
                    amazon.nova-lite-v1,us-east-1,9,9,,\n";
        let book = PriceBook::embedded().with_user(text, "ours.csv").unwrap();
        let look =
            |base: &str, scope: &str| book.lookup(base, &scope.parse().unwrap(), "us-east-1");
        let opus = look("anthropic.claude-opus-4-7", "global");
        assert_eq!(
            (usd(&opus, Price::Input), usd(&opus, Price::BatchInput)),
            ("5".into(), "2.5".into())
        );
        assert_eq!(
            opus.rates.rate(Price::BatchInput).unwrap().describe(),
            "ours.csv, undated, row base"
        );
        let haiku = look("anthropic.claude-haiku-4-5-20251001-v1:0", "global");
        assert_eq!((usd(&haiku, Price::BatchInput), haiku.derived_batch), ("none".into(), None));
        // Another price for the same call: nothing of the embedded rows may be mixed in but the
        // ratio.
        let sonnet = look(SONNET, "in-region");
        assert_eq!(
            (usd(&sonnet, Price::Input), usd(&sonnet, Price::CacheRead)),
            ("2".into(), "unknown".into())
        );
        assert_eq!(sonnet.derived_batch.unwrap().input.usd_per_million.to_string(), "1");
        assert_eq!(usd(&look("my.own-model", "in-region"), Price::Output), "2");
        assert_eq!(usd(&look("amazon.nova-lite-v1:0", "in-region"), Price::Input), "9");
        assert!(book.date_line().starts_with("ours.csv (undated), "));
        let replaced = "model,scope,input\namazon.nova-lite-v1:0,base,7\n";
        let rows = PriceBook::embedded().with_user(replaced, "p").unwrap();
        let base: Vec<_> =
            rows.rows(Some("nova-lite-v1")).into_iter().filter(|r| r.scope == "base").collect();
        assert_eq!(base.len(), 1);
        assert_eq!(base[0].cell(Price::Input), Cell::Usd(Decimal::from(7)));
    }

    #[test]
    fn the_manuals_price_file_reads() {
        let manual = include_str!("../../docs/money.md");
        let example = manual.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
        let book = PriceBook::embedded().with_user(example, "manual").unwrap();
        assert_eq!(book.rows(Some("contract 42")).len(), 1);
    }

    #[test]
    fn long_context_thresholds_are_by_base_model() {
        let thresholds = PriceBook::embedded().long_context_thresholds();
        assert_eq!(thresholds.get("anthropic.claude-sonnet-4-5-20250929-v1:0"), Some(&200_000));
        assert_eq!(thresholds.get("openai.gpt-5.4"), Some(&272_000));
        assert_eq!(thresholds.get(SONNET), None);
    }
}
