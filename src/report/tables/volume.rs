//! The `volume` table: a workload's tokens and money spread over its days and token kinds.
//!
//! What is eligible is known day by day. Blockers hold for a workload as a whole, so every day gets its
//! share of them by eligible tokens. Days add up to the workload exactly, and each row's parts add up to
//! its tokens.

use std::collections::BTreeMap;

use super::cells::{self, Cell, Get};
use super::keys::{self, Keyed, OfWorkload};
use super::{Part, TableError, find};
use crate::report::WorkloadReport;
use crate::report::spread::{Remaining, spread};
use crate::savings::{Line, Mode};
use crate::tolerance::Verdict;
use crate::units::{Day, Tokens, Usd};
use crate::workload::TokenCounts;

type Pick = fn(&TokenCounts) -> Tokens;

/// The token kinds by name, in the table's order, which is that of the alphabet.
const KINDS: [(&str, Pick); 4] = [
    ("cache_read", |tokens| tokens.cache_read),
    ("cache_write", |tokens| tokens.cache_write),
    ("input", |tokens| tokens.input),
    ("output", |tokens| tokens.output),
];

/// Of [`KINDS`], those the model reads: a mode without prompt cache prices them as one.
const READ: [usize; 3] = [0, 1, 2];

#[derive(Clone, Copy)]
struct Row<'r> {
    keyed: &'r Keyed<'r>,
    kind: &'static str,
    tokens: i64,
    /// Blocked, pilot, addressable and the rest.
    parts: [i64; 4],
    /// Micro-dollars.
    cost: Option<i128>,
    /// Micro-dollars.
    moved: Option<i128>,
}

impl OfWorkload for Row<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self.keyed
    }
}

impl Row<'_> {
    fn rest(&self, unclear: bool) -> Cell<'static> {
        let judgement = &self.workload().judgement;
        // What a hybrid's lanes leave is its last lane.
        let verdict = judgement.lanes.last().map_or(judgement.verdict, |rest| rest.verdict);
        let is_unclear = verdict == Verdict::Unclear;
        Cell::Count(if is_unclear == unclear { self.parts[3] } else { 0 })
    }
}

