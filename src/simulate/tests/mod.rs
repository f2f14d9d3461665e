//! The simulator against what it promises: determinism, layout, shapes, totals and truths.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io::Read;

use serde_json::Value;

use super::*;
use crate::units::Tokens;

mod shapes;
mod worked;

/// A record with the key of its object.
struct Logged {
    key: String,
    record: Value,
    bytes: usize,
}

fn run(spec: &Spec) -> (Vec<Object>, Summary) {
    let mut objects = Vec::new();
    let summary = generate::<Infallible>(spec, &mut |object| {
        objects.push(object);
        Ok(())
    });
    (objects, summary.unwrap())
}

fn company() -> Spec {
    Spec { days: 2, scale: 0.3, ..Spec::of(Scenario::Company, 5) }
}

fn is_record_object(key: &str) -> bool {
    key.ends_with(".json.gz") && !key.contains("/data/")
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut raw).unwrap();
    raw
}

fn records(objects: &[Object]) -> Vec<Logged> {
    let mut logged = Vec::new();
    for object in objects.iter().filter(|object| is_record_object(&object.key)) {
        let raw = inflate(&object.bytes);
        let mut stream = serde_json::Deserializer::from_slice(&raw).into_iter::<Value>();
        let mut from = 0;
        while let Some(record) = stream.next() {
            let bytes = stream.byte_offset() - from;
            from = stream.byte_offset();
            logged.push(Logged { key: object.key.clone(), record: record.unwrap(), bytes });
        }
    }
    logged
}

fn text<'a>(logged: &'a Logged, pointer: &str) -> &'a str {
    logged.record.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn count(logged: &Logged, pointer: &str) -> Tokens {
    Tokens(logged.record.pointer(pointer).and_then(Value::as_i64).unwrap_or(0))
}

fn tokens(logged: &Logged) -> TokenCounts {
    TokenCounts {
        input: count(logged, "/input/inputTokenCount"),
        cache_read: count(logged, "/input/cacheReadInputTokenCount"),
        cache_write: count(logged, "/input/cacheWriteInputTokenCount"),
        output: count(logged, "/output/outputTokenCount"),
    }
}

/// The first of each request id.
fn once(logged: Vec<Logged>) -> Vec<Logged> {
    let mut seen = BTreeSet::new();
    logged.into_iter().filter(|l| seen.insert(text(l, "/requestId").to_owned())).collect()
}

fn matches(pattern: &str, arn: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => arn.starts_with(prefix),
        None => pattern == arn,
    }
}

#[test]
fn same_seed_same_bytes_and_another_seed_others() {
    let spec = Spec { days: 1, scale: 0.1, ..company() };
    let (first, second) = (run(&spec), run(&spec));
    assert!(first.0.len() > 50);
    assert_eq!(first, second);
    assert_ne!(first.0, run(&Spec { seed: 6, ..spec }).0);
}

