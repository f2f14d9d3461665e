//! Whether network and decoding overlap: an audit of logs on S3, beside fetching them alone and beside an audit of
//! the same logs on disk.
//!
//! `AWS_ENDPOINT_URL=http://127.0.0.1:8333 cargo bench --bench s3 -- s3://BUCKET/PREFIX LOGS`, with credentials in
//! the environment as for any command. Three processes run seven times in turn: one that lists and fetches and looks
//! at nothing, with as many requests in flight as a scan has; `halfrate audit LOGS`; `halfrate audit s3://…`. Told are
//! wall and CPU seconds, and the audit from S3 over the larger of the two others of its turn. `taskset` decides who shares
//! a core with the server. Linux only: `/proc` tells CPU seconds.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use halfrate::config::Limits;
use halfrate::source::{Allowance, Buffers, Deadline, S3Options, Selection, Source, get, list};

/// Runs of each process.
const RUNS: usize = 7;

/// Ticks in a second of `/proc/self/stat`: fixed by Linux for all that read it.
const TICKS: f64 = 100.0;

/// More than any object needs.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next(), arguments.next()) {
        (Some(flag), Some(prefix)) if flag == "--fetch" => fetch(&prefix),
        (Some(prefix), Some(logs)) if prefix.starts_with("s3://") => compare(&prefix, &logs),
        // `cargo bench` runs every bench, also without logs to read.
        _ => eprintln!(
            "name the same logs on S3 and on disk: cargo bench --bench s3 -- s3://BUCKET/PREFIX LOGS"
        ),
    }
}

/// Lists the prefix and fetches every object, on as many threads as an audit fetches with.
fn fetch(prefix: &str) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(2))
        .enable_all()
        .build()
        .expect("a runtime");
    let bytes = runtime.block_on(fetch_all(prefix)).expect("objects that can be read");
    println!("{bytes}");
}

async fn fetch_all(prefix: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let source = Source::open(prefix, &S3Options::default()).await?;
    let listing = list(&source, &Selection::default(), &|_| {}).await?;
    let mut objects: Vec<_> = listing.objects.iter().map(|object| object.meta()).collect();
    objects.sort_by_key(|object| std::cmp::Reverse(object.size));
    let limits = Limits::default();
    let mut sum = 0;
    let fits = objects.iter().take_while(|object| {
        sum += object.size;
        sum <= limits.in_flight_bytes
    });
    let at_once = fits.count().clamp(1, limits.concurrent_objects);
    let buffers = Buffers::default();
    let allowed =
        Allowance { bytes: limits.max_object_bytes, time: PATIENCE, deadline: Deadline::default() };
    let lengths = stream::iter(&objects).map(|object| async {
        get(source.store.as_ref(), object, allowed, &buffers).await.map(|bytes| bytes.len())
    });
    let total = lengths.buffer_unordered(at_once).try_fold(0, async |sum, length| Ok(sum + length));
    Ok(total.await?)
}

/// What a process took.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
}

impl Took {
    fn of(command: &mut Command) -> Self {
        let (begun, before) = (Instant::now(), children());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.expect("it starts");
        assert!(status.success(), "{status}");
        Self { wall: begun.elapsed().as_secs_f64(), cpu: children() - before }
    }
}

fn audit(logs: &str) -> Took {
    // Into a new folder each time: a second audit of the same logs reads nothing.
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_halfrate"));
    Took::of(command.args(["audit", logs, "--out"]).arg(folder.path()))
}

fn compare(prefix: &str, logs: &str) {
    assert!(Path::new(logs).is_dir(), "{logs} is no folder");
    let own = std::env::current_exe().expect("a program knows itself");
    let mut turns = Vec::new();
    for _ in 0..RUNS {
        let alone = Took::of(Command::new(&own).args(["--fetch", prefix]));
        turns.push([alone, audit(logs), audit(prefix)]);
    }
    for (at, name) in ["fetching alone", "audit from disk", "audit from S3"].into_iter().enumerate()
    {
        let [wall, cpu] = [|t: &Took| t.wall, |t: &Took| t.cpu]
            .map(|of| turns.iter().map(|turn| of(&turn[at])).fold(f64::MAX, f64::min));
        println!("{name:<16} {wall:6.2} s, {cpu:6.2} CPU s");
    }
    let best = |at: usize| turns.iter().map(|turn| turn[at].wall).fold(f64::MAX, f64::min);
    println!("S3 over the larger {:.2}", best(2) / best(0).max(best(1)));
    let mut ratios: Vec<_> =
        turns.iter().map(|[alone, disk, s3]| s3.wall / alone.wall.max(disk.wall)).collect();
    ratios.sort_by(f64::total_cmp);
    let [lowest, median, highest] = [0, RUNS / 2, RUNS - 1].map(|at| ratios[at]);
    println!("of turns {median:.2} ({lowest:.2} to {highest:.2})");
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
