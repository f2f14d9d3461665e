//! Audits from and to a real S3-protocol server: the same bytes as on disk, and refusals that help.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::logs::{HOUR, good, gzip, lines};
use crate::program::{Run, audit, company_logs, halfrate, sample_data};
use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;
use crate::tables::{assert_same_files, files, rows};

/// A server over an empty folder that lives as long as it.
fn server() -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path());
    (root, server)
}

/// A run that reaches the server, and nothing else.
fn with(server: &Server, arguments: &[&str]) -> Run {
    halfrate(arguments).envs(server.environment())
}

/// Tables that name the place or the time of reading.
const OF_THE_PLACE: [&str; 3] = ["objects/", "rejects/", "audits.parquet"];

fn assert_same_tables(one: &Path, other: &Path) {
    assert_eq!(files(one), files(other));
    let plain = |file: &&String| !OF_THE_PLACE.iter().any(|place| file.starts_with(place));
    let all = files(one);
    for file in all.iter().filter(plain) {
        let same = fs::read(one.join(file)).unwrap() == fs::read(other.join(file)).unwrap();
        assert!(same, "{file} differs");
    }
    for query in [
        "SELECT date, key, bytes, inflated_bytes, records, rows, rejects, duplicates, \
         first_date, last_date, gone, error IS NULL AS good FROM objects ORDER BY date, key",
        "SELECT date, key, position, reason FROM rejects ORDER BY date, key, position",
    ] {
        assert_eq!(rows(one, query), rows(other, query), "{query}");
    }
    let audits = |out: &Path| {
        let mut audits = rows(out, "SELECT * FROM audits");
        audits.iter_mut().for_each(|audit| audit["sources"] = Value::Null);
        audits
    };
    assert_eq!(audits(one), audits(other));
}

#[test]
fn from_s3_to_s3_is_as_from_disk_to_disk() {
    let (root, server) = server();
    let logs = tempfile::tempdir().unwrap();
    copy(&company_logs().join("AWSLogs"), &logs.path().join("AWSLogs"));
    let broken = logs.path().join(HOUR);
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("bad.json.gz"), &gzip("x")[..7]).unwrap();
    fs::write(broken.join("half.json.gz"), gzip(format!("{}no", lines(&good(0..9))))).unwrap();
    server.seed("logs", logs.path());
    fs::create_dir_all(root.path().join("reports")).unwrap();
    let disk = root.path().join("disk");
    let options = ["--format", "json", "--from", "2026-10-02", "--to", "2026-10-05"];
    let on_disk = audit(logs.path()).args(options).arg("--out").arg(&disk).exits(3).json();
    let bucket = "s3://reports/bedrock/october";
    let on_s3 =
        with(&server, &["audit", "s3://logs", "--out", bucket]).args(options).exits(3).json();
    for name in ["scan", "totals", "verdicts", "workloads", "window", "blockers"] {
        assert_eq!(on_disk[name], on_s3[name], "{name}");
    }
    assert!(on_s3["scan"]["objects"].as_u64().unwrap() > 500);
    assert_same_tables(&disk, &root.path().join("reports/bedrock/october"));

    // Read back from S3, by the other commands.
    let query = "SELECT caller, region, cost_usd FROM workloads ORDER BY workload";
    let read = with(&server, &["sql", "--format", "json", query, "--data", bucket]).ok().json();
    assert_eq!(read.as_array().unwrap(), &rows(&disk, query));
    let explained = with(&server, &["explain", "llm-gateway", "--data", bucket]).ok();
    let same = halfrate(["explain", "llm-gateway", "--data"]).arg(&disk).ok();
    assert_eq!(explained.text(), same.text());
    let count = "SELECT count(*) AS n FROM invocations";
    let raw = || halfrate(["sql", "--format", "csv", count]).args(&options[2..]).arg("--logs");
    let of_s3 = raw().arg("s3://logs/").envs(server.environment()).exits(3);
    assert_eq!(of_s3.text(), raw().arg(logs.path()).exits(3).text());
    assert!(of_s3.stderr.contains("1 records were rejected"), "{}", of_s3.stderr);
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

#[test]
fn the_same_audit_into_the_same_prefix_changes_nothing() {
    let (root, server) = server();
    server.seed("logs", &sample_data());
    fs::create_dir_all(root.path().join("reports")).unwrap();
    let day = ["--from", "2026-10-02", "--to", "2026-10-03"];
    let run = |out: &str| with(&server, &["audit", "s3://logs", "--out", out]).args(day).ok();
    run("s3://reports/one");
    run("s3://reports/two");
    server.forget_requests();
    run("s3://reports/two");
    let (one, two) = (root.path().join("reports/one"), root.path().join("reports/two"));
    assert_same_files(&one, &two);
}

