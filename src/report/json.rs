//! The report as one JSON object, for programs.
//!
//! Amounts are numbers in US dollars rounded to a micro-dollar; below nine billion dollars a double
//! holds that exactly. Unknown is `null`.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use super::blind_spots::blind_spots;
use super::blockers::{BlockerTotals, blockers, effect_name, held};
use super::text::assumptions;
use super::totals::{Totals, VerdictTotals};
use super::{MONTH_DAYS, Report, ScanTotals, WorkloadReport};
use crate::savings::{Assessment, Line, Range};
use crate::tolerance::{Evidence, Lane, Verdict};
use crate::units::Usd;
use crate::workload::TokenCounts;

/// The report, indented, with a newline at its end.
pub fn render(report: &Report) -> String {
    format!("{:#}\n", object(report))
}

/// The report as a value.
pub fn object(report: &Report) -> Value {
    let verdicts = Verdict::ALL.map(|verdict| (verdict.to_string(), of_verdict(report, verdict)));
    let workloads = report.workloads.iter().map(|workload| of_workload(report, workload));
    json!({
        "version": report.version,
        "run_at": time(report.run_at),
        "window": {
            "from": report.window.from.to_string(),
            "to": report.window.to.to_string(),
            "days": report.window.days(),
        },
        "month_days": MONTH_DAYS,
        "sources": report.sources,
        "parameters": pairs(&report.parameters),
        "scan": of_scan(&report.scan),
        "totals": of_totals(report, &Totals::of(report)),
        "verdicts": Map::from_iter(verdicts),
        "workloads": workloads.collect::<Vec<_>>(),
        "blockers": blockers(report).iter().map(|b| of_blocker(report, b)).collect::<Vec<_>>(),
        "blind_spots": blind_spots(report),
        "assumptions": assumptions(report),
        "price_book": report.price_book,
        "complete": report.complete,
    })
}

