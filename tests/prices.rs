//! `halfrate prices`: rates with source and date, in forms that can be read back.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::logs::{self, Logs, MODEL};
use crate::program::{approve, audit, halfrate};

#[test]
fn a_models_rates_are_listed_with_source_and_date() {
    let done = halfrate(["prices", MODEL]).ok();
    approve("prices_text", &done.transcript());
}

#[test]
fn a_name_selects_and_an_unknown_one_is_told() {
    let models = |arguments: &[&str]| -> BTreeSet<String> {
        let done = halfrate(["prices", "--format", "json"]).args(arguments).ok();
        let rows = done.json();
        rows.as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap().into()).collect()
    };
    let all = models(&[]);
    let nova = models(&["nova"]);
    assert!(nova.len() > 2 && nova.iter().all(|model| model.contains("nova")), "{nova:?}");
    assert!(nova.is_subset(&all) && all.len() > 3 * nova.len());
    let done = halfrate(["prices", "gpt-9000"]).exits(1);
    assert!(done.stderr.contains("no rates for 'gpt-9000'"), "{}", done.stderr);
}

#[test]
fn every_row_has_a_source_and_a_date() {
    let rows = halfrate(["prices", "--format", "json"]).ok().json();
    for row in rows.as_array().unwrap() {
        let date = row["date"].as_str().unwrap();
        assert!(chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok(), "{row}");
        assert!(row["source"].as_str().unwrap().len() > 3, "{row}");
        assert!(!row["scope"].as_str().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn what_is_listed_can_be_given_back() {
    let csv = halfrate(["prices", "sonnet", "--format", "csv"]).ok();
    let mine = |format: &str| {
        halfrate(["prices", "sonnet", "--format", format, "--prices", "mine.csv"])
            .file("mine.csv", csv.text())
            .ok()
    };
    let of = |json: &Value| -> BTreeSet<String> {
        let prices = |row: &Value| {
            let mut row = row.clone();
            let row = row.as_object_mut().unwrap();
            row.remove("source");
            Value::from(row.clone()).to_string()
        };
        json.as_array().unwrap().iter().map(prices).collect()
    };
    let book = halfrate(["prices", "sonnet", "--format", "json"]).ok().json();
    assert_eq!(of(&mine("json").json()), of(&book));
    // And the money stays to the micro-dollar.
    let logs = Logs::new();
    logs.records("a.json.gz", &logs::good(0..40));
    let json = ["--format", "json"];
    let plain = audit(logs.path()).args(json).ok().json();
    let given = audit(logs.path())
        .args(json)
        .args(["--prices", "mine.csv"])
        .file("mine.csv", csv.text())
        .ok()
        .json();
    assert_eq!(plain["totals"], given["totals"]);
}

#[test]
fn a_price_file_that_cannot_be_meant_is_refused_by_line() {
    let head = halfrate(["prices", MODEL, "--format", "csv"]).ok();
    let head = head.text().lines().next().unwrap().to_owned();
    let columns = head.split(',').count();
    let row = |input: &str| {
        let mut fields = vec![""; columns];
        fields[0] = MODEL;
        fields[1] = "us-east-1";
        fields[head.split(',').position(|name| name == "input").unwrap()] = input;
        format!("{head}\n{}\n", fields.join(","))
    };
    for (text, wanted) in [
        (row("three"), "three"),
        (row("-3"), "-3"),
        (format!("{head},surprise\n"), "surprise"),
        ("model\n".to_owned(), "column"),
        (format!("{head}\n{MODEL},us-east-1\n"), "2"),
    ] {
        let done = halfrate(["prices", "--prices", "mine.csv"]).file("mine.csv", &text).exits(1);
        assert!(done.stderr.contains("mine.csv"), "{text}: {}", done.stderr);
        assert!(done.stderr.contains(wanted), "{text}: {}", done.stderr);
    }
}