#[test]
fn bytes_are_those_of_the_machine_that_pinned_them() {
    for (spec, pinned) in [
        (Spec { scale: 0.002, ..Spec::of(Scenario::RecordsTypical, 1) }, "15f0a611e7657d36"),
        (Spec { days: 2, ..Spec::of(Scenario::WorkedExample, 1) }, "b98dbcc166affcf2"),
    ] {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for object in run(&spec).0.iter().filter(|object| is_record_object(&object.key)) {
            for byte in object.key.bytes().chain(inflate(&object.bytes)) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        assert_eq!(format!("{hash:016x}"), pinned, "after a change renew sample-data too");
    }
}

#[test]
fn keys_have_the_layout_and_come_in_order() {
    let (objects, summary) = run(&company());
    assert!(objects.windows(2).all(|pair| pair[0].key < pair[1].key));
    let (mut record_objects, mut sidecars, mut checks) = (0, 0, 0);
    for Object { key, bytes } in &objects {
        let parts: Vec<&str> = key.split('/').collect();
        assert_eq!((parts[0], parts[2]), ("AWSLogs", "BedrockModelInvocationLogs"), "{key}");
        assert_eq!(parts[1].len(), 12, "{key}");
        if parts.len() == 5 {
            assert_eq!((parts[4], bytes.len()), ("amazon-bedrock-logs-permission-check", 0));
            checks += 1;
        } else if parts[8] == "data" {
            assert!(parts[9].ends_with("_input.json.gz"), "{key}");
            let body = inflate(bytes);
            assert!(body.len() > 100_000, "{} bytes need not be off-loaded", body.len());
            assert!(serde_json::from_slice::<Value>(&body).unwrap()["messages"].is_array());
            sidecars += 1;
        } else {
            let (stamp, hex) = parts[8].split_once('_').unwrap();
            let hour = format!("{}{}{}T{}", parts[4], parts[5], parts[6], parts[7]);
            assert!(stamp.starts_with(&hour) && stamp.ends_with('Z'), "{key}");
            assert_eq!(stamp.len(), "20261001T020007123Z".len(), "{key}");
            let hex = hex.strip_suffix(".json.gz").unwrap();
            assert!(hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
            record_objects += 1;
        }
    }
    assert!(sidecars > 0);
    assert_eq!(
        (record_objects, sidecars, checks),
        (summary.objects, summary.sidecars, summary.permission_checks)
    );
}

#[test]
fn records_are_delivered_after_they_happened_and_some_hours_late() {
    let logged = records(&run(&company()).0);
    let mut late = 0;
    for l in &logged {
        let happened = text(l, "/timestamp")[..13].replace(['-', 'T'], "/");
        let delivered = l.key.split('/').skip(4).take(4).collect::<Vec<_>>().join("/");
        assert!(happened <= delivered, "{happened} in {}", l.key);
        assert!(happened.starts_with("2026/10/0"), "{happened} is outside the window");
        late += u32::from(happened < delivered && &happened[11..] != "59");
    }
    assert!(late > 2, "{late} late records");
}

#[test]
fn the_summary_is_what_the_records_add_up_to() {
    let (objects, summary) = run(&company());
    let logged = records(&objects);
    assert_eq!(logged.len() as u64, summary.records);
    let raw: u64 = logged.iter().map(|l| l.bytes as u64).sum();
    assert!(raw <= summary.raw_bytes && summary.raw_bytes < raw + 2 * summary.records);
    let unique = once(logged);
    assert!(summary.duplicates > 0);
    assert_eq!(unique.len() as u64, summary.records - summary.duplicates);
    let mut sums: BTreeMap<Label, TokenCounts> = BTreeMap::new();
    for l in &unique {
        let arn = text(l, "/identity/arn");
        let labels: BTreeSet<Label> = (summary.truths.iter())
            .filter(|truth| truth.arns.iter().any(|pattern| matches(pattern, arn)))
            .map(|truth| truth.label)
            .collect();
        assert_eq!(labels.len(), 1, "{arn}");
        for label in labels {
            *sums.entry(label).or_default() += tokens(l);
        }
    }
    for (label, sum) in sums {
        assert_eq!(sum, summary.tokens_of(label), "{label}");
    }
    let errors = unique.iter().filter(|l| l.record.get("errorCode").is_some()).count() as u64;
    assert_eq!(errors, summary.truths.iter().map(|truth| truth.errors).sum::<u64>());
}

#[test]
fn labels_name_every_caller_once() {
    let spec = company();
    let csv = labels(&spec);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("arn,label"));
    let patterns: Vec<(&str, &str)> = lines.map(|line| line.split_once(',').unwrap()).collect();
    for l in records(&run(&spec).0) {
        let arn = text(&l, "/identity/arn");
        let found = patterns.iter().filter(|(pattern, _)| matches(pattern, arn)).count();
        assert_eq!(found, 1, "{arn}");
    }
    assert!(patterns.iter().any(|(_, label)| *label == "tolerant"));
    assert!(patterns.iter().any(|(_, label)| *label == "interactive"));
}

#[test]
fn company_records_take_half_a_kilobyte_to_a_hundred() {
    let mut sizes: Vec<usize> = Vec::new();
    for seed in 1..4 {
        sizes.extend(records(&run(&Spec { seed, ..company() }).0).iter().map(|l| l.bytes));
    }
    let (min, max) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    assert!(*min >= 400 && *min < 700, "smallest {min}");
    assert!(*max <= 100_000 && *max > 60_000, "largest {max}");
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((6_000..10_000).contains(&mean), "mean {mean}");
}

#[test]
fn bench_corpora_have_the_sizes_they_are_named_for() {
    for (scenario, mean, range) in [
        (Scenario::RecordsSmall, 2_000, 400..3_001),
        (Scenario::RecordsTypical, 20_000, 400..100_000),
        (Scenario::RecordsLarge, 45_000, 35_001..100_000),
        (Scenario::RecordsEmbeddings, 20_000, 5_000..30_000),
    ] {
        let spec = Spec { scale: 0.05, ..Spec::of(scenario, 1) };
        let (objects, summary) = run(&spec);
        let sizes: Vec<usize> = records(&objects).iter().map(|l| l.bytes).collect();
        let odd: Vec<&usize> = sizes.iter().filter(|size| !range.contains(*size)).collect();
        assert!(odd.is_empty(), "{scenario}: {odd:?}");
        let measured = sizes.iter().sum::<usize>() / sizes.len();
        assert!(measured.abs_diff(mean) < mean / 8, "{scenario}: mean {measured}");
        let corpus = summary.raw_bytes as f64 / 12_800_000.0;
        assert!((0.85..1.15).contains(&corpus), "{scenario}: {corpus} of the corpus");
    }
}

#[test]
fn without_text_delivery_a_record_is_small_and_has_its_counts() {
    let spec = Spec { bodies: false, days: 1, scale: 0.1, ..company() };
    let (objects, summary) = run(&spec);
    assert_eq!(summary.sidecars, 0);
    for l in records(&objects) {
        assert!(l.bytes < 1_200, "{} bytes", l.bytes);
        assert!(l.record.pointer("/input/inputBodyJson").is_none());
        assert!(l.record.pointer("/output/outputBodyJson").is_none());
    }
    assert_eq!(summary.tokens(), run(&Spec { bodies: true, ..spec }).1.tokens());
}

#[test]
fn scale_multiplies_the_calls() {
    let base = Spec { scale: 0.2, ..company() };
    let (one, two) = (run(&base).1.records, run(&Spec { scale: 0.4, ..base }).1.records);
    let ratio = two as f64 / one as f64;
    assert!((1.8..2.2).contains(&ratio), "{one} and {two}");
}

#[test]
fn an_error_of_the_callback_ends_it() {
    let mut left = 3;
    let result = generate(&company(), &mut |_| {
        left -= 1;
        if left == 0 { Err("disk full") } else { Ok(()) }
    });
    assert_eq!((result.err(), left), (Some("disk full"), 0));
}

#[test]
fn nothing_comes_of_no_days_or_no_places() {
    for spec in [
        Spec { days: 0, ..Spec::of(Scenario::WorkedExample, 1) },
        Spec { scale: 0.0, days: 1, ..Spec::of(Scenario::Company, 1) },
        Spec { regions: Vec::new(), ..company() },
    ] {
        assert_eq!(run(&spec).1.records, 0);
    }
}
