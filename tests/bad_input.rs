//! Bad input: broken objects and records cost themselves and nothing else, and are told without content.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::logs::{HOUR, Logs, good, gzip, lines, record, with};
use crate::program::{Done, audit, halfrate};
use crate::tables::{assert_same_files, files, rows};

/// An audit into `out` with an exit code to expect.
fn audited(logs: &Logs, out: &Path, code: i32) -> Value {
    audit(logs.path()).args(["--format", "json", "--out"]).arg(out).exits(code).json()
}

/// Objects, unreadable objects, records, rows, rejects and duplicates of a summary, which must add up.
fn counts(summary: &Value) -> [u64; 6] {
    let names = ["objects", "unreadable", "records", "rows", "rejects", "duplicates"];
    let counts = names.map(|name| summary["scan"][name].as_u64().unwrap());
    assert_eq!(counts[2], counts[3] + counts[4] + counts[5], "{counts:?} do not add up");
    counts
}

/// Key, position and reason of every reject.
fn rejects(out: &Path) -> Vec<(String, Option<u64>, String)> {
    let query = "SELECT key, position, reason FROM rejects ORDER BY key, position, reason";
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows(out, query)
        .iter()
        .map(|row| (text(row, "key"), row["position"].as_u64(), text(row, "reason")))
        .collect()
}

#[test]
fn a_broken_object_gives_no_rows_and_one_reject_that_names_it() {
    let whole = gzip(lines(&good(100..200)));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let mut wrong_sum = whole.clone();
    let sum = whole.len() - 6;
    wrong_sum[sum] ^= 1;
    let second_member = [gzip(lines(&good(300..400))), whole[..whole.len() / 2].to_vec()].concat();
    let broken = [
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("cut-in-trailer", whole[..whole.len() - 3].to_vec()),
        ("only-header", whole[..10].to_vec()),
        ("one-byte", whole[..1].to_vec()),
        ("flipped-bit", flipped),
        ("wrong-checksum", wrong_sum),
        ("truncated-second-member", second_member),
        ("no-gzip", b"PK\x03\x04 a zip file under a wrong name".to_vec()),
        ("binary", vec![0xff; 500]),
    ];
    let logs = Logs::new();
    logs.records("good.json.gz", &good(0..80));
    // Delivered again and whole: what an unreadable object held is not taken for seen.
    logs.records("zz-again.json.gz", &good(100..200));
    for (name, content) in &broken {
        logs.raw(&format!("{HOUR}/{name}.json.gz"), content);
    }
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 3);
    assert_eq!(counts(&summary), [11, 9, 189, 180, 9, 0]);
    assert_eq!(summary["totals"]["requests"], 180);
    assert_eq!(summary["complete"], false);
    let rejects = rejects(&out);
    let errors = rows(&out, "SELECT key, error FROM objects WHERE error IS NOT NULL AND rows = 0");
    assert_eq!(errors.len(), broken.len());
    for (name, _) in broken {
        let key = format!("{HOUR}/{name}.json.gz");
        let mine: Vec<_> = rejects.iter().filter(|reject| reject.0 == key).collect();
        assert_eq!(mine.len(), 1, "{name}: {mine:?}");
        assert_eq!(mine[0].1, None, "{name}");
        let error = errors.iter().find(|row| row["key"] == json!(key));
        assert_eq!(error.unwrap()["error"], json!(mine[0].2), "{name}");
    }
}

#[test]
fn an_incomplete_audit_says_so_where_people_look() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..50));
    logs.raw(&format!("{HOUR}/2.json.gz"), &gzip("x")[..5]);
    let done = audit(logs.path()).exits(3);
    assert!(done.text().contains("1 UNREADABLE"), "{}", done.text());
    assert!(done.text().contains("51 = 50 rows + 1 rejects + 0 duplicates"), "{}", done.text());
    assert!(done.text().contains("INCOMPLETE"), "{}", done.text());
    assert!(done.stderr.contains("Incomplete: 1 objects could not be read"), "{}", done.stderr);
}

