//! Real timing with labels: nobody who waits is called tolerant, and the batch jobs are found.
//!
//! The folder comes from the environment variable `HALFRATE_TRACES`, holds `month/` and `hour/`, each logs
//! with a `labels.csv` beside them, and stays outside the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::audit;

/// One labelled caller.
struct Label {
    role: String,
    interactive: bool,
    /// Recorded runs filled with closed loops of workers.
    semi_real: bool,
    cron: bool,
}

/// The labels of a folder. No quoted field stands before the columns that are read.
fn labels(folder: &Path) -> Vec<Label> {
    let text = fs::read_to_string(folder.join("labels.csv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.splitn(4, ',').collect();
            Label {
                role: fields[0].split('/').nth(1).unwrap().to_owned(),
                interactive: fields[1] == "interactive",
                semi_real: fields[2] == "semi-real",
                cron: fields[3].contains("(cron)"),
            }
        })
        .collect()
}

/// The verdict on each role.
fn verdicts(folder: &Path) -> BTreeMap<String, String> {
    let summary = audit(folder).args(["--format", "json"]).ok().json();
    assert_eq!(summary["scan"]["rejects"], 0);
    let text = |workload: &Value, name: &str| workload[name].as_str().unwrap().to_owned();
    let workloads = summary["workloads"].as_array().unwrap();
    workloads
        .iter()
        .map(|workload| {
            let caller = text(workload, "caller");
            (caller.split('/').next().unwrap().to_owned(), text(workload, "verdict"))
        })
        .collect()
}

fn hold(name: &str, least_found: usize, least_bots: usize) {
    let Some(traces) = std::env::var_os("HALFRATE_TRACES").map(PathBuf::from) else {
        eprintln!("skipped: HALFRATE_TRACES names no folder of traces");
        return;
    };
    let folder = traces.join(name);
    let (labels, verdicts) = (labels(&folder), verdicts(&folder));
    assert_eq!(labels.len(), verdicts.len());
    let (mut found, mut bots) = (0, 0);
    for label in &labels {
        let verdict = &verdicts[&label.role];
        if label.interactive {
            assert_ne!(verdict, "tolerant", "{} waits for its answers", label.role);
            assert_ne!(verdict, "hybrid", "{} waits for its answers", label.role);
        } else if label.semi_real || label.cron {
            assert_eq!(verdict, "tolerant", "{}", label.role);
            found += 1;
        } else {
            assert_ne!(verdict, "interactive", "{} does not wait", label.role);
            bots += usize::from(verdict == "tolerant");
        }
    }
    assert!(found >= least_found, "only {found} jobs are labelled in {name}");
    assert!(bots >= least_bots, "only {bots} bots are found in {name}");
}

#[test]
fn a_month_of_people_bots_and_jobs() {
    hold("month", 3, 2);
}

#[test]
fn an_hour_of_a_chat_service_and_a_worker_pool() {
    hold("hour", 1, 0);
}