fn time(seconds: i64) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp(seconds, 0)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn pairs<V: Clone + Into<Value>>(pairs: &[(String, V)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    Value::Object(pairs.collect())
}

fn usd(amount: impl Into<Option<Usd>>) -> Value {
    amount.into().map_or(Value::Null, |amount: Usd| json!(amount.micros() as f64 / 1e6))
}

fn of_scan(scan: &ScanTotals) -> Value {
    json!({
        "objects": scan.objects,
        "unreadable": scan.unreadable,
        "bytes": scan.bytes,
        "inflated_bytes": scan.inflated_bytes,
        "records": scan.records,
        "rows": scan.rows,
        "rejects": scan.rejects,
        "duplicates": scan.duplicates,
        "outside_window": scan.outside_window,
        "skipped": pairs(&scan.skipped),
    })
}

fn of_tokens(tokens: &TokenCounts) -> Value {
    json!({
        "input": tokens.input.0,
        "cache_read": tokens.cache_read.0,
        "cache_write": tokens.cache_write.0,
        "output": tokens.output.0,
        "total": tokens.total().0,
    })
}

/// Low, expected and high, in the window and per month, as members of `object`.
fn add_savings(object: &mut Value, report: &Report, savings: Option<Range>) {
    let range = [
        ("low", savings.map(|range| range.low)),
        ("expected", savings.map(|range| range.expected)),
        ("high", savings.map(|range| range.high)),
    ];
    for (name, amount) in range {
        object[format!("savings_{name}_usd")] = usd(amount);
    }
    for (name, amount) in range {
        object[format!("savings_{name}_month_usd")] = usd(amount.map(|a| report.month(a)));
    }
}

fn of_totals(report: &Report, totals: &Totals) -> Value {
    let mut object = json!({
        "requests": totals.requests,
        "errors": totals.errors,
        "tokens": of_tokens(&totals.tokens),
        "cost_usd": usd(totals.cost),
        "cost_month_usd": usd(totals.cost.map(|cost| report.month(cost))),
        "unpriced_tokens": totals.unpriced.0,
        "eligible_tokens": totals.eligible.0,
        "eligible_share": totals.eligible_share(),
        "eligible_cost_usd": usd(totals.eligible_cost),
        "eligible_cost_share": totals.eligible_cost_share(),
        "blocked_tokens": totals.blocked.0,
        "pilot_tokens": totals.pilot.0,
        "addressable_tokens": totals.addressable.0,
    });
    add_savings(&mut object, report, totals.savings);
    let expected = totals.savings.map(|savings| savings.expected);
    object["savings_share"] = json!(expected.and_then(|usd| totals.savings_share(usd)));
    object
}

fn of_verdict(report: &Report, verdict: Verdict) -> Value {
    let totals = VerdictTotals::of(report, verdict);
    json!({
        "workloads": totals.workloads,
        "requests": totals.requests,
        "tokens": totals.tokens.0,
        "cost_usd": usd(totals.cost),
        "cost_month_usd": usd(totals.cost.map(|cost| report.month(cost))),
    })
}

/// One workload, as in the `workloads` and `evidence` tables.
pub fn of_workload(report: &Report, workload: &WorkloadReport) -> Value {
    let (key, total) = (&workload.key, &workload.total);
    let (judgement, assessment) = (&workload.judgement, &workload.assessment);
    let mut object = json!({
        "workload": key.id(),
        "account": key.account,
        "region": key.region,
        "caller": key.caller,
        "caller_kind": key.caller_kind.as_str(),
        "model": key.model,
        "scope": key.scope,
        "operation": key.operation,
        "tags": key.tags,
        "verdict": judgement.verdict.as_str(),
        "score": judgement.score,
        "probability": judgement.probability,
        "decisive": judgement.decisive,
        "requests": total.requests,
        "errors": total.errors,
        "streaming_requests": total.streaming,
        "active_minutes": workload.active_minutes,
        "runs": judgement.run_count,
        "first_minute": time(workload.first.0 * 60),
        "last_minute": time(workload.last.0 * 60),
        "tokens": of_tokens(&total.tokens),
        "cost_usd": usd(assessment.cost),
        "cost_month_usd": usd(assessment.cost.map(|cost| report.month(cost))),
        "eligible_tokens": assessment.eligible.total().0,
        "blocked_tokens": assessment.blocked.total().0,
        "pilot_tokens": assessment.pilot.total().0,
        "addressable_tokens": assessment.addressable.total().0,
        "eligible_cost_usd": usd(assessment.eligible_cost),
        "batch_cost_usd": usd(assessment.batch_cost),
        "flex_cost_usd": usd(assessment.flex_cost),
        "mode": assessment.mode.as_str(),
        "priced_as": assessment.priced_as,
        "jobs": assessment.jobs,
        "reason": assessment.reason,
        "settle": judgement.settle,
        "lanes": judgement.lanes.iter().map(of_lane).collect::<Vec<_>>(),
        "evidence": judgement.evidence.iter().map(of_evidence).collect::<Vec<_>>(),
        "blockers": of_blockers(workload),
        "lines": assessment.lines.iter().map(of_line).collect::<Vec<_>>(),
        "assumptions": assessment.assumptions,
    });
    add_savings(&mut object, report, assessment.savings);
    object
}

fn of_lane(lane: &Lane) -> Value {
    json!({
        "name": lane.name,
        "verdict": lane.verdict.as_str(),
        "probability": lane.probability,
        "requests": lane.activity.requests,
        "tokens": of_tokens(&lane.activity.tokens),
        "runs": lane.runs.len(),
    })
}

fn of_evidence(evidence: &Evidence) -> Value {
    json!({
        "rule": evidence.rule,
        "value": evidence.value,
        "threshold": evidence.threshold,
        "weight": evidence.weight,
        "decisive": evidence.decisive,
        "sentence": evidence.sentence,
    })
}

fn of_blockers(workload: &WorkloadReport) -> Vec<Value> {
    let assessment: &Assessment = &workload.assessment;
    let blockers = assessment.blockers.iter().zip(held(workload));
    let blocker = blockers.map(|(blocker, held)| {
        json!({
            "name": blocker.name,
            "effect": effect_name(blocker.effect),
            "share": blocker.share.to_f64(),
            "tokens": held.tokens.0,
            "cost_usd": usd(held.cost),
            "value": blocker.value,
            "threshold": blocker.threshold,
            "sentence": blocker.sentence,
        })
    });
    blocker.collect()
}

fn of_line(line: &Line) -> Value {
    json!({
        "mode": line.mode.as_str(),
        "kind": line.kind,
        "tokens": line.tokens.0,
        "usd_per_million": line.usd_per_million.to_f64(),
        "amount_usd": usd(line.amount),
        "source": line.source,
    })
}

fn of_blocker(report: &Report, total: &BlockerTotals) -> Value {
    json!({
        "name": total.name,
        "effect": effect_name(total.effect),
        "workloads": total.workloads,
        "tokens": total.tokens.0,
        "cost_usd": usd(total.cost),
        "cost_month_usd": usd(total.cost.map(|cost| report.month(cost))),
        "example": total.example,
    })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_object_has_the_promised_keys_in_order() {
        let value = object(&example::report());
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let promised = "version run_at window month_days sources parameters scan totals verdicts \
                        workloads blockers blind_spots assumptions price_book complete";
        assert_eq!(keys, promised.split_whitespace().collect::<Vec<_>>());
        let totals = &value["totals"];
        assert_eq!(totals["cost_usd"], 12_000.0);
        assert_eq!(totals["savings_low_month_usd"], 3600.0);
        assert_eq!(totals["savings_share"], 0.3);
        assert_eq!(totals["eligible_cost_share"], 0.6);
        assert_eq!(value["window"]["from"], "2026-10-02");
        assert_eq!(value["scan"]["skipped"]["sidecar"], 42);
        assert_eq!(value["verdicts"]["tolerant"]["tokens"], 1_200_000_000);
        assert_eq!(value["complete"], false);
    }

    #[test]
    fn unknown_is_null_and_text_survives() {
        let value: Value = serde_json::from_str(&render(&example::report())).unwrap();
        let workloads = value["workloads"].as_array().unwrap();
        let unpriced = workloads.iter().find(|w| w["caller"] == "reports/lambda").unwrap();
        for key in ["cost_usd", "savings_high_month_usd", "eligible_cost_usd", "priced_as"] {
            assert!(unpriced[key].is_null(), "{key}");
        }
        assert!(workloads.iter().any(|w| w["caller"] == "evil\u{1b}[31m\u{202e}role/botocore"));
        assert!(!render(&example::report()).contains('\u{1b}'));
        let evals = workloads.iter().find(|w| w["caller"] == "evals/AWSCodeBuild").unwrap();
        assert_eq!(evals["blockers"][0]["tokens"], 30_000_000);
        assert_eq!(evals["lines"][0]["usd_per_million"], 3.0);
    }

    #[test]
    fn micro_dollars_are_written_exactly() {
        assert_eq!(usd(Usd::from_micros(1_234_567_890_123_456)).to_string(), "1234567890.123456");
        assert_eq!(usd(Usd::from_micros(100_000)).to_string(), "0.1");
        assert_eq!(usd(None).to_string(), "null");
    }
}
