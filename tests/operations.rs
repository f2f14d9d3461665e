//! What an operator of scheduled audits relies on: events, metrics, the deadline, exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::bad_input::{canaries, holds_canary};
use crate::logs::{HOUR, Logs, good, gzip, lines};
use crate::peers::run_script;
use crate::program::{Run, audit, halfrate, sample_data};
use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;
use crate::tables::rows;

/// Standard error as JSON lines.
fn events(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

fn with_message<'e>(events: &'e [Value], message: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["message"] == message).collect()
}

/// A server with one bucket of `objects` objects of ten records each.
fn served(objects: u32) -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path());
    for n in 0..objects {
        let records = lines(&good(n * 10..n * 10 + 10));
        server.write("logs", &format!("{HOUR}/{n}.json.gz"), &gzip(records));
    }
    (root, server)
}

fn of(server: &Server, arguments: &[&str]) -> Run {
    halfrate(["audit", "s3://logs"]).args(arguments).envs(server.environment())
}

const QUICK: &str = "[retry]\nfirst_wait_ms = 1\nlongest_wait_ms = 5\n";

#[test]
fn events_tell_what_an_operator_needs_and_no_content() {
    let logs = canaries();
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let run = audit(logs.path()).arg("--out").arg(&out);
    let done = run.args(["--log-format", "json", "--log-level", "debug"]).exits(3);
    assert!(!holds_canary(done.stderr.as_bytes()), "{}", done.stderr);
    let events = events(&done.stderr);
    for event in &events {
        for name in ["time", "level", "message"] {
            assert!(event[name].is_string(), "{event}");
        }
    }
    let one = |message: &str| {
        let found = with_message(&events, message);
        assert_eq!(found.len(), 1, "{message}: {}", done.stderr);
        found[0].clone()
    };
    assert_eq!(one("audit begins")["sources"], logs.path().display().to_string());
    assert_eq!(one("objects listed")["objects"], 4);
    let unread = with_message(&events, "object could not be read");
    assert_eq!(unread.len(), 2, "{unread:?}");
    for event in unread {
        let key = event["key"].as_str().unwrap();
        assert!(key.ends_with("3.json.gz") || key.ends_with("4.json"), "{event}");
        assert_eq!(event["level"], "WARN");
    }
    assert_eq!(one("state committed")["objects"], 4);
    assert_eq!(with_message(&events, "stage begins").len(), 5);
    let end = one("audit ended");
    assert_eq!((&end["exit_code"], &end["unreadable"]), (&3.into(), &2.into()));
    assert!(end["records"].as_u64().unwrap() > 60 && end["tokens"].as_i64().unwrap() > 0);
    // Messages are events, too.
    assert!(events.iter().any(|e| e["message"].as_str().unwrap().starts_with("Incomplete: 2 ")));
}

#[test]
fn events_of_s3_name_requests_and_no_credentials() {
    let (_root, server) = served(3);
    server.fault("GetObject", "1.json.gz", Kind::SlowDown, 3);
    server.fault("GetObject", "2.json.gz", Kind::Denied, 100);
    let done = of(&server, &["--log-format", "json", "--log-level", "debug"])
        .file("halfrate.toml", QUICK)
        .exits(3);
    let events = events(&done.stderr);
    let retries = with_message(&events, "trying again");
    assert_eq!(retries.len(), 3, "{}", done.stderr);
    assert!(retries.iter().all(|e| e["operation"] == "GetObject"), "{retries:?}");
    assert!(retries[2]["tries"] == 3 && retries[0]["cause"].as_str().unwrap().contains("SlowDown"));
    assert_eq!(with_message(&events, "audit ended")[0]["retries"], 3);
    for secret in [server.secret_key(), server.access_key(), "Authorization", "Signature"] {
        assert!(!done.stderr.contains(secret), "{secret}: {}", done.stderr);
    }
}

#[test]
fn events_are_asked_for() {
    let quiet = audit(&sample_data()).args(["--to", "2026-10-02"]).ok();
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);
    let told = audit(&sample_data()).args(["--to", "2026-10-02", "--log-level", "info"]).ok();
    let first = told.stderr.lines().next().unwrap();
    assert!(first.contains(" INFO  audit begins version=\""), "{first}");
    assert!(told.stderr.contains("audit ended exit_code=0"), "{}", told.stderr);
    let failed = halfrate(["audit", "nowhere", "--log-format", "json"]).exits(1);
    let events = events(&failed.stderr);
    let last = events.last().unwrap();
    assert_eq!((&last["level"], last["message"].is_string()), (&"ERROR".into(), true));
    assert_eq!(with_message(&events, "audit ended")[0]["exit_code"], 1);
}

/// The samples of a metrics file, by name with labels. The format, strictly: a description and a type
/// before the first sample of a name, all samples of a name together, no sample twice, a last newline.
fn samples(file: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    let (mut samples, mut families) = (BTreeMap::new(), Vec::<String>::new());
    let mut described = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            described = Some(rest.split_once(' ').unwrap().0.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!((described.as_deref(), kind), (Some(name), "gauge"), "{line}");
            assert!(!families.contains(&name.to_owned()), "{name} comes twice");
            families.push(name.to_owned());
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(families.last().map(String::as_str), name.split('{').next(), "{line}");
            assert!(
                samples.insert(name.replace('"', ""), value.parse().unwrap()).is_none(),
                "{line}"
            );
        }
    }
    samples
}

