//! Other programs on the same tables: DuckDB's answers to the cookbook, and data frames' types.
//!
//! They need what `tests/peers/install` puts into the target folder. Where it was not run, these tests say
//! so and pass; with `HALFRATE_PEERS=required`, as `.ci/run` sets, they fail.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::program::{NOW, audit, halfrate, repository, sample_audit};

/// The Python that has the other programs, or `None` where they are not installed.
fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("peers/bin/python");
    if python.exists() {
        return Some(python);
    }
    let message = "not compared with other programs: run tests/peers/install first";
    assert!(std::env::var_os("HALFRATE_PEERS").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// Runs a script of `tests/peers` and expects it to succeed; returns what it printed, or `None` where the
/// other programs are not installed.
pub(crate) fn run_script<S: AsRef<OsStr>>(
    script: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Option<String> {
    let script = repository().join("tests/peers").join(script);
    run_python(
        std::iter::once(script.into_os_string())
            .chain(arguments.into_iter().map(|argument| argument.as_ref().to_owned())),
    )
}

fn run_python<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Option<String> {
    let done = Command::new(python()?).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}\n{stderr}");
    Some(told)
}

/// An audit of two weeks over the end of a month, run twice, with a caller of every kind, an unreadable
/// object and a bad record: every report has rows on it.
fn company_audit() -> &'static Path {
    static OUT: LazyLock<PathBuf> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers-company");
        let _ = fs::remove_dir_all(&root);
        let (logs, out) = (root.join("logs"), root.join("out"));
        let wanted = ["--scenario", "company", "--days", "14", "--scale", "0.2"];
        halfrate(["simulate"]).arg(&logs).args(wanted).args(["--from", "2026-10-24"]).ok();
        let hour = "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/28/09";
        fs::create_dir_all(logs.join(hour)).unwrap();
        fs::write(logs.join(hour).join("bad.json.gz"), b"no gzip").unwrap();
        fs::write(logs.join(hour).join("worse.json"), "{\"timestamp\": 1}\n").unwrap();
        for (run, to) in [(0, "2026-11-03"), (3600, "2026-11-06")] {
            let now = (NOW + 6 * 86_400 + run).to_string();
            audit(&logs)
                .args(["--to", to, "--out"])
                .arg(&out)
                .envs([("SOURCE_DATE_EPOCH", now)])
                .exits(3);
        }
        out
    });
    &OUT
}

#[test]
fn the_cookbook_means_the_same_in_duckdb() {
    let program = Path::new(env!("CARGO_BIN_EXE_halfrate"));
    if let Some(told) = run_script("reports.py", [program, sample_audit(), company_audit()]) {
        assert!(told.ends_with("20 reports over 2 audits, 0 differences\n"), "{told}");
    }
}

#[test]
fn every_report_runs_without_other_programs_too() {
    for recipe in halfrate::schema::cookbook::COOKBOOK {
        for out in [sample_audit(), company_audit()] {
            let run = halfrate(["sql", "--report", recipe.name, "--format", "csv", "--data"]);
            let done = run.arg(out).ok();
            assert!(done.text().lines().count() >= 1, "{}", recipe.name);
        }
        let shown = halfrate(["sql", "--report", recipe.name, "--show"]).ok();
        assert_eq!(shown.text(), recipe.sql);
    }
    let listed = halfrate(["sql", "--reports"]).ok();
    assert_eq!(listed.text().lines().count(), halfrate::schema::cookbook::COOKBOOK.len());
    let near = halfrate(["sql", "--report", "savings_by_modle"]).exits(2);
    assert!(near.stderr.contains("'savings_by_model'"), "{}", near.stderr);
}

#[test]
fn data_frames_get_decimals_dates_and_times_as_such() {
    let page = repository().join("docs/bi.md");
    let program = Path::new(env!("CARGO_BIN_EXE_halfrate"));
    if let Some(told) = run_script("frames.py", [program, sample_audit(), &page]) {
        assert!(told.ends_with("3 blocks of Python, 0 wrong types\n"), "{told}");
    }
}