pub(super) fn parts(workloads: &[Keyed<'_>]) -> Result<Vec<Part>, TableError> {
    let mut days: BTreeMap<Day, Vec<Row<'_>>> = BTreeMap::new();
    for keyed in workloads {
        check(keyed)?;
        let (costs, moved) = money(keyed.workload);
        for (index, (kind, pick)) in KINDS.into_iter().enumerate() {
            let money = (costs.map(|costs| costs[index]), moved.map(|moved| moved[index]));
            for (day, row) in rows(keyed, kind, pick, money) {
                days.entry(day).or_default().push(row);
            }
        }
    }
    let table = find("volume")?;
    let part = |(day, rows): (Day, Vec<Row<'_>>)| {
        let batch = cells::batch(table, &rows, |c| keys::getter(c).or_else(|| getter(c)))?;
        Ok(Part { day: Some(day), batch })
    };
    days.into_iter().map(part).collect()
}

/// What the spreading relies on.
fn check(keyed: &Keyed<'_>) -> Result<(), TableError> {
    let workload = keyed.workload;
    let assessment = &workload.assessment;
    let error = |what| Err(TableError::Sum { workload: keyed.id.clone(), what });
    for (_, pick) in KINDS {
        let total = pick(&workload.total.tokens);
        if workload.days.iter().map(|(_, tokens)| pick(tokens)).sum::<Tokens>() != total {
            return error("days");
        }
        let parts = [&assessment.blocked, &assessment.pilot, &assessment.addressable].map(pick);
        let eligible = pick(&assessment.eligible);
        if parts.into_iter().sum::<Tokens>() != eligible || eligible > total {
            return error("blocked, pilot and addressable tokens");
        }
        let days = workload.days.iter().zip(&workload.eligible_days);
        let within = days.clone().all(|((_, tokens), eligible)| pick(eligible) <= pick(tokens));
        if !within || days.map(|(_, eligible)| pick(eligible)).sum::<Tokens>() != eligible {
            return error("eligible tokens by day");
        }
    }
    Ok(())
}

/// The rows of one token kind, by day.
fn rows<'r>(
    keyed: &'r Keyed<'r>,
    kind: &'static str,
    pick: Pick,
    (cost, moved): (Option<i128>, Option<i128>),
) -> Vec<(Day, Row<'r>)> {
    let workload = keyed.workload;
    let assessment = &workload.assessment;
    let count = |tokens: &TokenCounts| i128::from(pick(tokens).0);
    let mut remaining = Remaining::new(vec![
        count(&assessment.blocked),
        count(&assessment.pilot),
        count(&assessment.addressable),
    ]);
    let weights: Vec<i128> = workload.days.iter().map(|(_, tokens)| count(tokens)).collect();
    let eligible: Vec<i128> = workload.eligible_days.iter().map(count).collect();
    let costs = cost.map(|cost| spread(cost, &weights));
    // Only what is eligible moves, so a day saves in proportion to that.
    let saved = cost.zip(moved).map(|(cost, moved)| spread(cost - moved, &eligible));
    let mut rows = Vec::new();
    for (index, (day, counts)) in workload.days.iter().enumerate() {
        let tokens = pick(counts);
        if tokens == Tokens(0) {
            continue;
        }
        let dealt = remaining.deal(eligible[index]);
        let rest = tokens.0 - eligible[index] as i64;
        let moved = costs.as_ref().zip(saved.as_ref());
        let row = Row {
            keyed,
            kind,
            tokens: tokens.0,
            parts: [dealt[0] as i64, dealt[1] as i64, dealt[2] as i64, rest],
            cost: costs.as_ref().map(|costs| costs[index]),
            moved: moved.map(|(costs, saved)| costs[index] - saved[index]),
        };
        rows.push((*day, row));
    }
    rows
}

type KindMicros = Option<[i128; 4]>;

/// Micro-dollars by token kind: today, and with what can move now bought by the recommended mode.
fn money(workload: &WorkloadReport) -> (KindMicros, KindMicros) {
    let assessment = &workload.assessment;
    let tokens = &workload.total.tokens;
    let costs =
        assessment.cost.map(|cost| by_kind(cost, Mode::OnDemand, &assessment.lines, tokens));
    let (target, movable) = match assessment.mode {
        Mode::Batch => (assessment.batch_cost, &assessment.addressable),
        // Blockers stand against batch only: flex takes calls as they are.
        Mode::Flex => (assessment.flex_cost, &assessment.eligible),
        // Stays as it is, or is paid by the hour, where no single workload has a cost of its own.
        Mode::OnDemand | Mode::Provisioned | Mode::Unknown => return (costs, costs),
    };
    let target = target.map(|cost| by_kind(cost, assessment.mode, &assessment.lines, tokens));
    let (Some(from), Some(to)) = (costs, target) else { return (costs, None) };
    let mut moved = from;
    for (index, (_, pick)) in KINDS.into_iter().enumerate() {
        let (all, part) = (pick(tokens).0, pick(movable).0);
        if all > 0 {
            moved[index] -= (from[index] - to[index]) * i128::from(part) / i128::from(all);
        }
    }
    (costs, Some(moved))
}

/// The cost split by token kind as the lines of `mode` say, or by tokens where there are none.
fn by_kind(cost: Usd, mode: Mode, lines: &[Line], tokens: &TokenCounts) -> [i128; 4] {
    let counts = KINDS.map(|(_, pick)| i128::from(pick(tokens).0));
    let mut weights = [0; 4];
    for line in lines.iter().filter(|line| line.mode == mode) {
        let amount = line.amount.micros();
        let kind = kind_of(line.kind);
        if i128::from(line.tokens.0) <= counts[kind] {
            weights[kind] += amount;
            continue;
        }
        // More tokens than the kind has: the line prices all that the model reads at one rate.
        let reads: Vec<i128> = READ.iter().map(|kind| counts[*kind]).collect();
        for (kind, part) in READ.into_iter().zip(spread(amount, &reads)) {
            weights[kind] += part;
        }
    }
    if weights.iter().sum::<i128>() == 0 {
        weights = counts;
    }
    let parts = spread(cost.micros(), &weights);
    [0, 1, 2, 3].map(|kind| parts[kind])
}