#[test]
fn metrics_say_what_the_summary_says() {
    let home = tempfile::tempdir().unwrap();
    let (out, file) = (home.path().join("out"), home.path().join("m/halfrate.prom"));
    fs::create_dir(file.parent().unwrap()).unwrap();
    let run = || audit(&sample_data()).arg("--out").arg(&out).arg("--metrics").arg(&file);
    run().arg("--dry-run").ok();
    assert!(!file.exists(), "a dry run is no run");
    let summary = run().args(["--format", "json"]).ok().json();
    let told = samples(&file);
    if let Some(read) = run_script("metrics.py", [&file]) {
        let read: BTreeMap<String, f64> = serde_json::from_str(&read).unwrap();
        assert!(read.keys().eq(told.keys()), "{read:?}");
        for (name, value) in &told {
            // JSON's reader here is not exact in the last digit.
            assert!((read[name] - value).abs() <= 1e-9 * value.abs(), "{name}: {value}");
        }
    }
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    for (name, value) in [
        ("halfrate_window_objects{state=readable}", &summary["scan"]["objects"]),
        ("halfrate_window_records{outcome=row}", &summary["scan"]["rows"]),
        ("halfrate_window_records{outcome=duplicate}", &summary["scan"]["duplicates"]),
        ("halfrate_audit_read_records", &summary["scan"]["records"]),
        ("halfrate_window_bytes", &summary["scan"]["bytes"]),
        ("halfrate_window_tokens{part=all}", &summary["totals"]["tokens"]["total"]),
        ("halfrate_window_requests", &summary["totals"]["requests"]),
    ] {
        assert_eq!(told[name], number(value), "{name}");
    }
    assert!((told["halfrate_month_savings_usd{estimate=expected}"] - 36.0).abs() < 0.1, "{told:?}");
    assert_eq!(told["halfrate_audit_exit_code"], 0.0);
    for stage in ["list", "read", "merge", "judge", "write"] {
        assert!(told[&format!("halfrate_audit_stage_seconds{{stage={stage}}}")] >= 0.0, "{stage}");
    }
    let success = told["halfrate_audit_last_success_timestamp_seconds"];
    assert!(success > 1.7e9);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    }

    // Nothing new: nothing is read, and the window is as it was.
    run().ok();
    let again = samples(&file);
    assert_eq!(again["halfrate_audit_read_objects"], 0.0);
    assert_eq!(again["halfrate_window_requests"], told["halfrate_window_requests"]);

    // A failed run keeps the last success and knows nothing else.
    halfrate(["audit", "nowhere", "--metrics"]).arg(&file).exits(1);
    let failed = samples(&file);
    assert_eq!(failed["halfrate_audit_exit_code"], 1.0);
    assert!(failed["halfrate_audit_last_success_timestamp_seconds"] >= success);
    assert!(!failed.keys().any(|name| name.starts_with("halfrate_window")), "{failed:?}");
    let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no file is left beside it");
    let nowhere = run().arg("--metrics").arg(home.path().join("no/such/folder.prom"));
    assert_eq!(nowhere.done().code(), Some(2), "named twice");
    let run = audit(&sample_data()).args(["--to", "2026-10-02", "--metrics", "no/such/x.prom"]);
    assert!(run.exits(1).stderr.contains("cannot write metrics no/such/x.prom"));
}

#[test]
fn metrics_count_retries_and_what_is_unreadable() {
    let (root, server) = served(4);
    server.fault("ListObjectsV2", "", Kind::Internal, 1);
    server.fault("GetObject", "1.json.gz", Kind::SlowDown, 2);
    server.fault("GetObject", "2.json.gz", Kind::Truncate(20), 1);
    server.fault("GetObject", "3.json.gz", Kind::Denied, 100);
    let file = root.path().join("m.prom");
    let run = of(&server, &["--metrics", file.to_str().unwrap()]).file("halfrate.toml", QUICK);
    run.exits(3);
    let told = samples(&file);
    for (name, value) in [
        ("halfrate_audit_retries{request=list}", 1.0),
        ("halfrate_audit_retries{request=get}", 3.0),
        ("halfrate_audit_retries{request=put}", 0.0),
        ("halfrate_window_objects{state=unreadable}", 1.0),
        ("halfrate_window_objects{state=readable}", 3.0),
        ("halfrate_audit_exit_code", 3.0),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(!told.contains_key("halfrate_audit_last_success_timestamp_seconds"));
}

#[test]
fn after_the_deadline_nothing_is_read_and_the_next_run_reads_it() {
    let (root, server) = served(12);
    server.fault("GetObject", "AWSLogs", Kind::Delay(Duration::from_millis(700)), u32::MAX);
    let out = root.path().join("out");
    let one_at_a_time = "[limits]\nconcurrent_objects = 1\n";
    let run = |arguments: &[&str]| {
        of(&server, arguments).arg("--out").arg(&out).file("halfrate.toml", one_at_a_time)
    };
    let late = run(&["--deadline", "3s", "--format", "json"]).exits(3);
    let scan = &late.json()["scan"];
    let unread = scan["unreadable"].as_u64().unwrap();
    assert!((6..12).contains(&unread), "{scan}");
    let errors = rows(&out, "SELECT error FROM objects WHERE error LIKE '%deadline%'");
    assert_eq!(errors.len() as u64, unread, "each is listed");
    server.heal();
    server.forget_requests();
    let next = run(&["--format", "json"]).ok().json();
    assert_eq!((&next["scan"]["rows"], &next["scan"]["unreadable"]), (&120.into(), &0.into()));
    assert_eq!(server.requests()["GetObject"], unread, "only what is missing is read");
    // A whole run from scratch finds the same.
    let whole = of(&server, &["--format", "json"]).ok().json();
    assert_eq!(whole["totals"], next["totals"]);
    let wrong = Logs::new();
    let done = audit(wrong.path()).args(["--deadline", "soon"]).exits(2);
    assert!(done.stderr.contains("write 90s, 45m or 2h"), "{}", done.stderr);
}
