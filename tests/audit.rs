//! Audits of simulated logs: the worked example's totals and summary, the tables, and every option.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::logs::{self, HOUR, Logs, MODEL};
use crate::program::{
    approve, audit, company_logs, company_summary, halfrate, repository, sample_audit, sample_data,
    sample_summary,
};
use crate::tables::{assert_same_files, files, files_of, rows, value};

/// The summary as JSON, of an audit into a folder that goes at once.
fn summary(logs: &Path, options: &[&str]) -> Value {
    audit(logs).args(options).args(["--format", "json"]).ok().json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no count: {value}"))
}

/// Workloads of a summary by caller.
fn by_caller<'s>(summary: &'s Value, caller: &str) -> Vec<&'s Value> {
    let all = summary["workloads"].as_array().unwrap();
    all.iter().filter(|workload| workload["caller"].as_str().unwrap().contains(caller)).collect()
}

fn only<'s>(summary: &'s Value, caller: &str) -> &'s Value {
    match by_caller(summary, caller)[..] {
        [one] => one,
        ref several => panic!("{} workloads of {caller}", several.len()),
    }
}

#[test]
fn the_worked_example_comes_out() {
    let summary = sample_summary();
    let totals = &summary["totals"];
    let tokens = count(&totals["tokens"]["total"]);
    assert!((19_900_000..=20_100_000).contains(&tokens), "{tokens}");
    for (name, wanted, tolerance) in [
        ("cost_month_usd", 120.0, 1.2),
        ("eligible_share", 0.60, 0.01),
        ("eligible_cost_share", 0.60, 0.01),
        ("savings_share", 0.30, 0.01),
        ("savings_expected_month_usd", 36.0, 1.2),
    ] {
        let found = number(&totals[name]);
        assert!((found - wanted).abs() <= tolerance, "{name}: {found}, not {wanted}");
    }
    assert!(number(&totals["savings_low_usd"]) <= number(&totals["savings_expected_usd"]));
    assert!(number(&totals["savings_expected_usd"]) <= number(&totals["savings_high_usd"]));
    for (caller, verdict) in [
        ("ticket-classification/", "tolerant"),
        ("catalog-enrichment/", "tolerant"),
        ("model-evals/", "tolerant"),
        ("llm-gateway/", "interactive"),
        ("support-chat-api/", "interactive"),
        ("AWSReservedSSO", "interactive"),
        ("coding-agents/", "interactive"),
    ] {
        assert_eq!(only(summary, caller)["verdict"], verdict, "{caller}");
    }
    assert_eq!(summary["complete"], true);
}

#[test]
fn the_summary_reads_as_approved_and_fits_eighty_columns() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let done = halfrate(["audit", "sample-data", "--out"]).arg(&out).within(repository()).ok();
    for line in done.text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    approve("sample_summary", &done.transcript().replace(out.to_str().unwrap(), "[out]"));
}

#[test]
fn narrow_and_wide_terminals_are_kept_to() {
    for columns in [72, 120] {
        let done = audit(&sample_data())
            .args(["--to", "2026-10-02"])
            .envs([("COLUMNS", columns.to_string())])
            .ok();
        let widest = done.text().lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns && widest > columns - 12, "{widest} of {columns}");
    }
}

