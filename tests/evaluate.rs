//! `halfrate evaluate`: labels held against verdicts, bounds and exit codes.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::logs::{Logs, good, with};
use crate::program::{Run, halfrate};

const ROLE: &str = "arn:aws:sts::111122223333:assumed-role";

/// A pipeline with calls enough to be judged, a person, and a program of unknown purpose.
fn traffic() -> Logs {
    let logs = Logs::new();
    let called = |n: u32, caller: &str| with(n, "/identity/arn", json!(format!("{ROLE}/{caller}")));
    let mut records: Vec<Value> = good(0..60);
    records
        .extend((60..80).map(|n| called(n, "AWSReservedSSO_Dev_0123456789abcdef/ann@x.example")));
    records.extend((80..90).map(|n| called(n, "app/i-0da66bb83bc7b8d24")));
    logs.records("one.json.gz", &records);
    logs
}

fn labels(logs: &Logs, lines: &str) -> PathBuf {
    let file = logs.path().join("labels.csv");
    fs::write(&file, format!("name,label,arn\n{lines}")).unwrap();
    file
}

fn evaluate(logs: &Logs, lines: &str) -> Run {
    let file = labels(logs, lines);
    halfrate(["evaluate"]).arg(logs.path().join("AWSLogs")).arg("--labels").arg(file)
}

fn right() -> String {
    format!(
        "\"a, quoted\",tolerant,{ROLE}/tagging/GlueJobRunnerSession\n\
         b,interactive,{ROLE}/AWSReservedSSO_Dev_0123456789abcdef/*@x.example\n\
         c,tolerant,{ROLE}/app/i-0da66bb83bc7b8d24\n"
    )
}

#[test]
fn verdicts_are_counted_by_callers_and_by_tokens() {
    let logs = traffic();
    let found = evaluate(&logs, &right()).args(["--format", "json"]).ok().json();
    let cell = |label: &str, verdict: &str| found["confusion"][label][verdict].clone();
    assert_eq!(cell("tolerant", "tolerant"), json!({ "callers": 1, "tokens": 66_000 }));
    assert_eq!(cell("tolerant", "unclear"), json!({ "callers": 1, "tokens": 11_000 }));
    assert_eq!(cell("interactive", "interactive"), json!({ "callers": 1, "tokens": 22_000 }));
    assert_eq!((&found["precision"], &found["recall"]), (&json!(1.0), &json!(0.5)));
    assert_eq!(found["wrong"][0]["caller"], "app/<ec2>");
    let text = evaluate(&logs, &right()).ok();
    assert!(text.text().contains("recall: of those that are"), "{}", text.text());
    assert!(!text.text().contains("ann@"));
}

#[test]
fn a_missed_bound_is_exit_code_1_and_told() {
    let logs = traffic();
    evaluate(&logs, &right()).args(["--min-recall", "50%", "--max-false-tolerant", "0"]).ok();
    let missed = evaluate(&logs, &right()).args(["--min-recall", "0.51"]).exits(1);
    assert!(missed.text().contains("Missed: recall is 50.0 %"), "{}", missed.text());
    let turned = right().replace("tolerant,", "interactive,");
    let missed = evaluate(&logs, &turned).args(["--max-false-tolerant", "0"]).exits(1);
    let told = missed.text();
    assert!(told.contains("WRONG") && told.contains("+4.00  identity"), "{told}");
    let missed = evaluate(&logs, &turned).args(["--min-precision", "0.9"]).exits(1);
    assert!(missed.text().contains("precision is 0.0 %"), "{}", missed.text());
}

#[test]
fn an_audit_can_be_evaluated_without_its_logs() {
    let logs = traffic();
    let file = labels(&logs, &right());
    let out = logs.path().join("out");
    halfrate(["audit"]).arg(logs.path().join("AWSLogs")).arg("--out").arg(&out).ok();
    let fresh = evaluate(&logs, &right()).args(["--format", "json"]).ok().json();
    let run = halfrate(["evaluate", "--format", "json", "--labels"]).arg(&file);
    assert_eq!(run.arg("--data").arg(&out).ok().json(), fresh);
}

#[test]
fn labels_that_cannot_be_meant_are_refused_by_row() {
    let logs = traffic();
    let refused = evaluate(&logs, "x,perhaps,arn:aws:iam::1:root\n").exits(1);
    assert!(refused.stderr.contains("row 2: 'perhaps' is no label"), "{}", refused.stderr);
    let other = format!("x,tolerant,{ROLE}/nobody/s\n");
    let found = evaluate(&logs, &other).ok();
    assert!(found.text().contains("no caller fits the label"), "{}", found.text());
    halfrate(["evaluate", "--labels", "x"]).exits(2);
}
