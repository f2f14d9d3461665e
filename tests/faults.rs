//! The fault matrix: an S3 server that fails in every way at every stage, alone and mixed at random.
//!
//! Whatever happens, the tables end up as those of a run without faults: either in the same run, or it
//! ends with 1 or 3 and the next run, without faults, makes them so. `HALFRATE_FAULTS=5000` tries as many
//! seeds; a seed that failed is tried alone with `HALFRATE_FAULT_SEED=n`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::logs::{HOUR, good, gzip, lines};
use crate::program::{Done, halfrate};
use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;
use crate::tables::files;

/// Little patience, so that giving up is fast.
const PATIENCE: &str = "[retry]\nattempts = 4\nfirst_wait_ms = 1\nlongest_wait_ms = 4\n\
                        stall_ms = 300\nobject_seconds = 20\n";

/// More requests than are ever tried.
const ALWAYS: u32 = u32::MAX;

/// Seeds that every run of the tests tries.
const SEEDS: u64 = 200;

/// A server with logs, and place for many outputs.
struct Bench {
    root: tempfile::TempDir,
    server: Server,
}

impl Bench {
    /// Two days; an object with nothing new, one that repeats another's requests, one that is broken.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = Server::start(root.path());
        let next = HOUR.replace("05/09", "06/00");
        let mut late = good(100..130);
        for record in &mut late {
            let time = record["timestamp"].as_str().unwrap().replace("10-05T09", "10-06T00");
            record["timestamp"] = time.into();
        }
        for (key, content) in [
            (format!("{HOUR}/a.json.gz"), gzip(lines(&good(0..40)))),
            (format!("{HOUR}/b.json.gz"), gzip(lines(&good(20..60)))),
            (format!("{next}/c.json.gz"), gzip(lines(&late))),
            (format!("{next}/d.json.gz"), gzip(lines(late.iter().chain(&good(58..64))))),
        ] {
            server.write("logs", &key, &content);
        }
        server.write("out", "keep", b"");
        Self { root, server }
    }

    fn audit(&self, out: &str) -> Done {
        halfrate(["audit", "s3://logs", "--format", "json", "--out"])
            .arg(format!("s3://out/{out}"))
            .envs(self.server.environment())
            .file("halfrate.toml", PATIENCE)
            .done()
    }

    fn tables(&self, out: &str) -> PathBuf {
        self.root.path().join("out").join(out)
    }

    /// What is not as in a run without faults.
    fn difference(&self, out: &str) -> Option<String> {
        let (mine, right) = (self.tables(out), self.tables("right"));
        // The table of audits has a row for every run, and the state tells runs apart.
        let told = |file: &String| !file.starts_with("_state/") && file != "audits.parquet";
        let names = |folder: &Path| -> Vec<String> {
            if !folder.is_dir() {
                return Vec::new();
            }
            files(folder).into_iter().filter(told).collect()
        };
        let (found, wanted) = (names(&mine), names(&right));
        if found != wanted {
            return Some(format!("files are {found:?} and not {wanted:?}"));
        }
        found.into_iter().find_map(|file| {
            let same = fs::read(mine.join(&file)).unwrap() == fs::read(right.join(&file)).unwrap();
            (!same).then(|| format!("{file} differs"))
        })
    }

    /// Runs with the faults that are set, and again without; says what was wrong.
    fn hold(&self, out: &str, expected: &[i32]) -> Result<i32, String> {
        let first = self.audit(out);
        self.server.heal();
        let code = first.code().unwrap_or(-1);
        if !expected.contains(&code) || first.stderr.contains("panicked") {
            return Err(format!("exit code {code}, not one of {expected:?}: {}", first.stderr));
        }
        if code == 0 {
            return self.difference(out).map_or(Ok(code), |what| Err(format!("after 0: {what}")));
        }
        let second = self.audit(out);
        if second.code() != Some(0) {
            return Err(format!(
                "{:?} after {code} and {}: {}",
                second.code(),
                first.stderr,
                second.stderr
            ));
        }
        self.difference(out).map_or(Ok(code), |what| Err(format!("after {code}, 0: {what}")))
    }
}

/// A bench with the right tables made.
fn bench() -> Bench {
    let bench = Bench::new();
    let right = bench.audit("right");
    assert_eq!(right.code(), Some(0), "{}", right.stderr);
    let summary = right.json();
    assert_eq!(summary["scan"]["rows"], 94, "{summary}");
    bench
}

