//! The worked example held against the case it stands for.

use std::collections::BTreeMap;

use super::{once, records, run, text, tokens};
use crate::simulate::{Scenario, Spec};
use crate::units::Tokens;
use crate::workload::TokenCounts;

/// Tokens times dollars per million: micro-dollars.
fn micros(tokens: TokenCounts, input: i64, output: i64) -> i64 {
    tokens.input.0 * input + tokens.output.0 * output
}

#[test]
fn worked_example_is_the_case_at_one_to_a_hundred() {
    let (objects, summary) = run(&Spec::of(Scenario::WorkedExample, 1));
    let bytes: usize = objects.iter().map(|object| object.bytes.len()).sum();
    assert!(bytes < 3_500_000, "{bytes} bytes");
    assert_eq!(summary.duplicates, 1);
    let (mut main, mut tolerant, mut all) = <(TokenCounts, TokenCounts, TokenCounts)>::default();
    for l in once(records(&objects)) {
        let counts = tokens(&l);
        all += counts;
        let arn = text(&l, "/identity/arn");
        let movable = ["ticket-classification", "catalog-enrichment", "model-evals"];
        if movable.iter().any(|role| arn.contains(role)) {
            tolerant += counts;
        }
        let side = ["travel-agent", "KnowledgeBase", "docs-embedding"];
        if !side.iter().any(|role| arn.contains(role)) && counts.cache_write == Tokens(0) {
            main += counts;
        }
    }
    assert_eq!(all, summary.tokens());
    assert_eq!((main.input, main.output), (Tokens(15_000_000), Tokens(5_000_000)));
    assert_eq!((tolerant.input, tolerant.output), (Tokens(9_000_000), Tokens(3_000_000)));
    // $120 on demand, $6 a million; $72 of it becomes $36 as batch: 30 % saved.
    let [today, moved] = [main, tolerant].map(|tokens| micros(tokens, 3, 15));
    let saved = moved - micros(tolerant, 15, 75) / 10;
    assert_eq!((today, moved, saved), (120_000_000, 72_000_000, 36_000_000));
    let extra = all.total().0 - main.total().0;
    assert!(extra > 20_000 && extra < 60_000, "{extra} tokens of side dishes");
}

#[test]
fn worked_example_callers_show_what_they_are() {
    let (objects, _) = run(&Spec::of(Scenario::WorkedExample, 1));
    let mut calls: BTreeMap<(String, String), usize> = BTreeMap::new();
    for l in records(&objects) {
        let arn = text(&l, "/identity/arn");
        let role = arn.split('/').nth(1).unwrap().to_owned();
        let body = l.record.pointer("/input/inputBodyJson");
        if ["ticket-classification", "catalog-enrichment", "model-evals"].contains(&role.as_str()) {
            assert!(!text(&l, "/operation").contains("Stream"), "{arn}");
            if l.record.get("errorCode").is_none() {
                let body = body.unwrap();
                assert!(body.get("toolConfig").is_none() && body.get("tools").is_none(), "{arn}");
            }
            *calls.entry((role, text(&l, "/timestamp")[..10].to_owned())).or_default() += 1;
        } else if !text(&l, "/modelId").contains("titan") && role != "travel-agent-runtime" {
            assert!(text(&l, "/operation").contains("Stream"), "{arn}");
        }
    }
    let days = |role: &str, at_least: usize| {
        let days: Vec<usize> =
            calls.iter().filter(|(key, _)| key.0 == role).map(|(_, n)| *n).collect();
        assert!(days.iter().all(|n| *n >= at_least), "{role}: {days:?}");
        days.len()
    };
    assert_eq!(days("ticket-classification", 200), 30);
    assert_eq!(days("catalog-enrichment", 144), 30);
    assert_eq!(days("model-evals", 150), 13);
}
