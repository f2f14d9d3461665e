//! The limit ratio: CPU seconds of a process that only reads and inflates logs, over those of an audit.
//!
//! `taskset -c 0 cargo bench --bench limit -- LOGS` for one core, without `taskset` for all. Each process
//! runs seven times in turn; told are the ratio of the best and the median ratio of neighbours, which a machine that
//! changes its speed between them disturbs least. Seconds are user and system, the start included, in
//! hundredths. Linux only: `/proc` tells.

use std::path::{Path, PathBuf};
use std::process::Command;

use halfrate::decode::gunzip::Gunzip;

use processes::{Took, best, spread};

mod processes;

/// Runs of each process.
const RUNS: usize = 7;

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
    let mut inflate = Command::new(own);
    inflate.args(["--inflate", logs]);
    let output = inflate.output().expect("it starts");
    let bytes = String::from_utf8(output.stdout).expect("digits");
    let turns: Vec<[Took; 2]> =
        (0..RUNS).map(|_| [Took::of(&mut inflate), Took::of_audit(logs)]).collect();
    let best = |at, of| best(&turns, at, of);
    let [least, audit] = [0, 1].map(|at| best(at, |took| took.cpu));
    let ratios = turns.iter().map(|[inflate, audit]| inflate.cpu / audit.cpu);
    let [lowest, median, highest] = spread(ratios.collect());
    let megabytes = bytes.trim().parse::<f64>().expect("digits") / 1e6;
    println!("{megabytes:.0} MB: inflating {least:.2} CPU s, audit {audit:.2} CPU s");
    println!(
        "by the clock {:.2} s and {:.2} s",
        best(0, |took| took.wall),
        best(1, |took| took.wall)
    );
    println!("limit ratio {:.3}", least / audit);
    println!("of neighbours {median:.3} ({lowest:.3} to {highest:.3})");
}