#[test]
fn each_fault_at_each_stage_alone() {
    let bench = bench();
    let (listing, reading) = (("ListObjectsV2", ""), ("GetObject", "a.json.gz"));
    let writing = ("PutObject", "workloads");
    let state = ("PutObject", "_state");
    let passing =
        [Kind::SlowDown, Kind::Internal, Kind::Reset, Kind::Delay(Duration::from_millis(20))];
    let mut cases: Vec<(&str, &str, Kind, u32, i32)> = Vec::new();
    for (operation, key) in [listing, reading, writing, state] {
        for kind in &passing {
            cases.push((operation, key, kind.clone(), 2, 0));
        }
        let failed = if operation == "GetObject" { 3 } else { 1 };
        for kind in [Kind::SlowDown, Kind::Internal, Kind::Reset, Kind::Denied, Kind::Expired] {
            cases.push((operation, key, kind, ALWAYS, failed));
        }
    }
    for kind in [Kind::Truncate(0), Kind::Truncate(100), Kind::Stall(100)] {
        cases.push((reading.0, reading.1, kind.clone(), 2, 0));
        cases.push((reading.0, reading.1, kind, ALWAYS, 3));
    }
    for (operation, key) in [writing, state] {
        cases.push((operation, key, Kind::Lost, 1, 0));
    }
    let mut wrong = Vec::new();
    for (number, (operation, key, kind, times, code)) in cases.iter().enumerate() {
        bench.server.fault(operation, key, kind.clone(), *times);
        if let Err(what) = bench.hold(&format!("alone-{number}"), &[*code]) {
            wrong.push(format!("{operation} {key} {kind:?} × {times}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Numbers of a seed.
struct Random(u64);

impl Random {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// The faults of a seed, and whether they may be more than can be ridden out.
fn faults(seed: u64) -> (Vec<(&'static str, &'static str, Kind, u32)>, bool) {
    let mut random = Random(seed);
    let (mut faults, mut lasting) = (Vec::new(), false);
    for _ in 0..1 + random.below(5) {
        let operation =
            random.of(&["ListObjectsV2", "GetObject", "GetObject", "PutObject", "PutObject", "*"]);
        let key =
            random.of(&["", "AWSLogs", ".json.gz", "b.json.gz", "_state", "usage", "workloads"]);
        let bytes = random.below(400);
        let mut kinds = vec![
            Kind::SlowDown,
            Kind::Internal,
            Kind::Reset,
            Kind::Lost,
            Kind::Denied,
            Kind::Expired,
            Kind::Delay(Duration::from_millis(random.next() % 20)),
        ];
        if operation == "GetObject" {
            kinds.extend([Kind::Truncate(bytes), Kind::Truncate(bytes)]);
            // Dear in time: rarely.
            if random.below(6) == 0 {
                kinds = vec![Kind::Stall(bytes)];
            }
        }
        let kind = random.of(&kinds);
        let times = random.of(&[1, 1, 1, 2, 3, 10]);
        lasting |= times > 1 || matches!(kind, Kind::Denied | Kind::Expired | Kind::Stall(_));
        faults.push((operation, key, kind, times));
    }
    // Several on one request add up to more than its tries.
    lasting |= faults.len() > 3;
    (faults, lasting)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn faults_mixed_at_random_never_change_what_comes_out() {
    /// Servers side by side; audits wait more than they work.
    const SERVERS: usize = 3;
    static ENDED: LazyLock<[AtomicU64; 4]> = LazyLock::new(Default::default);
    let one = number("HALFRATE_FAULT_SEED");
    let seeds = one.map_or(0..number("HALFRATE_FAULTS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let next = AtomicU64::new(seeds.start);
    let begun = Instant::now();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let bench = bench();
            let mut wrong = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return wrong;
                }
                let (faults, lasting) = faults(seed);
                for (operation, key, kind, times) in faults.clone() {
                    bench.server.fault(operation, key, kind, times);
                }
                let out = format!("seed-{seed}");
                let expected: &[i32] = if lasting { &[0, 1, 3] } else { &[0] };
                match bench.hold(&out, expected) {
                    Ok(code) => drop(ENDED[code as usize].fetch_add(1, Ordering::Relaxed)),
                    Err(what) => wrong.push(format!("seed {seed}: {faults:?}: {what}")),
                }
                let _ = fs::remove_dir_all(bench.tables(&out));
            }
        };
        let servers: Vec<_> = (0..SERVERS).map(|_| scope.spawn(work)).collect();
        servers.into_iter().flat_map(|server| server.join().unwrap()).collect()
    });
    let ended = |code: usize| ENDED[code].load(Ordering::Relaxed);
    eprintln!(
        "{} seeds in {:.0?}: {} rode faults out, {} failed and {} were incomplete until the next run",
        seeds.end - seeds.start,
        begun.elapsed(),
        ended(0),
        ended(1),
        ended(3)
    );
    assert!(wrong.is_empty(), "{} seeds went wrong:\n{}", wrong.len(), wrong.join("\n"));
    if one.is_none() {
        assert!((0..4).all(|code| code == 2 || ended(code) > 0), "every way to end is met");
    }
}
