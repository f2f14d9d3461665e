//! The limit ratio: CPU seconds of a process that only reads and inflates logs, over those of an audit.
//!
//! `taskset -c 0 cargo bench --bench limit -- LOGS` for one core, without `taskset` for all. Each process
//! runs seven times in turn; told are the ratio of the best and the median ratio of neighbours, which a machine that
//! changes its speed between them disturbs least. Seconds are user and system, the start included, in
//! hundredths. Linux only: `/proc` tells.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use halfrate::decode::gunzip::Gunzip;

/// Runs of each process.
const RUNS: usize = 7;

/// Ticks in a second of `/proc/self/stat`: fixed by Linux for all that read it.
const TICKS: f64 = 100.0;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next(), arguments.next()) {
        (Some(flag), Some(logs)) if flag == "--inflate" => inflate(Path::new(&logs)),
        (Some(logs), None) => compare(&logs),
        // `cargo bench` runs every bench, also without logs to read.
        _ => eprintln!("name a folder of logs: cargo bench --bench limit -- LOGS"),
    }
}

/// Reads and inflates every object, and looks at none.
fn inflate(logs: &Path) {
    let (mut gunzip, mut inflated) = (Gunzip::default(), 0);
    for file in objects(logs) {
        let bytes = std::fs::read(&file).expect("a file that was listed");
        inflated += gunzip
            .inflate(&bytes, u64::MAX, |piece: &[u8]| {
                std::hint::black_box(piece);
            })
            .expect("gzip");
    }
    println!("{inflated}");
}

/// Log objects below `folder`; bodies kept apart and permission checks are none.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("data") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "gz") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn compare(logs: &str) {
    let own = std::env::current_exe().expect("a program knows itself");
    let (mut least, mut audit) = (f64::MAX, f64::MAX);
    let (mut inflated, mut ratios) = (String::new(), Vec::new());
    for _ in 0..RUNS {
        let before = children();
        let output = Command::new(&own).args(["--inflate", logs]).output().expect("it starts");
        let limit = children() - before;
        least = least.min(limit);
        inflated = String::from_utf8(output.stdout).expect("digits");
        // Into a new folder each time: a second audit of the same logs reads nothing.
        let folder = tempfile::tempdir().expect("a folder");
        let before = children();
        let status = Command::new(env!("CARGO_BIN_EXE_halfrate"))
            .args(["audit", logs, "--out"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("halfrate starts");
        assert!(status.success(), "{status}");
        let audited = children() - before;
        audit = audit.min(audited);
        ratios.push(limit / audited);
    }
    ratios.sort_by(f64::total_cmp);
    let megabytes = inflated.trim().parse::<f64>().expect("digits") / 1e6;
    println!("{megabytes:.0} MB: inflating {least:.2} CPU s, audit {audit:.2} CPU s");
    let [lowest, median, highest] = [0, RUNS / 2, RUNS - 1].map(|at| ratios[at]);
    println!("limit ratio {:.3}", least / audit);
    println!("of neighbours {median:.3} ({lowest:.3} to {highest:.3})");
}

/// CPU seconds of all children that have ended.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // Behind the name, which may hold spaces, fields count from the third; user and system time of
    // children are the 16th and 17th.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields.skip(13).take(2).map(|field| field.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / TICKS
}
