//! A report made by hand, for the tests of its renderings.
//!
//! Thirty days at $6 per million tokens blended ($3 input, $18 output): five priced workloads of
//! two billion tokens, 60 % of them eligible, and one whose model has no known rate.

use rust_decimal::Decimal;

use super::moved::{Earlier, Standing};
use super::spread::spread;
use super::{Report, ScanTotals, WorkloadReport};
use crate::savings::{Assessment, Blocker, Effect, Line, Mode, Range};
use crate::tolerance::{CandidateRun, Evidence, Judgement, Verdict};
use crate::units::{Day, Tokens, Usd};
use crate::workload::{Activity, CallerKind, Signals, TokenCounts, Window, WorkloadKey};

pub(super) const FROM: Day = Day(20_728);
const DAYS: usize = 30;

pub(super) fn usd(text: &str) -> Usd {
    Usd(text.parse().unwrap())
}

fn key(caller: &str, caller_kind: CallerKind, model: &str) -> WorkloadKey {
    WorkloadKey {
        account: "111122223333".into(),
        region: "us-east-1".into(),
        caller: caller.into(),
        caller_kind,
        model: model.into(),
        scope: "us".into(),
        operation: "Converse".into(),
        tags: String::new(),
    }
}

/// 80 % input, 20 % output.
fn counts(tokens: i64) -> TokenCounts {
    TokenCounts {
        input: Tokens(tokens - tokens / 5),
        output: Tokens(tokens / 5),
        ..TokenCounts::default()
    }
}

fn lines(mode: Mode, tokens: TokenCounts, input: i64, output: i64) -> Vec<Line> {
    [("input", tokens.input, input), ("output", tokens.output, output)]
        .map(|(kind, tokens, tenths)| {
            let usd_per_million = Decimal::new(tenths, 1);
            Line {
                mode,
                kind,
                tokens,
                usd_per_million,
                amount: Usd(Decimal::from(tokens.0) * usd_per_million / Decimal::from(1_000_000)),
                source: "AWS price list 2026-09-17".into(),
            }
        })
        .to_vec()
}

fn evidence(rule: &'static str, weight: f64, decisive: bool, sentence: &str) -> Evidence {
    Evidence {
        rule,
        value: Some(27.0),
        threshold: Some(12.0),
        weight,
        decisive,
        sentence: sentence.into(),
    }
}

fn reason(verdict: Verdict) -> String {
    format!("Judged {verdict} by when it runs and who it is.")
}

fn judgement(verdict: Verdict) -> Judgement {
    let (score, decisive) = match verdict {
        Verdict::Tolerant | Verdict::Hybrid => (4.5, true),
        Verdict::Interactive => (-3.5, false),
        Verdict::Unclear => (0.0, false),
    };
    let run = |day: i32| {
        let start = Day(FROM.0 + day).start();
        let end = crate::units::Minute(start.0 + 59);
        CandidateRun { start, end, requests: 2000, errors: 0, tokens: counts(900_000) }
    };
    let eligible = matches!(verdict, Verdict::Tolerant | Verdict::Hybrid);
    Judgement {
        verdict,
        score,
        probability: 1.0 / (1.0 + (-score).exp()),
        decisive,
        evidence: vec![
            evidence(
                "daily_anchor",
                score,
                decisive,
                "Runs start within 5 minutes of 02:00 UTC on 27 of 28 days; by chance p < 1e-20.",
            ),
            evidence("identity", score / 4.0, false, "The caller's role names a pipeline."),
        ],
        run_count: 3,
        candidates: (0..3).filter(|_| eligible).map(run).collect(),
        lanes: Vec::new(),
        reason: reason(verdict),
        settle: (verdict == Verdict::Unclear).then(|| {
            "Four more weeks of logs, or a requestMetadata tag that names the job.".into()
        }),
    }
}

fn assessment(verdict: Verdict, tokens: TokenCounts) -> Assessment {
    let per_million = |rate: i64| {
        Usd(Decimal::from(tokens.total().0) * Decimal::from(rate) / Decimal::from(1_000_000))
    };
    let tolerant = verdict == Verdict::Tolerant;
    let eligible = if tolerant { tokens } else { TokenCounts::default() };
    let high = if verdict == Verdict::Interactive { Usd::ZERO } else { per_million(3) };
    Assessment {
        priced_as: Some("claude-sonnet-4-6".into()),
        cost: Some(per_million(6)),
        batch_cost: Some(per_million(3)),
        flex_cost: None,
        eligible,
        blocked: TokenCounts::default(),
        pilot: TokenCounts::default(),
        addressable: eligible,
        eligible_cost: Some(if tolerant { per_million(6) } else { Usd::ZERO }),
        blockers: Vec::new(),
        mode: if tolerant { Mode::Batch } else { Mode::OnDemand },
        savings: Some(Range {
            low: if tolerant { high } else { Usd::ZERO },
            expected: if tolerant { high } else { Usd::ZERO },
            high,
        }),
        jobs: if tolerant { 30 } else { 0 },
        lines: [lines(Mode::OnDemand, tokens, 30, 180), lines(Mode::Batch, tokens, 15, 90)]
            .concat(),
        assumptions: vec!["Batch inference reads and writes no prompt cache.".into()],
        reason: format!("{} {}", reason(verdict), "Batch jobs would cost half of today's bill."),
    }
}

