//! `halfrate explain`: what an owner is sent, and who is meant by a name.

use std::path::Path;

use serde_json::Value;

use crate::program::{Run, approve, audit, halfrate, sample_audit, sample_data};
use crate::tables::rows;

fn explain(caller: &str) -> Run {
    halfrate(["explain", caller, "--data"]).arg(sample_audit())
}

#[test]
fn each_verdict_reads_as_approved() {
    for (name, caller) in [
        ("explain_tolerant", "ticket-classification"),
        ("explain_interactive", "llm-gateway"),
        ("explain_unclear", "travel-agent"),
        ("explain_blocked", "docs-embedding-backfill"),
    ] {
        let done = explain(caller).ok();
        for line in done.text().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(!done.text().contains("halfrate 0"), "nothing volatile");
        approve(name, &done.transcript());
    }
}

#[test]
fn a_caller_is_named_by_part_pattern_or_id() {
    let id =
        rows(sample_audit(), "SELECT workload FROM workloads WHERE caller LIKE 'model-evals/%'");
    let id = id[0]["workload"].as_str().unwrap();
    let wanted = explain("model-evals/AWSCodeBuild").ok().stdout;
    for name in ["odel-ev", "MODEL-EVALS", "model-evals/*", "*CodeBuild", id] {
        assert_eq!(explain(name).ok().stdout, wanted, "{name}");
    }
    let several = explain("*").args(["--format", "json"]).ok().json();
    assert_eq!(several.as_array().unwrap().len(), 10);
}

#[test]
fn an_unknown_caller_is_answered_with_the_known_ones() {
    let done = explain("ticket-clasification").exits(1);
    assert!(done.stdout.is_empty());
    assert!(done.stderr.contains("no caller matches 'ticket-clasification'"), "{}", done.stderr);
    assert!(done.stderr.contains("ticket-classification/GlueJobRunnerSession"), "{}", done.stderr);
}

#[test]
fn without_an_audit_the_remedy_is_told() {
    let home = tempfile::tempdir().unwrap();
    for place in [Path::new("nowhere"), home.path()] {
        let done = halfrate(["explain", "x", "--data"]).arg(place).exits(1);
        let remedy = done.stderr.contains("halfrate audit") || done.stderr.contains("no such file");
        assert!(remedy, "{}", done.stderr);
    }
}

#[test]
fn json_has_every_number_of_the_page() {
    let found = explain("ticket-classification").args(["--format", "json"]).ok().json();
    let workload = &found[0];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    // Rates times tokens are the cost, line by line and together.
    let mut cost = 0.0;
    for line in workload["lines"].as_array().unwrap() {
        let amount = number(&line["tokens"]) * number(&line["usd_per_million"]) / 1e6;
        assert!((amount - number(&line["amount_usd"])).abs() < 1e-6, "{line}");
        assert!(!line["source"].as_str().unwrap().is_empty(), "{line}");
        if line["mode"] == "on_demand" {
            cost += amount;
        }
    }
    assert!((cost - number(&workload["cost_usd"])).abs() < 1e-5);
    // The weights and the prior are the score.
    let evidence = workload["evidence"].as_array().unwrap();
    let weights: f64 = evidence.iter().map(|evidence| number(&evidence["weight"])).sum();
    let prior = -std::f64::consts::LN_2;
    assert!((weights + prior - number(&workload["score"])).abs() < 1e-6, "{weights}");
    let probability = 1.0 / (1.0 + (-number(&workload["score"])).exp());
    assert!((probability - number(&workload["probability"])).abs() < 1e-6);
}

#[test]
fn the_audits_own_configuration_and_prices_are_used() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let config = "[[tolerance.override]]\ncaller = \"model-evals/*\"\nverdict = \"interactive\"\n\
                  reason = \"developers watch them\"\n\
                  [[savings.discount]]\nmode = \"on_demand\"\npercent = 10\n";
    let told = audit(&sample_data())
        .args(["--to", "2026-10-08", "--format", "json", "--out"])
        .arg(&out)
        .file("halfrate.toml", config)
        .ok()
        .json();
    let told = told["workloads"].as_array().unwrap();
    let explained = halfrate(["explain", "*", "--format", "json", "--data"]).arg(&out).ok().json();
    // No halfrate.toml lies where explain is run, yet it says the same.
    assert_eq!(explained.as_array().unwrap(), told);
    let evals = halfrate(["explain", "model-evals", "--data"]).arg(&out).ok();
    assert!(evals.text().contains("developers watch them"), "{}", evals.text());
}