#[test]
fn a_bad_record_is_a_reject_with_its_place_and_reason() {
    let text = |record: Value| record.to_string();
    let mut no_model = record(0);
    no_model.as_object_mut().unwrap().remove("modelId");
    let mut no_time = record(0);
    no_time.as_object_mut().unwrap().remove("timestamp");
    let cases = [
        ("this is no JSON".to_owned(), "JSON"),
        ("{\"timestamp\": nope}".to_owned(), "JSON"),
        ("{\"a\": 1,, \"b\": 2}".to_owned(), "JSON"),
        ("{\"a\": \"\u{1}\"}".to_owned(), ""),
        ("[1, 2, 3]".to_owned(), ""),
        ("\"only a string\"".to_owned(), ""),
        ("42".to_owned(), ""),
        (text(record(0))[..200].to_owned(), ""),
        (text(json!({})), "timestamp"),
        (text(no_model), "modelId"),
        (text(no_time), "timestamp"),
        (text(with(0, "/timestamp", json!("yesterday"))), "timestamp"),
        (text(with(0, "/timestamp", json!("2026-13-45T99:99:99Z"))), "timestamp"),
        (text(with(0, "/timestamp", json!("1970-01-01T00:00:00Z"))), "timestamp"),
        (text(with(0, "/timestamp", json!(1_791_190_800))), "timestamp"),
        (text(with(0, "/modelId", json!(7))), "modelId"),
        (text(with(0, "/identity", json!("arn"))), "identity"),
        (text(with(0, "/identity/arn", json!(["arn"]))), "identity.arn"),
        (text(with(0, "/requestId", json!(12))), "requestId"),
        (text(with(0, "/requestMetadata", json!([1]))), "requestMetadata"),
        (text(with(0, "/input", json!("text"))), "input"),
        (text(with(0, "/input/inputTokenCount", json!(-1))), "token count"),
        (text(with(0, "/input/inputTokenCount", json!("7"))), "token count"),
        (text(with(0, "/input/inputTokenCount", json!(1.5))), "token count"),
        (text(with(0, "/input/inputTokenCount", json!(1e30))), "token count"),
        (text(with(0, "/input/cacheReadInputTokenCount", json!(200_000_000))), "token count"),
        (text(with(0, "/input/cacheWriteInputTokenCount", json!(-5))), "token count"),
        (text(with(0, "/output/outputTokenCount", json!(i64::MAX))), "token count"),
        (text(with(0, "/output/outputTokenCount", json!(u64::MAX))), "token count"),
    ];
    let logs = Logs::new();
    let key = |case: usize| format!("{HOUR}/{case:02}.json.gz");
    let mut positions = Vec::new();
    for (case, (bad, _)) in (0_u32..).zip(&cases) {
        let numbers = |from: u32| good(case * 100 + from..case * 100 + from + 30);
        let before = lines(&numbers(1));
        logs.raw(&key(positions.len()), gzip(format!("{before}{bad}\n{}", lines(&numbers(31)))));
        positions.push(before.len() as u64);
    }
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 3);
    let number = cases.len() as u64;
    assert_eq!(counts(&summary), [number, 0, 61 * number, 60 * number, number, 0]);
    assert_eq!(summary["totals"]["tokens"]["total"], 60 * 1100 * number);
    let rejects = rejects(&out);
    for (case, (bad, reason)) in cases.iter().enumerate() {
        let mine: Vec<_> = rejects.iter().filter(|reject| reject.0 == key(case)).collect();
        assert_eq!(mine.len(), 1, "{bad}: {mine:?}");
        assert_eq!(mine[0].1, Some(positions[case]), "{bad}: {}", mine[0].2);
        assert!(mine[0].2.contains(reason), "{bad}: {}", mine[0].2);
    }
}

#[test]
fn odd_records_that_are_right_are_no_rejects() {
    let logs = Logs::new();
    let mut records = vec![
        with(0, "/unknown", json!({ "deep": [[[{ "input": 1 }]]] })),
        with(1, "/input/inputTokenCount", json!(0)),
        with(2, "/output/outputTokenCount", Value::Null),
        with(3, "/input/cacheReadInputTokenCount", json!(100_000_000)),
        with(4, "/requestMetadata", json!({ "n": 1, "app": "x" })),
        with(5, "/operation", json!("SomethingNew")),
        with(6, "/timestamp", json!("2026-10-05T09:00:06.789Z")),
        with(7, "/identity", json!({})),
    ];
    let mut failed = record(8);
    failed["errorCode"] = json!("ThrottlingException");
    failed["input"] = json!({});
    failed["output"] = json!({});
    records.push(failed);
    logs.records("a.json.gz", &records);
    let out = logs.path().join("out");
    assert_eq!(counts(&audited(&logs, &out, 0)), [1, 0, 9, 9, 0, 0]);
    let errors = rows(&out, "SELECT sum(errors) AS errors FROM usage");
    assert_eq!(errors, [json!({ "errors": 1 })]);
}