#[test]
fn the_flags_reach_a_store_that_the_environment_does_not_name() {
    let (_root, server) = server();
    server.write("logs", &format!("{HOUR}/1.json.gz"), &gzip(lines(&good(0..5))));
    let keys = server.environment().into_iter().filter(|(name, _)| name.contains("ACCESS_KEY"));
    let run = halfrate(["audit", "s3://logs", "--format", "json", "--region", "eu-west-3"]);
    let run = run.args(["--endpoint-url", &server.endpoint()]).envs(keys);
    assert_eq!(run.ok().json()["scan"]["rows"], 5);
}

#[test]
fn more_keys_than_a_page_are_all_read() {
    let (_root, server) = server();
    for n in 0..1_100_u32 {
        server.write("logs", &format!("deep/{HOUR}/{n:04}.json.gz"), &gzip(lines(&good(n..=n))));
    }
    let summary = with(&server, &["audit", "s3://logs/deep", "--format", "json"]).ok().json();
    assert_eq!(summary["scan"]["objects"], 1_100);
    assert_eq!(summary["totals"]["requests"], 1_100);
}

#[test]
fn a_denied_object_is_named_and_the_rest_counts() {
    let (_root, server) = server();
    for n in 0..3_u32 {
        let records = lines(&good(n * 10..n * 10 + 10));
        server.write("logs", &format!("{HOUR}/{n}.json.gz"), &gzip(records));
    }
    server.fault("GetObject", "1.json.gz", Kind::Denied, u32::MAX);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let done =
        with(&server, &["audit", "s3://logs", "--format", "json", "--out"]).arg(&out).exits(3);
    let summary = done.json();
    assert_eq!(summary["scan"]["unreadable"], 1);
    assert_eq!(summary["scan"]["rows"], 20);
    let rejects = rows(&out, "SELECT key, reason FROM rejects");
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0]["key"], format!("{HOUR}/1.json.gz"));
    let reason = rejects[0]["reason"].as_str().unwrap();
    assert!(reason.contains("s3:GetObject"), "{reason}");
}

#[test]
fn refusals_name_the_remedy_and_write_nothing() {
    let (root, server) = server();
    server.write("logs", &format!("{HOUR}/1.json.gz"), &gzip(lines(&good(0..5))));
    let out = root.path().join("out");
    let refused = |run: Run, wanted: &[&str]| {
        let done = run.arg("--out").arg(&out).exits(1);
        for part in wanted {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
        assert!(!done.stderr.contains(server.secret_key()), "{}", done.stderr);
        assert!(done.stdout.is_empty() && !out.exists());
    };
    let audit = |source: &str| with(&server, &["audit", source]);
    refused(
        audit("s3://logs").envs([("AWS_SECRET_ACCESS_KEY", "wrong")]),
        &["s3://logs", "check access key and secret"],
    );
    refused(audit("s3://nothing-here"), &["s3://nothing-here", "NoSuchBucket", "check the name"]);
    refused(audit("s3://logs/elsewhere"), &["no log objects found", "s3://logs/elsewhere"]);
    refused(audit("s3://logs").arg("--no-sign-request"), &["leave out --no-sign-request"]);
    server.fault("ListObjectsV2", "", Kind::Denied, u32::MAX);
    refused(audit("s3://logs"), &["s3:ListBucket", "arn:aws:s3:::logs"]);
    server.heal();
    server.fault("ListObjectsV2", "", Kind::Redirect("eu-central-1"), u32::MAX);
    refused(audit("s3://logs"), &["--region eu-central-1"]);
    server.heal();
    let nobody = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
    refused(audit("s3://logs").envs(nobody), &["no connection", "--endpoint-url"]);
    let keyless = halfrate(["audit", "s3://logs", "--region", "us-east-1"]).envs([
        ("AWS_ENDPOINT_URL_S3", server.endpoint().as_str()),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    refused(keyless, &["credentials"]);
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let (_root, server) = server();
    server.write("logs", &format!("{HOUR}/1.json.gz"), &gzip(lines(&good(0..5))));
    server.write("reports", "keep", b"");
    server.fault("PutObject", "", Kind::Denied, u32::MAX);
    let done = with(&server, &["audit", "s3://logs", "--out", "s3://reports/x"]).exits(1);
    assert!(done.stderr.contains("cannot write"), "{}", done.stderr);
    assert!(done.stderr.contains("s3:PutObject"), "{}", done.stderr);
}
