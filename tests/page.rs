//! `halfrate report`: the summary again, and the page as a browser shows it.

use std::fs;

use serde_json::{Value, json};

use crate::logs::{Logs, good, record, with};
use crate::peers::run_script;
use crate::program::{NOW, audit, halfrate, sample_audit, sample_data, sample_summary};

#[test]
fn the_summary_is_told_again_without_the_logs() {
    let told = halfrate(["report", "--data"]).arg(sample_audit()).ok();
    let audited = audit(&sample_data()).ok();
    assert_eq!(told.text(), audited.text());
    let json = halfrate(["report", "--format", "json", "--data"]).arg(sample_audit()).ok();
    assert_eq!(&json.json(), sample_summary());
    let nowhere = halfrate(["report", "--data", "nowhere"]).exits(1);
    assert!(nowhere.stderr.contains("nowhere"), "{}", nowhere.stderr);
}

#[test]
fn the_page_goes_to_a_file_or_to_standard_output() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("report.html");
    let run = || halfrate(["report", "--data"]).arg(sample_audit());
    let done = run().arg("--html").arg(&file).ok();
    assert_eq!(done.text(), "", "the summary is printed when asked for");
    let page = fs::read_to_string(&file).unwrap();
    assert_eq!(run().args(["--html", "-"]).ok().text(), page);
    let both = run().args(["--format", "json", "--html"]).arg(&file).ok();
    assert_eq!(&both.json(), sample_summary());
    for part in ["$120.10", "59.9 %", "$36.00", "ticket-classification", "This is the first audit"]
    {
        assert!(page.contains(part), "{part}");
    }
    let refused = run().args(["--html", "no/such/folder/report.html"]).exits(1);
    assert!(refused.stderr.contains("cannot write no/such/folder"), "{}", refused.stderr);
}

#[test]
fn a_second_audit_shows_what_moved() {
    let home = tempfile::tempdir().unwrap();
    for (now, to) in [(NOW, "2026-10-20"), (NOW + 60, "2026-10-30")] {
        audit(&sample_data())
            .args(["--from", "2026-10-11", "--to", to, "--out"])
            .arg(home.path())
            .envs([("SOURCE_DATE_EPOCH", now.to_string())])
            .ok();
    }
    let page = halfrate(["report", "--html", "-", "--data"]).arg(home.path()).ok();
    let page = page.text();
    assert!(page.contains("over 11 October 2026 to 20 October 2026"), "{page}");
    assert!(page.contains("Its settings were others than now"));
    assert!(!page.contains("Its prices were others"));
    let said = "3 workloads moved: 3 with another eligible cost.";
    assert!(page.contains(said) && page.contains("model-evals/AWSCodeBuild"), "{page}");
    let told = halfrate(["report", "--data"]).arg(home.path()).ok();
    let of = "Moved since the last audit, which was of 2026-10-11 to 2026-10-20\n";
    assert!(told.text().contains(&format!("{of}  {said}\n")), "{}", told.text());
}

#[test]
fn figures_that_the_last_audit_did_not_tell_are_announced() {
    let (logs, home) = (Logs::new(), tempfile::tempdir().unwrap());
    let run = || audit(logs.path()).arg("--out").arg(home.path());
    logs.records("1.json.gz", &good(0..60));
    run().ok();
    let told = || halfrate(["report", "--data"]).arg(home.path()).ok().stderr;
    assert_eq!(told(), "");
    // Dies when the facts are merged and nothing is judged yet.
    logs.records("2.json.gz", &good(60..100));
    assert!(run().envs([("HALFRATE_FAIL_POINT", "table-written:3")]).done().is_killed());
    assert!(
        told().contains("100 calls; the last audit") && told().contains("in 60."),
        "{}",
        told()
    );
    run().ok();
    assert_eq!(told(), "");
}

#[test]
fn a_browser_shows_the_page_and_uses_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("sample.html");
    halfrate(["report", "--data"]).arg(sample_audit()).arg("--html").arg(&file).ok();
    let told = run_script("page.py", [file.as_os_str(), "10".as_ref(), "<litellm>".as_ref()]);
    assert!(told.is_none_or(|told| told.ends_with("the page works\n")));
}

/// What would be markup or script if it were not escaped, as a role's name and as a tag.
const HOSTILE: [&str; 5] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"><svg onload=alert(3)>",
    "' onfocus='alert(4)' autofocus '",
    "日本語 \u{1f600} <!-- &lt;b&gt; </style></title>",
];

#[test]
fn a_thousand_workloads_and_hostile_names_are_one_usable_page() {
    const PLAIN: usize = 1000;
    let logs = Logs::new();
    let call = |number: usize, role: &str, tag: &str| -> Value {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/job");
        let mut call = with(number as u32, "/identity/arn", json!(arn));
        call["requestMetadata"] = json!({ "app": tag });
        call["input"]["inputTokenCount"] = json!(1000 + number);
        call
    };
    let mut calls: Vec<Value> = (0..PLAIN).map(|n| call(n, &format!("service-{n}"), "x")).collect();
    for (number, name) in HOSTILE.iter().enumerate() {
        calls.push(call(PLAIN + number, name, name));
        // The dearest, so that they stand where a reader looks first.
        calls.last_mut().unwrap()["input"]["inputTokenCount"] = json!(5_000_000 + number);
    }
    assert!(record(0)["requestId"] != calls[1]["requestId"], "each call must count");
    logs.records("many.json.gz", &calls);
    let home = tempfile::tempdir().unwrap();
    let (out, file) = (home.path().join("out"), home.path().join("hostile.html"));
    audit(logs.path()).args(["--group-by", "metadata.app", "--out"]).arg(&out).ok();
    halfrate(["report", "--data"]).arg(&out).arg("--html").arg(&file).ok();
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for name in HOSTILE.iter().filter(|name| name.contains('<')) {
        assert!(!page.contains(name), "{name}");
    }
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "the name must be there, escaped");
    let rows = (PLAIN + HOSTILE.len()).to_string();
    let hostile = "<img src=x onerror=alert(1)>";
    let told = run_script("page.py", [file.as_os_str(), rows.as_ref(), hostile.as_ref()]);
    assert!(told.is_none_or(|told| told.ends_with("the page works\n")));
}