fn workload(key: WorkloadKey, verdict: Verdict, tokens: i64) -> WorkloadReport {
    let total = counts(tokens);
    let weights: Vec<i128> = (0..DAYS).map(|day| 7 + (day as i128 * 5) % 11).collect();
    let [input, output] =
        [total.input, total.output].map(|kind| spread(i128::from(kind.0), &weights));
    let days = (0..DAYS).map(|day| {
        let counts = TokenCounts {
            input: Tokens(input[day] as i64),
            output: Tokens(output[day] as i64),
            ..TokenCounts::default()
        };
        (Day(FROM.0 + day as i32), counts)
    });
    let days: Vec<(Day, TokenCounts)> = days.collect();
    let eligible = |(_, tokens): &(Day, TokenCounts)| match verdict {
        Verdict::Tolerant => *tokens,
        _ => TokenCounts::default(),
    };
    let requests = tokens / 10_000;
    let first = FROM.start();
    WorkloadReport {
        key,
        total: Activity {
            requests,
            errors: 3,
            tokens: total,
            signals: Signals { input_bodies: requests / 2, ..Signals::default() },
            ..Activity::default()
        },
        eligible_days: days.iter().map(eligible).collect(),
        days,
        active_minutes: 1800,
        first,
        last: crate::units::Minute(first.0 + 29 * 1440 + 59),
        judgement: judgement(verdict),
        assessment: assessment(verdict, total),
        run_jobs: if verdict == Verdict::Tolerant { vec![1, 1, 2] } else { Vec::new() },
    }
}

/// Takes `percent` of the workload's volume out of what is addressable.
fn hold(workload: &mut WorkloadReport, name: &'static str, effect: Effect, percent: i64) {
    let assessment = &mut workload.assessment;
    let part = |tokens: Tokens| Tokens(tokens.0 * percent / 100);
    let held = TokenCounts {
        input: part(assessment.eligible.input),
        output: part(assessment.eligible.output),
        ..TokenCounts::default()
    };
    assessment.addressable.input = assessment.addressable.input - held.input;
    assessment.addressable.output = assessment.addressable.output - held.output;
    *match effect {
        Effect::Blocked => &mut assessment.blocked,
        Effect::NeedsPilot => &mut assessment.pilot,
    } = held;
    assessment.blockers.push(Blocker {
        name,
        effect,
        share: Decimal::new(percent, 2),
        value: Some(percent as f64),
        threshold: None,
        sentence: format!("{percent} % of the calls meet {name}."),
    });
}

/// Five priced workloads, and one whose model has no known rate.
fn workloads() -> Vec<WorkloadReport> {
    const MODEL: &str = "anthropic.claude-sonnet-4-6";
    let mut workloads = vec![
        workload(
            key("support-chat/<person>", CallerKind::Person, MODEL),
            Verdict::Interactive,
            700_000_000,
        ),
        workload(
            key(
                "nightly-classification-of-documents/GlueJobRunnerSession",
                CallerKind::Pipeline,
                MODEL,
            ),
            Verdict::Tolerant,
            600_000_000,
        ),
        workload(
            key("enrichment/AmazonMWAA-airflow", CallerKind::Pipeline, MODEL),
            Verdict::Tolerant,
            500_000_000,
        ),
        workload(
            key("evals/AWSCodeBuild", CallerKind::Pipeline, MODEL),
            Verdict::Tolerant,
            100_000_000,
        ),
        workload(
            key("evil\u{1b}[31m\u{202e}role/botocore", CallerKind::Program, MODEL),
            Verdict::Unclear,
            100_000_000,
        ),
        workload(
            key("reports/lambda", CallerKind::Program, "application-inference-profile/abc123"),
            Verdict::Unclear,
            50_000_001,
        ),
    ];
    hold(&mut workloads[2], "guardrail", Effect::NeedsPilot, 12);
    hold(&mut workloads[3], "no_batch_price", Effect::Blocked, 30);
    hold(&mut workloads[4], "guardrail", Effect::NeedsPilot, 25);
    let unpriced = &mut workloads[5].assessment;
    unpriced.mode = Mode::Unknown;
    (unpriced.priced_as, unpriced.cost, unpriced.batch_cost) = (None, None, None);
    (unpriced.eligible_cost, unpriced.savings) = (None, None);
    unpriced.lines.clear();
    workloads
}

/// The report.
pub(crate) fn earlier(report: &Report, standings: Vec<Standing>) -> Earlier {
    Earlier {
        run_at: report.run_at - 86_400,
        window: report.window,
        workloads: 7,
        requests: 1,
        tokens: Tokens(2_000_000_000),
        eligible: Tokens(500_000_000),
        cost_month: Some(usd("15000")),
        savings_month: [Some(usd("3600")), None, Some(usd("1"))],
        other_prices: true,
        other_settings: false,
        standings: Some(standings),
    }
}

pub(crate) fn report() -> Report {
    Report {
        version: "0.1.0".into(),
        run_at: 1_793_491_200,
        sources: vec!["s3://logs/bedrock/".into()],
        parameters: vec![("group_by".into(), "metadata.app".into())],
        window: Window { from: FROM, to: Day(FROM.0 + DAYS as i32 - 1) },
        config_text: "[limits]\n".into(),
        prices_text: String::new(),
        price_book: "AWS price list of 2026-09-17".into(),
        scan: ScanTotals {
            objects: 1440,
            unreadable: 2,
            bytes: 12_300_000,
            inflated_bytes: 81_200_000,
            records: 205_010,
            rows: 205_000,
            rejects: 8,
            duplicates: 2,
            outside_window: 12,
            skipped: vec![("sidecar".into(), 42), ("permission_check".into(), 3)],
        },
        workloads: workloads(),
        complete: false,
        earlier: None,
    }
}