#[test]
fn records_are_rows_rejects_and_duplicates_wherever_one_looks() {
    let out = sample_audit();
    let audits = rows(out, "SELECT * FROM audits");
    assert_eq!(audits.len(), 1);
    let audits = &audits[0];
    let of = |name: &str| count(&audits[name]);
    assert_eq!(of("records"), of("rows") + of("rejects") + of("duplicates"));
    assert_eq!((of("records"), of("rejects"), of("duplicates")), (19_499, 0, 1));
    for (name, query) in [
        ("records", "SELECT sum(records) FROM objects"),
        ("rows", "SELECT sum(rows) FROM objects"),
        ("duplicates", "SELECT sum(duplicates) FROM objects"),
        ("objects", "SELECT count(*) FROM objects"),
        ("bytes", "SELECT sum(bytes) FROM objects"),
        ("inflated_bytes", "SELECT sum(inflated_bytes) FROM objects"),
        ("requests", "SELECT sum(requests) FROM usage"),
        ("requests", "SELECT sum(requests) FROM workloads"),
        ("requests", "SELECT sum(ten_00+ten_10+ten_20+ten_30+ten_40+ten_50) FROM usage"),
        ("errors", "SELECT sum(errors) FROM usage"),
        ("workloads", "SELECT count(DISTINCT workload) FROM usage"),
        ("workloads", "SELECT count(*) FROM workloads"),
        ("input_tokens", "SELECT sum(input_tokens) FROM usage"),
        ("cache_read_tokens", "SELECT sum(cache_read_tokens) FROM usage"),
        ("cache_write_tokens", "SELECT sum(cache_write_tokens) FROM usage"),
        ("output_tokens", "SELECT sum(output_tokens) FROM usage"),
        ("output_tokens", "SELECT sum(tokens) FROM volume WHERE token_kind = 'output'"),
        ("total_tokens", "SELECT sum(tokens) FROM volume"),
        ("total_tokens", "SELECT sum(total_tokens) FROM workloads"),
        ("eligible_tokens", "SELECT sum(eligible_tokens) FROM volume"),
        ("eligible_tokens", "SELECT sum(eligible_tokens) FROM workloads"),
        ("blocked_tokens", "SELECT sum(tokens) FROM evidence WHERE effect = 'blocked'"),
    ] {
        assert_eq!(value(out, query), audits[name], "{name}: {query}");
    }
    assert_eq!(
        value(out, "SELECT sum(requests) FROM sizes WHERE kind = 'input'"),
        json!(of("requests") - of("errors"))
    );
    for (table, column) in [
        ("workloads", "cost_usd"),
        ("volume", "cost_usd"),
        ("workloads", "savings_expected_usd"),
        ("workloads", "eligible_cost_usd"),
    ] {
        let query = format!("SELECT sum({column}) = (SELECT {column} FROM audits) FROM {table}");
        assert_eq!(value(out, &query), true, "{query}");
    }
    let parts = "SELECT count(*) FROM volume WHERE tokens <> eligible_tokens + interactive_tokens \
                 + unclear_tokens OR eligible_tokens <> blocked_tokens + pilot_tokens + \
                 addressable_tokens";
    assert_eq!(value(out, parts), 0);
}

#[test]
fn the_tables_say_what_the_summary_says() {
    let (out, summary) = (sample_audit(), sample_summary());
    let workloads = rows(
        out,
        "SELECT workload, caller, verdict, mode, reason, total_tokens, eligible_tokens, \
         CAST(cost_usd AS double) AS cost_usd, \
         CAST(savings_expected_usd AS double) AS savings_expected_usd FROM workloads",
    );
    let told = summary["workloads"].as_array().unwrap();
    assert_eq!(told.len(), workloads.len());
    for workload in &workloads {
        let same = told.iter().find(|other| other["workload"] == workload["workload"]).unwrap();
        assert_eq!(same["tokens"]["total"], workload["total_tokens"]);
        for name in [
            "caller",
            "verdict",
            "mode",
            "reason",
            "eligible_tokens",
            "cost_usd",
            "savings_expected_usd",
        ] {
            assert_eq!(same[name], workload[name], "{name} of {}", workload["caller"]);
        }
        let evidence = format!(
            "SELECT rule, sentence FROM evidence WHERE workload = '{}' AND kind = 'evidence' \
             ORDER BY ordinal",
            workload["workload"].as_str().unwrap()
        );
        let of = |evidence: &Value| json!([evidence["rule"], evidence["sentence"]]);
        let same: Vec<Value> = same["evidence"].as_array().unwrap().iter().map(of).collect();
        assert_eq!(rows(out, &evidence).iter().map(of).collect::<Vec<_>>(), same);
    }
}

#[test]
fn the_same_audit_twice_gives_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    // The second time into the same folder: replaced, not doubled.
    for _ in 0..2 {
        let again = audit(&sample_data()).args(["--format", "json", "--out"]).arg(&out).ok();
        assert_same_files(sample_audit(), &out);
        assert_eq!(again.json(), *sample_summary());
    }
}