#[test]
fn a_record_cut_by_the_objects_end_leaves_its_neighbours() {
    let logs = Logs::new();
    let before = lines(&good(0..50));
    let half = &record(50).to_string()[..300];
    logs.gzip("a.json.gz", format!("{before}{half}"));
    logs.records("b.json.gz", &good(60..70));
    let out = logs.path().join("out");
    assert_eq!(counts(&audited(&logs, &out, 3)), [2, 0, 61, 60, 1, 0]);
    assert_eq!(rejects(&out)[0].1, Some(before.len() as u64));
}

#[test]
fn empty_things_are_no_mistakes() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..10));
    logs.raw(&format!("{HOUR}/2-empty.json.gz"), "");
    logs.gzip("3-nothing.json.gz", "");
    logs.gzip("4-blank.json.gz", "\n  \n\n");
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 0);
    assert_eq!(counts(&summary), [3, 0, 10, 10, 0, 0]);
    assert_eq!(summary["scan"]["skipped"]["empty objects"], 1);
}

#[test]
fn logs_without_a_record_are_an_error_that_explains_itself_and_harms_nothing() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..3));
    let home = tempfile::tempdir().unwrap();
    let (out, same) = (home.path().join("out"), home.path().join("same"));
    let into = |logs: &Logs, out: &Path| audit(logs.path()).arg("--out").arg(out);
    into(&logs, &out).ok();
    into(&logs, &same).ok();
    let empty_day = ["--from", "2026-10-04", "--to", "2026-10-04"];
    let done = into(&logs, &out).args(empty_day).exits(1);
    assert!(done.stderr.contains("--from"), "{}", done.stderr);
    let blank = Logs::new();
    blank.gzip("2.json.gz", "\n");
    let done = into(&blank, &out).exits(1);
    assert!(done.stderr.contains("no records in 1 objects"), "{}", done.stderr);
    assert!(done.stdout.is_empty());
    assert_same_files(&out, &same);
}

#[test]
fn nothing_but_rejects_is_an_incomplete_audit_not_a_failed_one() {
    let logs = Logs::new();
    logs.gzip("1.json.gz", "not a record\nnot another\n");
    logs.raw(&format!("{HOUR}/2.json.gz"), &gzip("{}")[..8]);
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 3);
    let [objects, unreadable, records, rows, rejected, duplicates] = counts(&summary);
    assert_eq!((objects, unreadable, rows, duplicates), (2, 1, 0, 0));
    assert_eq!(records, rejected);
    assert_eq!(rejects(&out).len() as u64, rejected);
}

#[test]
fn a_request_id_counts_once() {
    let logs = Logs::new();
    logs.records("1.json.gz", &[good(0..20), good(5..10)].concat());
    logs.records("2.json.gz", &good(10..30));
    let mut later = good(0..3);
    later.iter_mut().for_each(|record| record["input"]["inputTokenCount"] = json!(5_000_000));
    logs.raw(
        "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/05/11/3.json.gz",
        gzip(lines(&later)),
    );
    let anonymous: Vec<Value> = (0..4).map(|n| with(n, "/requestId", json!(""))).collect();
    logs.records("4.json.gz", &anonymous);
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 0);
    // 5 in one object, 10 in the next, 3 two hours later; without an id every record counts.
    assert_eq!(counts(&summary), [4, 0, 52, 34, 0, 18]);
    assert_eq!(summary["totals"]["tokens"]["input"], 34 * 1000, "the first delivered counts");
    let again = audit(logs.path())
        .arg(logs.path().join("AWSLogs/111122223333"))
        .args(["--format", "json"])
        .ok()
        .json();
    assert_eq!(again["scan"]["records"], 52);
    // The same records under another name are another object of the same requests.
    let copy = Logs::new();
    copy.records("copy.json.gz", &good(0..30));
    let both = audit(logs.path()).arg(copy.path()).args(["--format", "json"]).ok().json();
    assert_eq!(counts(&both), [5, 0, 82, 34, 0, 48]);
    assert_eq!(both["totals"]["requests"], 34);
}

