//! Evidence rules that read what a caller or its owner states: identity, names, tags, operations, bodies.

use crate::config::{Stated, Tolerance};
use crate::tolerance::evidence::{Facts, share};
use crate::tolerance::{Evidence, weights};
use crate::workload::CallerKind;

/// Words in a role, function or tag that weakly suggest a machine that collects answers later.
const TOLERANT_WORDS: [&str; 11] = [
    "nightly",
    "batch",
    "backfill",
    "etl",
    "eval",
    "evals",
    "evaluation",
    "worker",
    "offline",
    "cron",
    "reindex",
];

/// Words that weakly suggest that somebody waits.
const INTERACTIVE_WORDS: [&str; 8] =
    ["api", "chat", "chatbot", "web", "copilot", "assistant", "frontend", "ui"];

/// Who the caller is, where its ARN tells.
///
/// Identity does not become truer with time, so it may carry a verdict on a short log: towards
/// interactive always, towards tolerant once there are as many calls as any verdict needs.
pub(super) fn identity(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let (weight, words) = weights::of_kind(facts.key.caller_kind)?;
    let strong = weight.abs() >= weights::MEDIUM_STRONG;
    let enough = weight < 0.0 || facts.total.requests >= config.min_requests;
    Some(Evidence {
        rule: "identity",
        value: None,
        threshold: None,
        weight,
        decisive: strong && enough,
        sentence: format!("The caller's identity is that of {words}."),
    })
}

/// Words in the names of the caller and its tags.
pub(super) fn name_hint(facts: &Facts<'_>, _: &Tolerance) -> Option<Evidence> {
    // The identity's own words ("Person", "…Session") are no hint, and a person's role name says what the
    // person works on, not what is called.
    if matches!(facts.key.caller_kind, CallerKind::Person | CallerKind::CodingAgent) {
        return None;
    }
    let words = words(&facts.key.caller).chain(words(&facts.key.tags)).collect::<Vec<_>>();
    let find = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str()));
    let (word, weight, suggests) = match (find(&TOLERANT_WORDS), find(&INTERACTIVE_WORDS)) {
        (Some(word), None) => (word, weights::WEAK, "work that nobody waits for"),
        (None, Some(word)) => (word, -weights::WEAK, "a service that somebody waits for"),
        // Both or none: the name does not say.
        _ => return None,
    };
    Some(Evidence {
        rule: "name_hint",
        value: None,
        threshold: None,
        weight,
        decisive: false,
        sentence: format!("The word \"{word}\" in its name or tags suggests {suggests}."),
    })
}

/// Lower-case words of a name: split where letters end and where lower case meets upper case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut text = String::with_capacity(name.len() + 8);
    let mut lower = false;
    for c in name.chars() {
        if lower && c.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(if c.is_ascii_alphabetic() { c.to_ascii_lowercase() } else { ' ' });
        lower = c.is_ascii_lowercase();
    }
    let words: Vec<String> = text.split_whitespace().map(String::from).collect();
    words.into_iter()
}

/// A requestMetadata tag that the configuration gives a meaning; the first that matches counts.
pub(super) fn declared_tag(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let pairs = || facts.key.tags.split(',').filter_map(|pair| pair.split_once('='));
    let tag = config.tags.iter().find(|tag| {
        pairs().any(|(key, value)| {
            key.strip_prefix("metadata.").unwrap_or(key) == tag.key && matches(&tag.value, value)
        })
    })?;
    let weight = match tag.verdict {
        Stated::Tolerant => weights::DECLARED,
        Stated::Interactive => -weights::DECLARED,
        Stated::Unclear => return None,
    };
    let says = if weight > 0.0 { "tolerant" } else { "interactive" };
    Some(Evidence {
        rule: "declared_tag",
        value: None,
        threshold: None,
        weight,
        decisive: true,
        sentence: format!("The tag {}={} declares its calls {says}.", tag.key, tag.value),
    })
}