#[test]
fn an_earlier_audit_is_judged_anew_and_remembered() {
    let home = tempfile::tempdir().unwrap();
    let (out, alone) = (home.path().join("out"), home.path().join("alone"));
    audit(&sample_data()).arg("--out").arg(&out).ok();
    let strangers = ["usage/notes.txt", "usage/date=2026-10-09/mine.parquet.bak", "README.md"];
    for name in strangers {
        fs::write(out.join(name), "not ours").unwrap();
    }
    let week = ["--from", "2026-10-05", "--to", "2026-10-07"];
    let later = [("SOURCE_DATE_EPOCH", "1793577600")];
    audit(&sample_data()).args(week).arg("--out").arg(&out).envs(later).ok();
    audit(&sample_data()).args(week).arg("--out").arg(&alone).envs(later).ok();
    for name in strangers {
        assert!(out.join(name).exists(), "{name} was deleted");
        fs::remove_file(out.join(name)).unwrap();
    }
    // What is of the window is as if nothing else had ever been read.
    let of_window = |folder: &Path| -> Vec<String> {
        let tables = ["volume/", "workloads.", "evidence.", "runs."];
        let is_one = |file: &String| tables.iter().any(|table| file.starts_with(table));
        files(folder).into_iter().filter(is_one).collect()
    };
    assert_eq!(of_window(&out), of_window(&alone));
    for file in of_window(&out) {
        assert_eq!(fs::read(out.join(&file)).unwrap(), fs::read(alone.join(&file)).unwrap());
    }
    // What was read stays.
    for table in ["usage", "sizes", "objects"] {
        for file in files_of(sample_audit(), table) {
            let name = file.strip_prefix(sample_audit()).unwrap();
            assert_eq!(fs::read(&file).unwrap(), fs::read(out.join(name)).unwrap());
        }
    }
    let days = rows(&out, "SELECT window_days FROM audits ORDER BY run_at");
    assert_eq!(days, [json!({ "window_days": 30 }), json!({ "window_days": 3 })]);
}

#[test]
fn sample_data_is_what_simulate_makes() {
    let home = tempfile::tempdir().unwrap();
    let made = home.path().join("made");
    halfrate(["simulate"]).arg(&made).args(["--scenario", "worked-example", "--seed", "1"]).ok();
    assert_same_files(&made.join("AWSLogs"), &sample_data().join("AWSLogs"));
    assert_eq!(files(&sample_data()).len(), files(&made).len() + 1, "README.md and the logs");
    let bytes: u64 = files(&sample_data())
        .iter()
        .map(|file| fs::metadata(sample_data().join(file)).unwrap().len())
        .sum();
    assert!(bytes <= 4_000_000, "sample-data has {bytes} bytes; 4 MB are allowed");
}

#[test]
fn every_record_shape_of_the_simulator_is_read() {
    let summary = company_summary();
    assert_eq!(summary["scan"]["rejects"], 0);
    assert_eq!(summary["scan"]["unreadable"], 0);
    assert!(count(&summary["scan"]["duplicates"]) > 0);
    assert!(count(&summary["scan"]["skipped"]["sidecar bodies"]) > 0);
    assert!(count(&summary["scan"]["skipped"]["permission checks"]) > 0);
    // Unknown is never zero: no rate is known behind an application profile.
    let opaque = by_caller(summary, "user/reporting");
    assert!(!opaque.is_empty());
    for workload in opaque {
        assert_eq!(workload["cost_usd"], Value::Null);
        assert_eq!(workload["savings_expected_usd"], Value::Null);
        assert_eq!(workload["mode"], "unknown");
    }
    assert!(count(&summary["totals"]["unpriced_tokens"]) > 0);
    // Nobody who waits is called tolerant.
    let labelled_interactive = [
        "AWSReservedSSO",
        "coding-agents/",
        "llm-gateway/",
        "support-chat-api/",
        "shop-app-users/",
        "shop-assistant/",
        "KnowledgeBase",
        "travel-agent-runtime/",
        "moderation-api/",
    ];
    for caller in labelled_interactive {
        let workloads = by_caller(summary, caller);
        assert!(!workloads.is_empty(), "{caller}");
        for workload in workloads {
            assert_ne!(workload["verdict"], "tolerant", "{caller}");
        }
    }
}