#[test]
fn a_gzip_bomb_is_stopped_by_the_limit_and_named() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..20));
    logs.gzip("2-bomb.json.gz", vec![b' '; 30 << 20]);
    let out = logs.path().join("out");
    let limited = audit(logs.path())
        .args(["--format", "json", "--out"])
        .arg(&out)
        .file("halfrate.toml", "[limits]\nmax_inflated_bytes = 10_000_000\n")
        .exits(3)
        .json();
    assert_eq!(counts(&limited), [2, 1, 21, 20, 1, 0]);
    assert!(rejects(&out)[0].2.contains("max_inflated_bytes"), "{:?}", rejects(&out));
    // Within the limit it is only a large object.
    assert_eq!(counts(&audited(&logs, &out, 0)), [2, 0, 20, 20, 0, 0]);
}

#[test]
fn limits_on_objects_and_records_are_kept() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..20));
    let long = with(20, "/input/inputBodyJson", json!("x".repeat(50_000)));
    logs.records("2.json.gz", &[long, record(21)]);
    let noise: String =
        (0..30_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    logs.records("3.json.gz", &[with(22, "/input/inputBodyJson", json!(noise))]);
    let out = logs.path().join("out");
    let limits = "[limits]\nmax_record_bytes = 20_000\nmax_object_bytes = 60_000\n";
    let summary = audit(logs.path())
        .args(["--format", "json", "--out"])
        .arg(&out)
        .file("halfrate.toml", limits)
        .exits(3)
        .json();
    assert_eq!(counts(&summary), [3, 1, 23, 21, 2, 0]);
    let rejects = rejects(&out);
    assert_eq!(rejects[0].1, Some(0), "{rejects:?}");
    assert_eq!(rejects[1].1, None, "{rejects:?}");
    assert!(rejects[1].2.contains("max_object_bytes"), "{rejects:?}");
}

/// Peak memory is Linux's word; elsewhere the test has nothing to read.
#[cfg(target_os = "linux")]
#[test]
fn a_giant_record_is_refused_in_bounded_memory() {
    const INFLATED: usize = 512 << 20;
    const MOST_KIB: u64 = 400 << 10;
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..20));
    let mut giant = b"{\"input\": \"".to_vec();
    giant.resize(INFLATED, b'a');
    logs.raw(&format!("{HOUR}/2.json.gz"), gzip(&giant));
    drop(giant);
    let (mut child, _home) = audit(logs.path()).args(["--format", "json"]).spawn();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = told.and_then(|told| told.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(counts(&summary), [2, 0, 21, 20, 1, 0]);
    assert!(peak > 10 << 10, "{peak} KiB: nothing was measured");
    assert!(peak < MOST_KIB, "{peak} KiB for an object of {} KiB inflated", INFLATED >> 10);
}

#[test]
fn what_lies_beside_the_records_is_skipped_and_counted() {
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..10));
    logs.gzip("data/abc_input.json.gz", "{\"messages\": []}");
    logs.gzip("data/abc_output.json.gz", "[]");
    logs.raw(&format!("{HOUR}/data/abc_input_media_00.pdf"), "%PDF");
    let place =
        "AWSLogs/111122223333/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check";
    logs.raw(place, "");
    logs.raw("AWSLogs/111122223333/CloudTrail/us-east-1/2026/10/05/t.json.gz", gzip("{}"));
    logs.raw("README.md", "notes");
    logs.raw("labels.csv", "a,b");
    logs.raw("._1.json.gz", "resource fork");
    let out = tempfile::tempdir().unwrap();
    let summary = audited(&logs, out.path(), 0);
    assert_eq!(counts(&summary), [1, 0, 10, 10, 0, 0]);
    assert_eq!(
        summary["scan"]["skipped"],
        json!({
            "folders of other AWS services": 1,
            "other files": 3,
            "permission checks": 1,
            "sidecar bodies": 3,
        })
    );
}

#[test]
fn the_exit_code_depends_on_the_share_of_rejects() {
    let logs = Logs::new();
    // Two of a thousand; the default allows one.
    let bad = "no record\n";
    logs.gzip("1.json.gz", format!("{}{bad}{}{bad}", lines(&good(0..500)), lines(&good(500..998))));
    audit(logs.path()).exits(3);
    audit(logs.path()).args(["--max-reject-rate", "0.002"]).ok();
    audit(logs.path()).args(["--max-reject-rate", "0.2%"]).ok();
    audit(logs.path()).args(["--max-reject-rate", "0.1%"]).exits(3);
    audit(logs.path()).args(["--max-reject-rate", "0"]).exits(3);
    audit(logs.path()).file("halfrate.toml", "[limits]\nmax_rejects_per_mille = 2\n").ok();
    // An unreadable object makes it incomplete at any rate.
    logs.raw(&format!("{HOUR}/2.json.gz"), &gzip("{}")[..8]);
    audit(logs.path()).args(["--max-reject-rate", "1"]).exits(3);
}

