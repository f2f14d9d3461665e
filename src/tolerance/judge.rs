//! Evidence summed to a verdict, with the reason and, where the logs do not say, what would settle it.

use crate::config::{Stated, Tolerance};
use crate::tolerance::evidence::{Facts, collect, sort};
use crate::tolerance::{CandidateRun, Evidence, Judgement, Verdict, lanes, runs, stated};
use crate::units::Minute;
use crate::workload::{Activity, CallerKind, Window, Workload};

/// Judges one workload on what the audited window holds.
pub fn judge(workload: &Workload, window: &Window, config: &Tolerance) -> Judgement {
    let survey = runs::survey(&workload.minutes, config.gap_minutes);
    let runs = &survey.runs;
    let starts: Vec<Minute> = runs.iter().map(|run| run.start).collect();
    let facts = Facts {
        key: &workload.key,
        runs,
        survey: &survey,
        starts: &starts,
        lane: false,
        total: runs.iter().fold(Activity::default(), |mut sum, run| {
            sum += run.activity;
            sum
        }),
        input_sizes: &workload.input_sizes,
        output_sizes: &workload.output_sizes,
        window,
    };
    let mut evidence = collect(&facts, config);
    let stated = stated::overridden(&facts, config);
    let owner = stated.as_ref().map(|(verdict, _)| *verdict);
    if let Some((_, word)) = stated {
        evidence.push(word);
        sort(&mut evidence);
    }
    let score = config.prior_log_odds + evidence.iter().map(|e| e.weight).sum::<f64>();
    let verdict = match owner {
        Some(Stated::Tolerant) => Verdict::Tolerant,
        Some(Stated::Interactive) => Verdict::Interactive,
        Some(Stated::Unclear) => Verdict::Unclear,
        None => weigh(&facts, score, &evidence, config),
    };
    let decisive = owner.is_some() || decides(verdict, &evidence);
    let settle = (verdict == Verdict::Unclear && owner.is_none()).then(|| settle(&facts, config));
    let reason = reason(verdict, owner.is_some(), &evidence, &facts, config);
    let probability = probability(score);
    let candidates = match verdict {
        Verdict::Tolerant => survey.runs.iter().map(CandidateRun::from).collect(),
        _ => Vec::new(),
    };
    let whole = Judgement {
        verdict,
        score,
        probability,
        decisive,
        evidence,
        run_count: survey.runs.len(),
        candidates,
        lanes: Vec::new(),
        reason,
        settle,
    };
    // An owner speaks for the whole.
    if owner.is_some() { whole } else { lanes::judge(workload, window, config, &survey, whole) }
}

/// Log-odds as a probability.
pub(super) fn probability(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// The cut-offs, and the sample below which only decisive evidence may carry a verdict.
pub(super) fn weigh(
    facts: &Facts<'_>,
    score: f64,
    evidence: &[Evidence],
    config: &Tolerance,
) -> Verdict {
    let verdict = if score >= config.tolerant_log_odds {
        Verdict::Tolerant
    } else if score <= config.interactive_log_odds {
        Verdict::Interactive
    } else {
        Verdict::Unclear
    };
    if enough(facts, config) || decides(verdict, evidence) { verdict } else { Verdict::Unclear }
}

/// Whether the sample is large enough for undecisive evidence.
fn enough(facts: &Facts<'_>, config: &Tolerance) -> bool {
    facts.total.requests >= config.min_requests && facts.span_days() >= config.min_days
}

/// Whether a decisive rule speaks for `verdict`.
pub(super) fn decides(verdict: Verdict, evidence: &[Evidence]) -> bool {
    evidence.iter().filter(|e| e.decisive).any(|e| match verdict {
        Verdict::Tolerant | Verdict::Hybrid => e.weight > 0.0,
        Verdict::Interactive => e.weight < 0.0,
        Verdict::Unclear => false,
    })
}

/// The verdict in one sentence: what it comes to, and the heaviest evidence for it.
fn reason(
    verdict: Verdict,
    owner: bool,
    evidence: &[Evidence],
    facts: &Facts<'_>,
    config: &Tolerance,
) -> String {
    if owner && let Some(word) = evidence.iter().find(|e| e.rule == "override") {
        return word.sentence.clone();
    }
    let (lead, side) = match verdict {
        Verdict::Tolerant | Verdict::Hybrid => ("Nobody seems to wait for these answers", 1.0),
        Verdict::Interactive => ("Somebody seems to wait for these answers", -1.0),
        Verdict::Unclear => {
            return if enough(facts, config) {
                match evidence.first() {
                    Some(first) => {
                        format!("The logs do not settle it, though {}.", clause(first))
                    }
                    None => {
                        "The logs do not settle it: neither timing nor sizes nor names tell.".into()
                    }
                }
            } else {
                format!(
                    "Too little to judge by: {} calls over {} days, where {} calls and {} days are \
                     needed.",
                    facts.total.requests,
                    facts.span_days(),
                    config.min_requests,
                    config.min_days
                )
            };
        }
    };
    let clauses: Vec<String> =
        evidence.iter().filter(|e| e.weight * side > 0.0).take(2).map(clause).collect();
    if clauses.is_empty() { format!("{lead}.") } else { format!("{lead}: {}.", clauses.join("; ")) }
}

/// A sentence as part of another.
pub(super) fn clause(evidence: &Evidence) -> String {
    let sentence = evidence.sentence.trim_end_matches('.');
    let mut chars = sentence.chars();
    chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// What would turn "unclear" into a verdict.
pub(super) fn settle(facts: &Facts<'_>, config: &Tolerance) -> String {
    let mut steps: Vec<String> = Vec::new();
    if facts.window.days() < config.min_days || facts.span_days() < config.min_days {
        steps.push(format!(
            "audit a longer window (at least {} days with calls, better 28)",
            config.min_days
        ));
    } else if facts.total.requests < config.min_requests {
        steps.push(format!("audit a window with at least {} calls", config.min_requests));
    }
    steps.push(if facts.key.tags.is_empty() {
        match facts.key.caller_kind {
            CallerKind::Gateway => "split the gateway's traffic by a requestMetadata key that names the \
                                    application (--group-by metadata.KEY)"
                .into(),
            _ => "have the caller send a requestMetadata tag such as workload-class=batch, group by it \
                  (--group-by metadata.workload-class) and give it a meaning under [[tolerance.tag]]"
                .into(),
        }
    } else {
        format!("give the tag {} a meaning under [[tolerance.tag]]", facts.key.tags)
    });
    steps.push("ask its owner and write the answer down under [[tolerance.override]]".into());
    let text = steps.join("; or ");
    text[..1].to_ascii_uppercase() + &text[1..] + "."
}