/// An owner's override; the first that matches counts.
pub(super) fn overridden(facts: &Facts<'_>, config: &Tolerance) -> Option<(Stated, Evidence)> {
    let stated = config.overrides.iter().find(|o| matches(&o.caller, &facts.key.caller))?;
    let (weight, says) = match stated.verdict {
        Stated::Tolerant => (weights::OVERRIDE, "tolerant"),
        Stated::Interactive => (-weights::OVERRIDE, "interactive"),
        Stated::Unclear => (0.0, "unclear"),
    };
    let reason = stated.reason.trim().trim_end_matches('.');
    let evidence = Evidence {
        rule: "override",
        value: None,
        threshold: None,
        weight,
        decisive: true,
        sentence: format!("Its owner says it is {says}: {reason}."),
    };
    Some((stated.verdict, evidence))
}

/// Whether `text` is of the form of `pattern`, where `*` stands for any characters and `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the rest does not fit: after the last star, with one more character under it.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((after, under)) => {
                    star = Some((after, under + 1));
                    (p, t) = (after, under + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Streaming operations: somebody probably reads along.
pub(super) fn streaming(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let share = share(facts.total.streaming, facts.total.requests);
    (share >= config.streaming_min_share).then(|| Evidence {
        rule: "streaming",
        value: Some(share),
        threshold: Some(config.streaming_min_share),
        weight: weights::STREAMING,
        decisive: false,
        sentence: format!("Answers are streamed in {:.0} % of the calls.", share * 100.0),
    })
}

/// Conversations in progress and tool loops, where bodies show them.
pub(super) fn conversation(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let signals = &facts.total.signals;
    let turns = signals.multi_turn.max(signals.agent_turns);
    // An answer alone shows a tool loop too, so calls without a request body may be among the turns.
    let bodies = signals.input_bodies.max(turns);
    let share = share(turns, bodies);
    let enough = bodies >= config.min_bodies;
    (enough && share >= config.conversation_min_share).then(|| Evidence {
        rule: "conversation",
        value: Some(share),
        threshold: Some(config.conversation_min_share),
        weight: weights::CONVERSATION,
        decisive: false,
        sentence: format!(
            "A conversation or tool loop is in progress in {:.0} % of the {bodies} calls with bodies.",
            share * 100.0
        ),
    })
}

/// The priority tier or optimised latency: the caller pays for speed.
pub(super) fn priority(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let signals = &facts.total.signals;
    let asked = signals.priority_tier.max(signals.optimized_latency);
    asked_for(facts, config, asked).map(|(share, bodies)| Evidence {
        rule: "priority",
        value: Some(share),
        threshold: Some(config.priority_min_share),
        weight: weights::PRIORITY,
        decisive: false,
        sentence: format!(
            "Priority or optimised latency is asked for in {:.0} % of the {bodies} calls with bodies.",
            share * 100.0
        ),
    })
}

/// The flex tier: the caller accepted to wait longer.
pub(super) fn flex(facts: &Facts<'_>, config: &Tolerance) -> Option<Evidence> {
    let (share, bodies) = asked_for(facts, config, facts.total.signals.flex_tier)?;
    (share >= config.conversation_min_share).then(|| Evidence {
        rule: "flex",
        value: Some(share),
        threshold: Some(config.conversation_min_share),
        weight: weights::FLEX,
        decisive: false,
        sentence: format!(
            "The flex tier is asked for in {:.0} % of the {bodies} calls with bodies.",
            share * 100.0
        ),
    })
}

/// The share of calls with bodies that ask for something, where enough of them do.
fn asked_for(facts: &Facts<'_>, config: &Tolerance, asked: i64) -> Option<(f64, i64)> {
    let bodies = facts.total.signals.input_bodies;
    let share = share(asked, bodies);
    (bodies >= config.min_bodies && share >= config.priority_min_share).then_some((share, bodies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_punctuation_and_at_capitals() {
        let split = |name| words(name).collect::<Vec<_>>().join(" ");
        assert_eq!(split("nightlyEtl-v2/support_chat"), "nightly etl v support chat");
        assert_eq!(split("rapid-webinar"), "rapid webinar");
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("nightly-*/Glue*", "nightly-etl/GlueJobRunnerSession", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "aXbYbZc", true),
            ("exact", "exactly", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