#[test]
fn rejects_are_listed_up_to_the_limit_and_all_counted() {
    let logs = Logs::new();
    logs.gzip("1.json.gz", format!("{}{}", "bad\n{}\n".repeat(50), lines(&good(0..10))));
    let out = logs.path().join("out");
    let summary = audit(logs.path())
        .args(["--format", "json", "--out"])
        .arg(&out)
        .file("halfrate.toml", "[limits]\nmax_rejects_listed = 7\n")
        .exits(3)
        .json();
    let [.., rows, rejected, _] = counts(&summary);
    assert_eq!((rows, rejected), (10, 100));
    assert_eq!(rejects(&out).len(), 7);
}

/// A text that must never be seen again.
const CANARY: &str = "CANARY-5d8e-the-patient-is-called-Erika";

/// Logs with the canary wherever a prompt or an answer can be, and wherever a broken record may hold it.
pub(crate) fn canaries() -> Logs {
    let logs = Logs::new();
    let content = json!([{ "text": CANARY }]);
    let mut records = good(0..60);
    for record in &mut records {
        record["input"]["inputBodyJson"]["messages"][0]["content"] = content.clone();
        record["input"]["inputBodyJson"]["system"] = content.clone();
        record["output"]["outputBodyJson"]["output"]["message"]["content"] = content.clone();
        record["output"]["unknown"] = json!({ CANARY: CANARY });
        record[CANARY] = json!(CANARY);
    }
    let chunks = json!([{ "bytes": CANARY }, CANARY, "[DONE]"]);
    records.push(with(60, "/output/outputBodyJson", chunks));
    records.push(with(61, "/input/inputBodyJson", json!(CANARY)));
    logs.records("1.json.gz", &records);
    let mut bad = format!("{CANARY}\n{{\"{CANARY}\": \"{CANARY}\", }}\n");
    for (pointer, value) in [
        ("/timestamp", json!(CANARY)),
        ("/input/inputTokenCount", json!(CANARY)),
        ("/output/outputTokenCount", json!({ CANARY: CANARY })),
        ("/identity", json!(CANARY)),
        ("/requestMetadata", json!([CANARY])),
        ("/modelId", json!([CANARY])),
    ] {
        bad.push_str(&format!("{}\n", with(70, pointer, value)));
    }
    bad.push_str(&records[0].to_string().replace('}', ""));
    logs.gzip("2.json.gz", &bad);
    let whole = gzip(lines(&records));
    logs.raw(&format!("{HOUR}/3.json.gz"), &whole[..whole.len() - 20]);
    logs.raw(&format!("{HOUR}/4.json"), format!("{CANARY} is no JSON\n"));
    logs.gzip("data/x_input.json.gz", CANARY);
    logs
}

/// Whether the canary is in these bytes, written in any case or cut in half.
pub(crate) fn holds_canary(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    ["canary", "5d8e", "erika", "patient"].iter().any(|part| text.contains(part))
}

fn assert_clean(name: &str, done: &Done) {
    assert!(!holds_canary(&done.stdout), "{name}: {}", done.text());
    assert!(!holds_canary(done.stderr.as_bytes()), "{name}: {}", done.stderr);
}

#[test]
fn prompts_and_answers_are_nowhere_in_the_output() {
    let logs = canaries();
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let done = audit(logs.path()).arg("--out").arg(&out).exits(3);
    assert!(done.text().contains("62 rows"), "{}", done.text());
    assert_clean("audit", &done);
    let json = audit(logs.path()).args(["--format", "json", "--out"]).arg(&out).exits(3);
    assert!(json.json()["scan"]["rejects"].as_u64().unwrap() >= 9);
    assert_clean("audit --format json", &json);
    for file in files(&out) {
        assert!(!holds_canary(file.as_bytes()), "{file}");
        assert!(!holds_canary(&fs::read(out.join(&file)).unwrap()), "{file}");
    }
    // The files are compressed, so what they hold is looked at as well.
    for table in halfrate::schema::TABLES {
        let query = format!("SELECT * FROM {}", table.name);
        let done = halfrate(["sql", "--format", "csv", "--data"]).arg(&out).arg(query).ok();
        assert!(done.text().contains(table.columns[0].name));
        assert_clean(table.name, &done);
    }
    let explained = halfrate(["explain", "*", "--data"]).arg(&out).ok();
    assert_clean("explain", &explained);
    let raw = halfrate(["sql", "--format", "csv", "SELECT * FROM invocations", "--logs"])
        .arg(logs.path())
        .exits(3);
    assert!(raw.text().lines().count() > 60);
    assert_clean("sql --logs", &raw);
}

