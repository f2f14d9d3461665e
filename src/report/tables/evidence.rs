//! The `evidence` table: rules that speak for a verdict, and blockers that stand against the move.

use arrow::array::RecordBatch;
use rust_decimal::prelude::ToPrimitive;

use super::cells::{self, Get};
use super::keys::{self, Keyed, OfWorkload};
use super::{TableError, find};
use crate::report::blockers::{Held, effect_name, held};
use crate::savings::Blocker;
use crate::tolerance::Evidence;

enum Finding<'r> {
    Evidence(&'r Evidence),
    Blocker(&'r Blocker, Held),
}

struct Row<'r> {
    keyed: &'r Keyed<'r>,
    ordinal: i32,
    finding: Finding<'r>,
}

impl OfWorkload for Row<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self.keyed
    }
}

impl Row<'_> {
    fn evidence(&self) -> Option<&Evidence> {
        match self.finding {
            Finding::Evidence(evidence) => Some(evidence),
            Finding::Blocker(..) => None,
        }
    }

    fn blocker(&self) -> Option<(&Blocker, Held)> {
        match self.finding {
            Finding::Evidence(_) => None,
            Finding::Blocker(blocker, held) => Some((blocker, held)),
        }
    }
}

pub(super) fn batch(workloads: &[Keyed<'_>]) -> Result<RecordBatch, TableError> {
    let mut rows = Vec::new();
    for keyed in workloads {
        // Blockers first: the table is sorted by kind, and "blocker" is less than "evidence".
        let blockers = keyed.workload.assessment.blockers.iter().zip(held(keyed.workload));
        for (ordinal, (blocker, held)) in (1..).zip(blockers) {
            rows.push(Row { keyed, ordinal, finding: Finding::Blocker(blocker, held) });
        }
        for (ordinal, evidence) in (1..).zip(&keyed.workload.judgement.evidence) {
            rows.push(Row { keyed, ordinal, finding: Finding::Evidence(evidence) });
        }
    }
    cells::batch(find("evidence")?, &rows, |column| keys::getter(column).or_else(|| getter(column)))
}

fn getter<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "kind" => |row| if row.evidence().is_some() { "evidence" } else { "blocker" }.into(),
        "ordinal" => |row| row.ordinal.into(),
        "rule" => |row| match row.finding {
            Finding::Evidence(evidence) => evidence.rule.into(),
            Finding::Blocker(blocker, _) => blocker.name.into(),
        },
        "value" => |row| match row.finding {
            Finding::Evidence(evidence) => evidence.value.into(),
            Finding::Blocker(blocker, _) => blocker.value.into(),
        },
        "threshold" => |row| match row.finding {
            Finding::Evidence(evidence) => evidence.threshold.into(),
            Finding::Blocker(blocker, _) => blocker.threshold.into(),
        },
        "weight" => |row| row.evidence().map(|evidence| evidence.weight).into(),
        "decisive" => |row| row.evidence().map(|evidence| evidence.decisive).into(),
        "effect" => |row| row.blocker().map(|(blocker, _)| effect_name(blocker.effect)).into(),
        "share" => |row| row.blocker().and_then(|(blocker, _)| blocker.share.to_f64()).into(),
        "tokens" => |row| row.blocker().map(|(_, held)| held.tokens).into(),
        "cost_usd" => |row| row.blocker().and_then(|(_, held)| held.cost).into(),
        "sentence" => |row| match row.finding {
            Finding::Evidence(evidence) => (&evidence.sentence).into(),
            Finding::Blocker(blocker, _) => (&blocker.sentence).into(),
        },
        _ => return None,
    };
    Some(get)
}
