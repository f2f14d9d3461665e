//! `halfrate simulate`: seeds, settings, labels, and the refusal to overwrite.

use std::fs;
use std::path::Path;

use crate::program::{Run, audit, halfrate};
use crate::tables::{assert_same_files, files};

fn simulate(out: &Path, options: &[&str]) -> Run {
    halfrate(["simulate"]).arg(out).args(options)
}

const SMALL: [&str; 6] = ["--scenario", "company", "--days", "1", "--scale", "0.05"];

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| home.path().join(name);
    let made = |name: &str, seed: &str| {
        simulate(&folder(name), &[&SMALL[..], &["--seed", seed]].concat()).ok()
    };
    made("one", "7");
    made("same", "7");
    made("other", "8");
    assert_same_files(&folder("one"), &folder("same"));
    let all = |name: &str| -> Vec<Vec<u8>> {
        files(&folder(name)).iter().map(|file| fs::read(folder(name).join(file)).unwrap()).collect()
    };
    assert_ne!(all("one"), all("other"));
}

#[test]
fn every_scenario_that_is_documented_can_be_made_and_read() {
    let page = fs::read_to_string(crate::program::repository().join("docs/simulate.md")).unwrap();
    let table = page.split("## Scenarios").nth(1).unwrap().split("\n## ").next().unwrap();
    let names: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in &names {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("logs");
        simulate(&out, &["--scenario", name, "--days", "1", "--scale", "0.002"]).ok();
        assert!(files(&out).iter().all(|file| file.starts_with("AWSLogs/")), "{name}");
        let summary = audit(&out).args(["--format", "json"]).ok().json();
        assert_eq!(summary["scan"]["rejects"], 0, "{name}");
        assert!(summary["scan"]["rows"].as_u64().unwrap() > 0, "{name}");
    }
    let home = tempfile::tempdir().unwrap();
    let refused = simulate(&home.path().join("x"), &["--scenario", "nope"]).exits(1);
    for name in names {
        assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
}

#[test]
fn settings_are_kept_to() {
    let home = tempfile::tempdir().unwrap();
    let made = |name: &str, options: &[&str]| {
        let out = home.path().join(name);
        simulate(&out, &[&SMALL[..], options].concat()).ok();
        audit(&out).args(["--format", "json"]).ok().json()
    };
    let plain = made("plain", &[]);
    let dated = made("dated", &["--from", "2026-03-02"]);
    assert_eq!(dated["window"]["from"], "2026-03-02");
    let bare = made("bare", &["--no-bodies"]);
    let bytes = |summary: &serde_json::Value| summary["scan"]["inflated_bytes"].as_u64().unwrap();
    assert!(bytes(&bare) * 3 < bytes(&plain), "{} of {}", bytes(&bare), bytes(&plain));
    let large = made("large", &["--record-bytes", "30000"]);
    assert!(bytes(&large) > bytes(&plain) * 2, "{} of {}", bytes(&large), bytes(&plain));
}

#[test]
fn labels_name_every_caller_and_nothing_is_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let (out, labels) = (home.path().join("logs"), home.path().join("labels.csv"));
    let done = simulate(&out, &SMALL).arg("--labels").arg(&labels).ok();
    assert!(done.stdout.is_empty() && done.stderr.contains("records"), "{}", done.stderr);
    let labels = fs::read_to_string(labels).unwrap();
    let mut lines = labels.lines();
    assert_eq!(lines.next(), Some("arn,label"));
    for line in lines {
        let (arn, label) = line.rsplit_once(',').unwrap();
        assert!(arn.starts_with("arn:aws:"), "{line}");
        assert!(matches!(label, "tolerant" | "interactive"), "{line}");
    }
    let before = files(&out);
    let refused = simulate(&out, &SMALL).exits(1);
    assert!(refused.stderr.contains("is not empty"), "{}", refused.stderr);
    assert_eq!(files(&out), before);
    let nothing = simulate(&home.path().join("none"), &["--scale", "0"]).exits(1);
    assert!(nothing.stderr.contains("--scale"), "{}", nothing.stderr);
}
