//! Judging workloads of thirty days: one, by how many of its minutes are active, and ten thousand.

use divan::Bencher;
use divan::counter::ItemsCount;

use halfrate::config::Tolerance;
use halfrate::tolerance::judge::judge;
use halfrate::units::{Day, Minute, Tokens};
use halfrate::workload::{
    Activity, CallerKind, MinuteFacts, SizeHistogram, Window, Workload, WorkloadKey,
};

/// First day of the window.
const FIRST: i32 = 20_727;
/// Days of the window.
const DAYS: i32 = 30;

fn main() {
    divan::main();
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A workload under a neutral name of which one minute in `every` is active, at random.
fn workload(every: u64) -> Workload {
    let mut state = every;
    let start = Day(FIRST).start().0;
    let mut minutes = Vec::new();
    for minute in start..start + i64::from(DAYS) * Minute::PER_DAY {
        if !next(&mut state).is_multiple_of(every) {
            continue;
        }
        let mut tens = [0; 6].map(|_: i64| (next(&mut state) % 4) as i64);
        tens[0] += 1;
        let mut activity = Activity { requests: tens.iter().sum(), ..Activity::default() };
        activity.tokens.input = Tokens(activity.requests * 1000);
        activity.tokens.output = Tokens(activity.requests * 200);
        minutes.push(MinuteFacts { minute: Minute(minute), tens, activity });
    }
    let sizes = SizeHistogram { bins: (80..140).map(|bin| (bin, 7)).collect() };
    let key = WorkloadKey {
        account: "111122223333".into(),
        region: "us-east-1".into(),
        caller: "app/<ec2>".into(),
        caller_kind: CallerKind::Program,
        model: "anthropic.claude-haiku-4-5".into(),
        scope: "us".into(),
        operation: "Converse".into(),
        tags: String::new(),
    };
    Workload { key, minutes, input_sizes: sizes.clone(), output_sizes: sizes }
}

#[divan::bench(args = [1, 2, 10, 100])]
fn one_minute_in(bencher: Bencher<'_, '_>, every: u64) {
    let (workload, config) = (workload(every), Tolerance::default());
    let window = Window { from: Day(FIRST), to: Day(FIRST + DAYS - 1) };
    bencher
        .counter(ItemsCount::new(workload.minutes.len()))
        .bench(|| judge(divan::black_box(&workload), &window, &config));
}

/// A company's ten thousand: of a hundred workloads one is active in every minute, nine in every second,
/// thirty in one of ten and sixty in one of a hundred. Only judging is timed, as the audit does it:
/// one workload at a time.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn ten_thousand(bencher: Bencher<'_, '_>) {
    let config = Tolerance::default();
    let window = Window { from: Day(FIRST), to: Day(FIRST + DAYS - 1) };
    let kinds = [1, 2, 10, 100].map(workload);
    let of = |n: usize| match n % 100 {
        0 => &kinds[0],
        1..10 => &kinds[1],
        10..40 => &kinds[2],
        _ => &kinds[3],
    };
    bencher.counter(ItemsCount::new(10_000_usize)).bench(|| {
        let judged = (0..10_000).map(|n| judge(divan::black_box(of(n)), &window, &config));
        judged.collect::<Vec<_>>()
    });
}
