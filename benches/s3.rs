//! Whether network and decoding overlap: an audit of logs on S3, beside fetching them alone and beside an audit of
//! the same logs on disk.
//!
//! `AWS_ENDPOINT_URL=http://127.0.0.1:8333 cargo bench --bench s3 -- s3://BUCKET/PREFIX LOGS`, with credentials in
//! the environment as for any command. Three processes run seven times in turn: one that lists and fetches and looks
//! at nothing, with as many requests in flight as a scan has; `halfrate audit LOGS`; `halfrate audit s3://…`. Told are
//! wall and CPU seconds, the audit from S3 over the larger of the two others of its turn, and how long the machine's
//! cores were idle meanwhile: where none is, all that could overlap does, and the audit takes what it and the server have to
//! compute.
//! `taskset` decides who shares a core with the server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use halfrate::commands::waiting_threads;
use halfrate::config::Limits;
use halfrate::source::{Allowance, Buffers, Deadline, S3Options, Selection, Source, get, list};
use halfrate::table::source::at_once;

use processes::{TICKS, Took, best, spread};

mod processes;

/// Runs of each process.
const RUNS: usize = 7;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(waiting_threads())
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
    let sizes = objects.iter().map(|object| object.size);
    let at_once = at_once(sizes, limits.in_flight_bytes, limits.concurrent_objects);
    let buffers = Buffers::default();
    let allowed =
        Allowance { bytes: limits.max_object_bytes, time: PATIENCE, deadline: Deadline::default() };
    let lengths = stream::iter(&objects).map(|object| async {
        get(source.store.as_ref(), object, allowed, &buffers).await.map(|bytes| bytes.len())
    });
    let total = lengths.buffer_unordered(at_once).try_fold(0, async |sum, length| Ok(sum + length));
    Ok(total.await?)
}

fn compare(prefix: &str, logs: &str) {
    assert!(Path::new(logs).is_dir(), "{logs} is no folder");
    let mut fetch = Command::new(std::env::current_exe().expect("a program knows itself"));
    fetch.args(["--fetch", prefix]);
    let mut idled = Vec::new();
    let turn = |_| {
        let [alone, disk] = [Took::of(&mut fetch), Took::of_audit(logs)];
        let before = idle();
        let s3 = Took::of_audit(prefix);
        idled.push(idle() - before);
        [alone, disk, s3]
    };
    let turns: Vec<[Took; 3]> = (0..RUNS).map(turn).collect();
    let best = |at, of| best(&turns, at, of);
    for (at, name) in ["fetching alone", "audit from disk", "audit from S3"].into_iter().enumerate()
    {
        println!("{name:<16} {:6.2} s, {:6.2} CPU s", best(at, |t| t.wall), best(at, |t| t.cpu));
    }
    let [alone, disk, s3] = [0, 1, 2].map(|at| best(at, |took| took.wall));
    println!("S3 over the larger {:.2}", s3 / alone.max(disk));
    let ratio = |[alone, disk, s3]: &[Took; 3]| s3.wall / alone.wall.max(disk.wall);
    let [lowest, median, highest] = spread(turns.iter().map(ratio).collect());
    println!("of turns {median:.2} ({lowest:.2} to {highest:.2})");
    let [lowest, median, highest] = spread(idled);
    println!("idle seconds of all cores meanwhile {median:.2} ({lowest:.2} to {highest:.2})");
}

/// Seconds that the machine's cores have been idle since it began, all together.
fn idle() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("Linux");
    // The first line is of all cores: its name, user, nice and system time, then idle and waiting for disks.
    let fields = stat.split_ascii_whitespace().skip(4).take(2);
    let ticks = fields.map(|field| field.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / TICKS
}