/// Which of [`KINDS`] a line's kind belongs to: lines may split a kind further, such as by lifetime
/// of a cache write or by context length.
fn kind_of(line: &str) -> usize {
    if line.contains("cache_read") {
        0
    } else if line.contains("cache_write") {
        1
    } else if line.contains("output") {
        3
    } else {
        2
    }
}

fn getter<'r>(column: &str) -> Option<Get<Row<'r>>> {
    let get: Get<Row<'r>> = match column {
        "verdict" => |row| row.workload().judgement.verdict.as_str().into(),
        "mode" => |row| row.workload().assessment.mode.as_str().into(),
        "token_kind" => |row| row.kind.into(),
        "tokens" => |row| row.tokens.into(),
        "eligible_tokens" => |row| (row.tokens - row.parts[3]).into(),
        "blocked_tokens" => |row| row.parts[0].into(),
        "pilot_tokens" => |row| row.parts[1].into(),
        "addressable_tokens" => |row| row.parts[2].into(),
        "interactive_tokens" => |row| row.rest(false),
        "unclear_tokens" => |row| row.rest(true),
        "cost_usd" => |row| row.cost.map_or(Cell::Null, Cell::Money),
        "moved_cost_usd" => |row| row.moved.map_or(Cell::Null, Cell::Money),
        _ => return None,
    };
    Some(get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::report::tables::keys::sorted;

    #[test]
    fn one_line_for_all_reading_is_split_by_tokens() {
        let tokens = TokenCounts {
            input: Tokens(100),
            cache_read: Tokens(300),
            cache_write: Tokens(0),
            output: Tokens(50),
        };
        let line = |kind, tokens, micros| Line {
            mode: Mode::Batch,
            kind,
            tokens: Tokens(tokens),
            usd_per_million: rust_decimal::Decimal::ONE,
            amount: Usd::from_micros(micros),
            source: String::new(),
        };
        let lines = [line("input", 400, 800), line("output", 50, 200)];
        assert_eq!(
            by_kind(Usd::from_micros(1000), Mode::Batch, &lines, &tokens),
            [600, 0, 200, 200]
        );
        assert_eq!(by_kind(Usd::from_micros(9), Mode::Flex, &lines, &tokens), [6, 0, 2, 1]);
    }

    #[test]
    fn moving_saves_what_the_lines_say() {
        let report = example::report();
        let evals = report.workloads.iter().find(|w| w.key.caller.starts_with("evals"));
        let mut evals = evals.unwrap().clone();
        let sum = |parts: KindMicros| parts.map(|parts| Usd::from_micros(parts.iter().sum()));
        // $600, of which 70 % may move to half the price.
        let (cost, moved) = money(&evals);
        assert_eq!(sum(cost), Some(example::usd("600")));
        assert_eq!(sum(moved), Some(example::usd("390")));
        // Flex takes the blocked part, too; by unknown price nothing is known.
        evals.assessment.mode = Mode::Flex;
        assert_eq!(sum(money(&evals).1), None);
        evals.assessment.flex_cost = Some(example::usd("330"));
        assert_eq!(sum(money(&evals).1), Some(example::usd("330")));
        evals.assessment.mode = Mode::OnDemand;
        assert_eq!(sum(money(&evals).1), Some(example::usd("600")));
    }

    #[test]
    fn days_that_do_not_add_up_are_an_error() {
        let mut report = example::report();
        report.workloads[1].days.pop();
        let keyed = sorted(&report);
        let error = parts(&keyed).unwrap_err().to_string();
        assert!(error.ends_with("days do not add up"), "{error}");
    }
}
