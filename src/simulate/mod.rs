//! Simulated Bedrock invocation logs: seeded, same bytes everywhere, in the real key layout.
//!
//! Pure: objects go to a callback, in the order of their keys. At most an hour of one account and
//! region is held at a time, besides what conversations under way have still to come.
//!
//! A scenario is a list of workloads (`scenarios`); a workload is a pattern of arrivals (`arrivals`)
//! and a template of calls (`call`); the calls of one place come together in the order of their
//! delivery (`site`), are written as records (`record`, `body`) and packed into objects (`objects`).
//! All chance comes from `random`, in whole numbers. Every workload knows its label, so that verdicts
//! can be held against the truth.

mod arrivals;
mod body;
mod call;
mod fleet;
mod objects;
mod random;
mod record;
mod scenarios;
mod site;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::str::FromStr;

use crate::units::Day;
use crate::workload::TokenCounts;
use fleet::Fleet;
use objects::Packer;
use record::Place;
use site::Site;

/// Which traffic to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// A month at 1:100 of a company that spends $12,000 on 2 billion tokens, 60 % of which can
    /// wait.
    WorkedExample,
    /// Every archetype and every record shape, in two accounts and two regions.
    Company,
    /// One caller of each kind under neutral names, those included that look like the other side.
    Archetypes,
    /// Records of less than 3 KB, for benches.
    RecordsSmall,
    /// Records of 1 to 90 KB with a mean of 20 KB, for benches.
    RecordsTypical,
    /// Records of more than 35 KB, for benches.
    RecordsLarge,
    /// Embedding calls: short text in, long arrays out, for benches.
    RecordsEmbeddings,
}

impl Scenario {
    /// Every scenario, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::WorkedExample,
        Self::Company,
        Self::Archetypes,
        Self::RecordsSmall,
        Self::RecordsTypical,
        Self::RecordsLarge,
        Self::RecordsEmbeddings,
    ];

    /// The name on the command line, such as `worked-example`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkedExample => "worked-example",
            Self::Company => "company",
            Self::Archetypes => "archetypes",
            Self::RecordsSmall => "records-small",
            Self::RecordsTypical => "records-typical",
            Self::RecordsLarge => "records-large",
            Self::RecordsEmbeddings => "records-embeddings",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scenario {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scenario| scenario.as_str() == name).ok_or(())
    }
}

/// What to simulate. [`Spec::of`] has the defaults of each scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Same seed, same bytes.
    pub seed: u64,
    /// Which traffic.
    pub scenario: Scenario,
    /// First UTC day.
    pub from: Day,
    /// Days, at least 1 for anything to come out.
    pub days: u32,
    /// Multiplies the number of calls; 1 is the scenario as described.
    pub scale: f64,
    /// Mean size of a record, bytes, about. The worked example keeps to a few words whatever this
    /// says.
    pub mean_record_bytes: u32,
    /// Whether text delivery is on; without it a record takes about 500 bytes.
    pub bodies: bool,
    /// Accounts, 12 digits each.
    pub accounts: Vec<String>,
    /// Regions logged in each account.
    pub regions: Vec<String>,
    /// Objects in an hour of busy traffic; an object of 2.75 MB raw is closed earlier.
    pub objects_per_hour: u32,
    /// libdeflate's level, 0 (store) to 12 (smallest).
    pub compression: i32,
}

impl Spec {
    /// The scenario as described, from 2026-10-01.
    pub fn of(scenario: Scenario, seed: u64) -> Self {
        /// 2026-10-01, a Thursday.
        const OCTOBER: Day = Day(20_727);
        let records = Self {
            seed,
            scenario,
            from: OCTOBER,
            days: 1,
            scale: 1.0,
            mean_record_bytes: 20_000,
            bodies: true,
            accounts: vec!["111122223333".to_owned()],
            regions: vec!["us-east-1".to_owned()],
            objects_per_hour: 12,
            compression: 6,
        };
        match scenario {
            Scenario::WorkedExample => {
                Self { days: 30, objects_per_hour: 1, compression: 9, ..records }
            }
            Scenario::Company => Self {
                days: 28,
                mean_record_bytes: 8_000,
                accounts: vec!["111122223333".to_owned(), "444455556666".to_owned()],
                regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
                ..records
            },
            Scenario::Archetypes => {
                Self { days: 28, mean_record_bytes: 1_000, objects_per_hour: 1, ..records }
            }
            Scenario::RecordsSmall => Self { mean_record_bytes: 2_000, ..records },
            Scenario::RecordsLarge => Self { mean_record_bytes: 45_000, ..records },
            Scenario::RecordsTypical | Scenario::RecordsEmbeddings => records,
        }
    }
}