/// Terminal escapes, a right-to-left override, markup, quotes, and a line break.
const HOSTILE: &str =
    "\u{1b}[31m\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}<script>alert(1)</script>'\";--\r\n\u{0}x";

/// Whether a text can do nothing to the terminal that shows it.
fn is_harmless(text: &str) -> bool {
    let hidden = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    !text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || hidden(c))
}

#[test]
fn hostile_names_do_nothing_to_a_terminal() {
    let logs = Logs::new();
    let mut records = good(0..60);
    for record in &mut records {
        record["identity"]["arn"] =
            json!(format!("arn:aws:sts::111122223333:assumed-role/{HOSTILE}/{HOSTILE}"));
        record["requestMetadata"] = json!({ "app": HOSTILE, HOSTILE: HOSTILE });
    }
    for (n, pointer) in
        ["/modelId", "/operation", "/accountId", "/region", "/identity/arn"].into_iter().enumerate()
    {
        records.push(with(100 + n as u32, pointer, json!(HOSTILE)));
    }
    logs.records("1.json.gz", &records);
    let name = HOSTILE.replace(['/', '\0'], "");
    logs.raw(&format!("{name}/{name}.json"), lines(&good(200..210)));
    logs.raw(&format!("{name}/{name}-broken.json.gz"), &gzip("x")[..4]);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let grouped = || audit(logs.path()).args(["--group-by", "metadata.app"]).arg("--out").arg(&out);
    let done = grouped().exits(3);
    assert!(is_harmless(done.text()), "{:?}", done.text());
    assert!(is_harmless(&done.stderr), "{:?}", done.stderr);
    assert!(done.text().lines().all(|line| line.chars().count() <= 80), "{}", done.text());
    let json = grouped().args(["--format", "json"]).exits(3);
    assert_eq!(counts(&json.json()), [3, 1, 76, 75, 1, 0]);
    assert!(json.text().lines().all(|line| !line.contains(['\u{1b}', '\u{9b}'])));
    let dry = audit(logs.path()).arg("--dry-run").ok();
    assert!(is_harmless(dry.text()), "{:?}", dry.text());
    assert_eq!(
        dry.text().lines().count(),
        5,
        "two of the whole, then a line a file: {:?}",
        dry.text()
    );
    let explained = halfrate(["explain", "*", "--data"]).arg(&out).ok();
    assert!(is_harmless(explained.text()), "{:?}", explained.text());
    for query in ["SELECT * FROM workloads", "SELECT * FROM objects", "SELECT * FROM rejects"] {
        let shown = halfrate(["sql", "--data"]).arg(&out).arg(query).ok();
        assert!(is_harmless(shown.text()), "{query}: {:?}", shown.text());
    }
    let all = "SELECT * FROM invocations";
    let shown = halfrate(["sql", all, "--logs"]).arg(logs.path()).exits(3);
    assert!(is_harmless(shown.text()), "{:?}", shown.text());
    // The named file is found again by what the tables call it.
    let broken = rows(&out, "SELECT key FROM rejects");
    assert!(broken[0]["key"].as_str().unwrap().contains("broken"), "{broken:?}");
}

#[test]
fn an_object_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..10));
    let locked = logs.gzip("2-locked.json.gz", lines(&good(10..20)));
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&locked).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let out = logs.path().join("out");
    let summary = audited(&logs, &out, 3);
    assert_eq!(counts(&summary), [2, 1, 11, 10, 1, 0]);
    assert!(rejects(&out)[0].0.ends_with("2-locked.json.gz"));
    let refused = audit(&locked).exits(3);
    assert!(refused.stderr.contains("Incomplete"), "{}", refused.stderr);
}
