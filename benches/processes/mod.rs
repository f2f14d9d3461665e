//! Whole processes and what they took, for benches that hold them against each other. Linux only: `/proc` tells.

use std::process::{Command, Stdio};
use std::time::Instant;

/// Ticks in a second of times in `/proc`: fixed by Linux for all that read it.
pub(crate) const TICKS: f64 = 100.0;

/// What a process took, its start included.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// Seconds of the clock.
    pub(crate) wall: f64,
    /// Seconds of cores, of user and system, in hundredths.
    pub(crate) cpu: f64,
}

impl Took {
    /// Runs a process that has to succeed.
    pub(crate) fn of(command: &mut Command) -> Self {
        let (begun, before) = (Instant::now(), children());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.expect("it starts");
        assert!(status.success(), "{status}");
        Self { wall: begun.elapsed().as_secs_f64(), cpu: children() - before }
    }

    /// Runs an audit.
    pub(crate) fn of_audit(logs: &str) -> Self {
        // Into a new folder each time: a second audit of the same logs reads nothing.
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_halfrate"));
        Self::of(command.args(["audit", logs, "--out"]).arg(folder.path()))
    }
}

/// The lowest, the median and the highest.
pub(crate) fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0, values.len() / 2, values.len() - 1].map(|at| values[at])
}

/// The least that the process at a place of each turn took.
pub(crate) fn best<const N: usize>(turns: &[[Took; N]], at: usize, of: fn(&Took) -> f64) -> f64 {
    spread(turns.iter().map(|turn| of(&turn[at])).collect())[0]
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