/// One object of the log bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key, without leading slash.
    pub key: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Who waits for a workload's answers, in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A machine collects them later.
    Tolerant,
    /// A person or a caller waits for each.
    Interactive,
}

impl Label {
    /// The word in the labels file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tolerant => "tolerant",
            Self::Interactive => "interactive",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The truth about one simulated workload in one account and region. Duplicates count once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Archetype, such as `nightly classification`.
    pub name: &'static str,
    /// Account that called.
    pub account: String,
    /// Region that was called.
    pub region: String,
    /// Who waits.
    pub label: Label,
    /// Globs (`*` only) that match the callers' ARNs.
    pub arns: Vec<String>,
    /// Calls, failed ones included.
    pub requests: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Tokens of all calls.
    pub tokens: TokenCounts,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects that hold records.
    pub objects: u64,
    /// Objects that hold off-loaded bodies.
    pub sidecars: u64,
    /// Empty objects from permission checks.
    pub permission_checks: u64,
    /// Records, duplicates included.
    pub records: u64,
    /// Second copies among them.
    pub duplicates: u64,
    /// Bytes of the record objects, compressed.
    pub bytes: u64,
    /// Bytes of the record objects, inflated.
    pub raw_bytes: u64,
    /// The truth, workload by workload.
    pub truths: Vec<Truth>,
}

impl Summary {
    /// Tokens of all calls, duplicates once.
    pub fn tokens(&self) -> TokenCounts {
        self.tokens_where(|_| true)
    }

    /// Tokens of the calls of one label, duplicates once.
    pub fn tokens_of(&self, label: Label) -> TokenCounts {
        self.tokens_where(|truth| truth.label == label)
    }

    fn tokens_where(&self, wanted: impl Fn(&Truth) -> bool) -> TokenCounts {
        let mut sum = TokenCounts::default();
        for truth in self.truths.iter().filter(|truth| wanted(truth)) {
            sum += truth.tokens;
        }
        sum
    }
}

/// The labels of a scenario as CSV with the columns `arn,label`; an ARN may hold `*`. Sorted, each
/// once.
pub fn labels(spec: &Spec) -> String {
    let mut lines: Vec<String> = Vec::new();
    for place in places(spec) {
        for member in Fleet::of(spec, &place).members {
            let label = member.label;
            lines.extend(member.arn_patterns().iter().map(|arn| format!("{arn},{label}\n")));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    format!("arn,label\n{}", lines.concat())
}

/// Makes the logs: hands every object to `emit` and returns what was made.
///
/// # Errors
/// Whatever `emit` returns, at once.
pub fn generate<E>(
    spec: &Spec,
    emit: &mut dyn FnMut(Object) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut summary = Summary::default();
    for place in places(spec) {
        let fleet = Fleet::of(spec, &place);
        let mut site = Site::new(spec, &place, &fleet);
        let mut packer = Packer::new(spec, &place, fleet.quirks);
        for hour in hours(spec) {
            let deliveries = site.deliveries(hour);
            packer.hour(&deliveries, &mut summary, emit)?;
        }
        packer.permission_check(&mut summary, emit)?;
        summary.truths.extend(site.truths());
    }
    Ok(summary)
}

/// Accounts and regions in the order of their keys.
fn places(spec: &Spec) -> Vec<Place> {
    let mut places: Vec<Place> = (spec.accounts.iter())
        .flat_map(|account| spec.regions.iter().map(|region| Place::new(account, region)))
        .collect();
    places.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    places.dedup();
    places
}

/// Hours since the epoch.
fn hours(spec: &Spec) -> std::ops::Range<i64> {
    let first = spec.from.start().0 / 60;
    first..first + 24 * i64::from(spec.days)
}
