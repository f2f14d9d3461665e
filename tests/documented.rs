//! Every command line of the documentation, executed: on sample data, with an S3 server in this process for
//! the buckets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use tempfile::TempDir;

use crate::docs::{blocks, first_round, pages};
use crate::program::{NOW, repository, sample_audit, sample_data};
use crate::support::s3_server::Server;

/// What the pages name and a test cannot have, and what stands for it.
const STAND_INS: [(&str, &str); 8] = [
    ("cargo run --release --", "halfrate"),
    ("/usr/local/bin/halfrate", "halfrate"),
    ("/var/lib/node_exporter/textfile_collector/", ""),
    ("/var/lib/halfrate/", ""),
    ("/srv/halfrate/", ""),
    ("/tmp/try", "try"),
    // Less of the same, so that the test takes seconds.
    ("--scenario company", "--scenario company --scale 0.05"),
    ("--scenario archetypes", "--scenario archetypes --scale 0.02"),
];

/// Lines that are not executed here, and why.
const ELSEWHERE: [(&str, &str); 1] =
    [("halfrate serve", "runs until it is stopped: tests/serve.rs starts it, and with TLS")];

/// Buckets of the pages that hold logs.
const BUCKETS: [&str; 5] = ["my-logs", "logs", "logs-prod", "logs-data", "logs-eu"];

/// What the buckets hold: two days, because requests to a server in a debug build take their time.
const DAYS: [&str; 2] = [
    "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/05",
    "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/06",
];

/// The shell lines of a page that start halfrate, in their order: in shell blocks, in a unit of systemd and
/// in a line of cron.
fn lines(page: &Path) -> Vec<String> {
    let scheduled =
        Regex::new(r"^(?:ExecStart=|[0-9* ]+ halfrate )(?:\S*/)?(halfrate .*)$").unwrap();
    let starts = Regex::new(r"^(?:[A-Z_]+=\S+ +)*(?:halfrate|cargo run --release --) ").unwrap();
    let mut lines = Vec::new();
    for block in blocks(page, &["sh", "shell", "bash", "console", "", "ini", "text"]) {
        for line in first_round(&block.replace("\\\n", " ")).lines() {
            let line = line.trim().trim_start_matches("$ ");
            let line = scheduled.captures(line).map_or(line, |hit| hit.get(1).unwrap().as_str());
            // The first line of a summary is no command: it names a version.
            if starts.is_match(line) && !line.starts_with("halfrate 0.") {
                lines.push(line.to_owned());
            }
        }
    }
    lines
}

/// A folder with what the pages take for granted: `out` of an audit, logs, labels, and `halfrate` on the path.
struct Place {
    home: TempDir,
    _buckets: TempDir,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let (home, buckets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server = Server::start(buckets.path());
        for (bucket, day) in BUCKETS.iter().flat_map(|bucket| DAYS.map(|day| (bucket, day))) {
            server.seed(&format!("{bucket}/{day}"), &sample_data().join(day));
        }
        for day in DAYS {
            server.seed(&format!("my-logs/bedrock/{day}"), &sample_data().join(day));
        }
        fs::create_dir(buckets.path().join("my-reports")).unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        let link = |from: PathBuf, to: &str| {
            std::os::unix::fs::symlink(from, home.path().join(to)).unwrap();
        };
        link(env!("CARGO_BIN_EXE_halfrate").into(), "bin/halfrate");
        link(sample_data(), "sample-data");
        link(repository().join("queries"), "queries");
        let labels = "arn,label\narn:aws:sts::*:assumed-role/ticket-classification/*,tolerant\n";
        fs::write(home.path().join("labels.csv"), labels).unwrap();
        let place = Self { home, _buckets: buckets, server };
        let out = place.home.path().join("out");
        let copied = Command::new("cp").arg("-r").arg(sample_audit()).arg(out).status().unwrap();
        assert!(copied.success());
        place.run("halfrate audit s3://my-logs --out s3://my-reports/bedrock").unwrap();
        place
    }

    /// Runs a line in a shell; what it said if it failed.
    fn run(&self, line: &str) -> Result<(), String> {
        let mut script = line.replace("http://127.0.0.1:9000", &self.server.endpoint());
        for (named, stand_in) in STAND_INS {
            script = script.replace(named, stand_in);
        }
        let path = std::env::var("PATH").unwrap();
        let done = Command::new("sh")
            .args(["-c", &script])
            .current_dir(self.home.path())
            .env_clear()
            .envs(self.server.environment())
            .env("HOME", self.home.path())
            .env("SOURCE_DATE_EPOCH", NOW.to_string())
            .env("PATH", format!("{}/bin:{path}", self.home.path().display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        if done.status.success() {
            Ok(())
        } else {
            Err(format!("{script}\n{:?} {told}", done.status))
        }
    }
}

/// Runs a page's lines one after the other and returns how many, and what failed.
fn execute(page: &Path) -> (usize, Vec<String>) {
    let elsewhere = |line: &String| ELSEWHERE.iter().any(|(start, _)| line.contains(start));
    let lines: Vec<String> = lines(page).into_iter().filter(|line| !elsewhere(line)).collect();
    if lines.is_empty() {
        return (0, Vec::new());
    }
    let place = Place::new();
    let failed = lines.iter().filter_map(|line| place.run(line).err());
    let failed = failed.map(|told| format!("{}: {told}", page.display())).collect();
    (lines.len(), failed)
}

#[test]
fn commands_on_the_pages_run() {
    let pages = pages();
    let done = std::thread::scope(|scope| {
        let running: Vec<_> = pages.iter().map(|page| scope.spawn(|| execute(page))).collect();
        running.into_iter().map(|page| page.join().unwrap()).collect::<Vec<_>>()
    });
    let failed: Vec<String> = done.iter().flat_map(|(_, failed)| failed.clone()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let ran: usize = done.iter().map(|(ran, _)| ran).sum();
    assert!(ran >= 30, "only {ran} lines were found");
    for (start, why) in ELSEWHERE {
        let named = |page: &PathBuf| lines(page).iter().any(|line| line.contains(start));
        assert!(pages.iter().any(named), "no page has '{start}', which {why}");
    }
}