#[test]
fn a_gateway_is_split_by_metadata() {
    let whole = summary(company_logs(), &["--account", "111122223333"]);
    let split = summary(
        company_logs(),
        &["--account", "111122223333", "--group-by", "metadata.app", "--group-by", "metadata.nix"],
    );
    let tags = |summary: &Value| -> BTreeSet<String> {
        let gateway = by_caller(summary, "llm-gateway/");
        gateway.iter().map(|workload| workload["tags"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(tags(&whole), BTreeSet::from([String::new()]));
    assert!(tags(&split).len() > 1, "{:?}", tags(&split));
    assert!(tags(&split).iter().all(|tags| tags.is_empty() || tags.starts_with("app=")));
    assert_eq!(whole["totals"]["tokens"], split["totals"]["tokens"]);
    let callers = |summary: &Value| by_caller(summary, "").len();
    assert!(callers(&split) > callers(&whole));
}

#[test]
fn a_window_counts_its_days_and_late_deliveries() {
    let whole = sample_summary();
    let window = ["--from", "2026-10-05", "--to", "2026-10-07"];
    let days = summary(&sample_data(), &window);
    assert_eq!(days["window"], json!({ "from": "2026-10-05", "to": "2026-10-07", "days": 3 }));
    assert!(count(&days["scan"]["objects"]) < count(&whole["scan"]["objects"]) / 5);
    let counted = value(
        sample_audit(),
        "SELECT sum(requests) FROM usage WHERE date BETWEEN '2026-10-05' AND '2026-10-07'",
    );
    assert_eq!(days["totals"]["requests"], counted);
    let scan = &days["scan"];
    assert_eq!(
        count(&scan["rows"]) - count(&scan["outside_window"]),
        count(&days["totals"]["requests"])
    );
    // Rates are per token: three days are a tenth of the window but scaled to the same month.
    let month = number(&days["totals"]["cost_month_usd"]);
    assert!((month - 10.0 * number(&days["totals"]["cost_usd"])).abs() < 0.01);
}

#[test]
fn a_record_delivered_after_midnight_counts_for_its_day() {
    let logs = Logs::new();
    let hour = |day: &str, hour: &str| {
        format!("AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/{day}/{hour}")
    };
    let at = |n: u32, time: &str| logs::with(n, "/timestamp", json!(time));
    let object = |folder: String, record: &Value| {
        logs.raw(&format!("{folder}/a.json.gz"), logs::gzip(record.to_string()))
    };
    object(hour("05", "23"), &at(1, "2026-10-05T23:10:00Z"));
    object(hour("06", "01"), &at(2, "2026-10-05T23:59:59Z"));
    object(hour("06", "02"), &at(3, "2026-10-06T02:00:00Z"));
    object(hour("06", "09"), &at(4, "2026-10-06T08:00:00Z"));
    let summary = summary(logs.path(), &["--from", "2026-10-05", "--to", "2026-10-05"]);
    assert_eq!(summary["scan"]["objects"], 3, "the ninth hour is not looked at");
    assert_eq!(summary["scan"]["rows"], 3);
    assert_eq!(summary["scan"]["outside_window"], 1);
    assert_eq!(summary["totals"]["requests"], 2);
}

#[test]
fn accounts_and_regions_are_chosen_by_key() {
    let whole = company_summary();
    let places = |summary: &Value| -> BTreeSet<(String, String)> {
        let text = |workload: &Value, name: &str| workload[name].as_str().unwrap().to_owned();
        by_caller(summary, "").iter().map(|w| (text(w, "account"), text(w, "region"))).collect()
    };
    assert_eq!(places(whole).len(), 4);
    let one = summary(company_logs(), &["--account", "111122223333", "--log-region", "eu-west-1"]);
    assert_eq!(places(&one), BTreeSet::from([("111122223333".into(), "eu-west-1".into())]));
    let both = summary(company_logs(), &["--account", "111122223333", "--account", "444455556666"]);
    assert_eq!(both["totals"], whole["totals"]);
}

#[test]
fn several_sources_are_one_audit() {
    let whole = company_summary();
    let part = |account: &str| company_logs().join("AWSLogs").join(account);
    let parts = audit(&part("111122223333"))
        .arg(part("444455556666"))
        .args(["--format", "json"])
        .ok()
        .json();
    assert_eq!(parts["totals"], whole["totals"]);
    assert_eq!(parts["scan"]["records"], whole["scan"]["records"]);
    // A source within another adds nothing.
    let twice =
        audit(company_logs()).arg(part("111122223333")).args(["--format", "json"]).ok().json();
    assert_eq!(twice["totals"], whole["totals"]);
    assert_eq!(twice["scan"]["records"], whole["scan"]["records"]);
    assert!(count(&twice["scan"]["skipped"]["named by two sources"]) > 0);
}

#[test]
fn plain_files_without_the_layout_work() {
    let logs = Logs::new();
    let all = logs::good(0..60);
    logs.raw("a/plain.jsonl", logs::lines(&all[..20]));
    logs.raw("b.json", serde_json::to_string_pretty(&all[20..30]).unwrap());
    let concatenated: String = all[30..40].iter().map(Value::to_string).collect();
    logs.raw("c.json.gz", logs::gzip(concatenated));
    let pretty: String = all[40..50].iter().map(|record| format!("{record:#}\n")).collect();
    logs.raw("d.ndjson", pretty);
    let members = [logs::gzip(logs::lines(&all[50..55])), logs::gzip(logs::lines(&all[55..]))];
    logs.raw("e.jsonl.gz", members.concat());
    let summary = summary(logs.path(), &[]);
    assert_eq!(summary["scan"]["objects"], 5);
    assert_eq!(summary["scan"]["rows"], 60);
    assert_eq!(summary["scan"]["rejects"], 0);
    assert_eq!(summary["totals"]["tokens"]["total"], 60 * 1100);
    // One file is a source, too.
    let one = audit(&logs.path().join("c.json.gz")).args(["--format", "json"]).ok().json();
    assert_eq!(one["scan"]["rows"], 10);
}

#[test]
fn a_dry_run_lists_and_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let day = ["--dry-run", "--from", "2026-10-05", "--to", "2026-10-05", "--out"];
    let done = audit(&sample_data()).args(day).arg(&out).ok();
    assert!(!out.exists());
    // A day's hours and the three that are looked at for late deliveries.
    let listed = done.text().lines().filter(|line| line.contains(".json.gz")).count();
    assert_eq!(listed, 27, "{}", done.text());
    assert!(done.text().starts_with("Would read 27 objects"), "{}", done.text());
    let objects = audit(&sample_data()).args(["--format", "json"]).args(&day[1..5]).ok().json();
    assert_eq!(objects["scan"]["objects"], 27);
}

#[test]
fn the_configuration_next_to_the_program_is_read() {
    let config = r#"
        [[tolerance.override]]
        caller = "ticket-classification/*"
        verdict = "interactive"
        reason = "the night shift reads along"
        [[tolerance.override]]
        caller = "support-chat-api/*"
        verdict = "tolerant"
        reason = "it only drafts"
    "#;
    let json = ["--to", "2026-10-08", "--format", "json"];
    let plain = audit(&sample_data()).args(json).ok().json();
    let beside = audit(&sample_data()).args(json).file("halfrate.toml", config).ok().json();
    let named = audit(&sample_data())
        .args(json)
        .args(["--config", "mine.toml"])
        .file("mine.toml", config)
        .ok()
        .json();
    assert_eq!(beside, named);
    for (caller, before, after, reason) in [
        ("ticket-classification/", "tolerant", "interactive", "the night shift reads along"),
        ("support-chat-api/", "interactive", "tolerant", "it only drafts"),
    ] {
        assert_eq!(only(&plain, caller)["verdict"], before);
        let workload = only(&beside, caller);
        assert_eq!(workload["verdict"], after);
        assert!(workload["reason"].as_str().unwrap().contains(reason), "{}", workload["reason"]);
    }
    let eligible = |summary: &Value| count(&summary["totals"]["eligible_tokens"]);
    let moved = |caller: &str| count(&only(&plain, caller)["tokens"]["total"]);
    assert_eq!(
        eligible(&plain) - eligible(&beside),
        moved("ticket-classification/") - moved("support-chat-api/")
    );
}

#[test]
fn a_declared_tag_is_evidence() {
    let logs = Logs::new();
    let mut records = logs::good(0..200);
    for (n, record) in records.iter_mut().enumerate() {
        let day = 1 + n % 20;
        record["timestamp"] = json!(format!("2026-10-{day:02}T{:02}:00:30Z", 9 + n / 20));
        record["identity"]["arn"] = json!("arn:aws:iam::111122223333:user/someone");
        record["requestMetadata"] = json!({ "class": if n % 2 == 0 { "batch" } else { "chat" } });
    }
    logs.records("a.json.gz", &records);
    let config = "[[tolerance.tag]]\nkey = \"class\"\nvalue = \"batch\"\nverdict = \"tolerant\"\n";
    let tagged = audit(logs.path())
        .args(["--group-by", "metadata.class", "--format", "json"])
        .file("halfrate.toml", config)
        .ok()
        .json();
    let of = |tags: &str| {
        let all = by_caller(&tagged, "user/someone");
        all.into_iter().find(|workload| workload["tags"] == tags).unwrap().clone()
    };
    let rules = |workload: &Value| -> Vec<String> {
        let evidence = workload["evidence"].as_array().unwrap();
        evidence.iter().map(|e| e["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert!(rules(&of("class=batch")).iter().any(|rule| rule.contains("tag")));
    assert!(!rules(&of("class=chat")).iter().any(|rule| rule.contains("tag")));
    let score = |tags: &str| number(&of(tags)["score"]);
    assert!(score("class=batch") > score("class=chat"));
}

#[test]
fn profiles_and_discounts_make_money_known_and_smaller() {
    let config = r#"
        [[savings.discount]]
        mode = "on_demand"
        model = "anthropic.claude-sonnet-4-6"
        percent = 25
        [savings.profiles]
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6" = "anthropic.claude-sonnet-4-6"
    "#;
    let of = ["--account", "111122223333", "--log-region", "us-east-1", "--format", "json"];
    let plain = audit(company_logs()).args(of).ok().json();
    let priced = audit(company_logs()).args(of).file("halfrate.toml", config).ok().json();
    assert_eq!(only(&plain, "user/reporting")["cost_usd"], Value::Null);
    assert!(number(&only(&priced, "user/reporting")["cost_usd"]) > 0.0);
    let cost = |summary: &Value| number(&only(summary, "support-chat-api/")["cost_usd"]);
    assert!(
        (cost(&priced) - 0.75 * cost(&plain)).abs() < 0.00001,
        "{} {}",
        cost(&priced),
        cost(&plain)
    );
}

#[test]
fn own_prices_change_the_money() {
    let dump = halfrate(["prices", MODEL, "--format", "csv"]).ok();
    let head = dump.text().lines().next().unwrap();
    let columns: Vec<&str> = head.split(',').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let row = |output: &str, batch: &str| {
        let mut fields = vec![String::new(); columns.len()];
        for (name, value) in [
            ("model", MODEL),
            ("scope", "us-east-1"),
            ("kind", "text"),
            ("input", "6"),
            ("output", output),
            ("batch_input", batch),
            ("batch_output", batch),
            ("source", "contract"),
            ("date", "2026-09-01"),
        ] {
            fields[column(name)] = value.to_owned();
        }
        format!("{head}\n{}\n", fields.join(","))
    };
    let logs = Logs::new();
    logs.records("a.json.gz", &logs::good(0..100));
    let with = |prices: &str| {
        audit(logs.path())
            .args(["--format", "json", "--prices", "mine.csv"])
            .file("mine.csv", prices)
            .ok()
            .json()
    };
    // 100,000 tokens in at $6 a million and 10,000 out at $30.
    let mine = with(&row("30", "1"));
    assert_eq!(number(&mine["totals"]["cost_usd"]), 0.9);
    let workload = only(&mine, "tagging/");
    assert_eq!(number(&workload["batch_cost_usd"]), 0.11);
    assert!(mine["price_book"].as_str().unwrap().contains("2026-09-01"), "{}", mine["price_book"]);
    // Not sold as batch is known, and not the same as unknown.
    let none = with(&row("30", "none"));
    assert_eq!(only(&none, "tagging/")["batch_cost_usd"], Value::Null);
    let plain = summary(logs.path(), &[]);
    assert_eq!(number(&plain["totals"]["cost_usd"]), 0.45);
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    for wrong in [
        &["audit"][..],
        &["audit", "x", "--colour"],
        &["audit", "x", "--from", "yesterday"],
        &["audit", "x", "--group-by", "app"],
        &["audit", "x", "--max-reject-rate", "7"],
        &["audit", "x", "--format", "xml"],
        &["audit", "x", "--virtual-hosted"],
        &["audits"],
        &[],
    ] {
        let done = halfrate(wrong).exits(2);
        assert!(done.stdout.is_empty(), "{wrong:?}: {}", done.text());
        assert!(!done.stderr.is_empty());
    }
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let logs = Logs::new();
    logs.records("a.json.gz", &logs::good(0..3));
    for (options, config, wanted) in [
        (&["--from", "2026-10-06", "--to", "2026-10-05"][..], "", "lies after"),
        (&[], "[tolerance]\ncolck_max_p = 1", "colck_max_p"),
        (&[], "[limits]\nmax_record_bytes = 0", "max_record_bytes"),
        (&["--config", "nowhere.toml"], "", "nowhere.toml"),
        (&["--prices", "nowhere.csv"], "", "nowhere.csv"),
        (&["--prices", "halfrate.toml"], "# no prices", "halfrate.toml"),
    ] {
        let done = audit(logs.path())
            .args(options)
            .arg("--out")
            .arg(&out)
            .file("halfrate.toml", config)
            .exits(1);
        assert!(done.stderr.contains(wanted), "{options:?} {config}: {}", done.stderr);
        assert!(done.stderr.starts_with("halfrate: "), "{}", done.stderr);
        assert!(done.stdout.is_empty() && !out.exists(), "{options:?} {config}");
    }
}

#[test]
fn exit_codes_are_documented() {
    let help = halfrate(["--help"]).ok();
    for code in ["0  complete", "1  failed", "2  wrong usage", "3  finished, but incomplete"] {
        assert!(help.text().contains(code), "{}", help.text());
    }
}

#[test]
fn an_audit_of_nothing_says_where_it_looked() {
    let logs = Logs::new();
    logs.raw(&format!("{HOUR}/data/x_input.json.gz"), logs::gzip("{}"));
    logs.raw("notes.txt", "nothing");
    let done = audit(logs.path()).exits(1);
    assert!(done.stdout.is_empty());
    assert!(done.stderr.contains(&logs.path().display().to_string()), "{}", done.stderr);
    assert!(done.stderr.contains("skipped 1: sidecar bodies"), "{}", done.stderr);
    assert!(done.stderr.contains("AWSLogs"), "{}", done.stderr);
    let other_month = audit(&sample_data()).args(["--from", "2027-01-01"]).exits(1);
    assert!(other_month.stderr.contains("sample-data"), "{}", other_month.stderr);
    assert!(other_month.stderr.contains("--from"), "{}", other_month.stderr);
    let nowhere = audit(Path::new("nowhere")).exits(1);
    assert!(nowhere.stderr.contains("nowhere: no such file or folder"), "{}", nowhere.stderr);
}

#[test]
fn json_is_one_object_with_the_summary_in_it() {
    let summary = sample_summary();
    let keys: BTreeMap<_, _> = summary.as_object().unwrap().iter().collect();
    for key in ["scan", "totals", "verdicts", "workloads", "blockers", "blind_spots", "window"] {
        assert!(keys.contains_key(&key.to_owned()), "{key}");
    }
    assert!(summary["blind_spots"].as_array().unwrap().len() >= 3);
    assert_eq!(summary["run_at"], "2026-11-01T00:00:00Z");
}
