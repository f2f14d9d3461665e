//! Which workloads a scenario has, and how much of each.

use super::arrivals::{Arrivals, Pattern};
use super::call::Template;
use super::random::Random;
use super::record::Place;
use super::scenarios;
use super::{Label, Scenario, Spec};

/// One workload as a scenario lists it.
pub(crate) struct Member {
    /// Archetype, such as `nightly classification`.
    pub(crate) name: &'static str,
    pub(crate) label: Label,
    pub(crate) pattern: Pattern,
    pub(crate) template: Template,
    /// Uncached input and output tokens that all calls together come to, exactly.
    pub(crate) budget: Option<(u64, u64)>,
}

/// Irregularities of delivery, counted over all records: one in so many, 0 for none. They come at
/// fixed positions, not at random, so that a small sample has its share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quirks {
    /// Records delivered one to two hours late.
    pub(crate) late: u64,
    /// Records delivered twice.
    pub(crate) duplicate: u64,
    /// Records written over several lines.
    pub(crate) pretty: u64,
    /// Records not followed by a newline.
    pub(crate) joined: u64,
    /// Objects of several gzip members.
    pub(crate) members: u64,
}

/// A scenario in one place.
pub(crate) struct Fleet {
    pub(crate) members: Vec<Member>,
    pub(crate) quirks: Quirks,
}

/// `count` times the scale, in thousandths.
pub(crate) fn milli(count: u64, spec: &Spec) -> u64 {
    count * scale_milli(spec)
}

/// The scale in thousandths. Multiplying and truncating is exact arithmetic, the same everywhere.
pub(crate) fn scale_milli(spec: &Spec) -> u64 {
    (spec.scale * 1000.0 + 0.5).clamp(0.0, 1e12) as u64
}

impl Fleet {
    /// What the scenario has in `place`.
    pub(crate) fn of(spec: &Spec, place: &Place) -> Self {
        match spec.scenario {
            Scenario::WorkedExample => scenarios::worked::fleet(spec, place),
            Scenario::Company => scenarios::company::fleet(spec, place),
            Scenario::Archetypes => scenarios::archetypes::fleet(spec, place),
            Scenario::RecordsSmall
            | Scenario::RecordsTypical
            | Scenario::RecordsLarge
            | Scenario::RecordsEmbeddings => scenarios::records::fleet(spec, place),
        }
    }
}

impl Member {
    /// The arrivals, from the beginning; the same each time it is called.
    pub(crate) fn arrivals(&self, spec: &Spec, place: &Place, index: usize) -> Arrivals {
        let purpose = format!("{}/{}/{index}/{}", place.account, place.region, self.name);
        Arrivals::new(
            self.pattern.clone(),
            self.template.clone(),
            Random::of(spec.seed, &purpose),
            u64::from(spec.mean_record_bytes),
        )
    }

    /// Globs that match the callers' ARNs.
    pub(crate) fn arn_patterns(&self) -> Vec<String> {
        let sessions = self.template.sessions.patterns();
        sessions.iter().map(|session| format!("{}/{session}", self.template.principal)).collect()
    }
}
