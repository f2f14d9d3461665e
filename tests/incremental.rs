//! Audits into a dataset that an earlier one wrote: the same rows as from scratch, and nothing read twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::logs::{HOUR, gzip, lines, record};
use crate::program::halfrate;
use crate::story::{Dice, Object, Place, assert_as_from_scratch, last_audit, objects};
use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;
use crate::tables::{files, rows, value};

/// Seeds of random batches on disk; each is a handful of audits.
const SEEDS_DISK: u64 = 6;
const SEEDS_S3: u64 = 3;

/// Delivers the story in random batches in random order, with an audit after each, and compares.
fn in_batches(place: &Place, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
    let mut all = objects();
    dice.shuffle(&mut all);
    let out = format!("seed-{seed}");
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(1 + dice.below(rest.len().min(12)));
        place.deliver(batch);
        let audit = match seed.is_multiple_of(2) {
            true => place.audit_in_pieces(&out),
            false => place.audit(&out),
        };
        let done = audit.done();
        assert!(matches!(done.code(), Some(0 | 3)), "{}", done.stderr);
        rest = after;
    }
    assert_as_from_scratch(place, &out, &format!("seed {seed}"));
    for object in &all {
        place.delete(object);
    }
}

#[test]
fn any_batches_in_any_order_give_the_same_bytes_on_disk() {
    let place = Place::disk();
    (0..SEEDS_DISK).for_each(|seed| in_batches(&place, seed));
}

#[test]
fn any_batches_in_any_order_give_the_same_bytes_on_s3() {
    let place = Place::s3();
    (0..SEEDS_S3).for_each(|seed| in_batches(&place, seed));
}

#[test]
fn the_story_counts_each_request_once() {
    let place = Place::disk();
    place.deliver(&objects());
    place.audit("out").exits(3);
    let out = place.out("out");
    // 8 + 6 + 5 + 6 + 4 a day for four days, and five in the export that no object of the layout holds.
    assert_eq!(value(&out, "SELECT sum(requests) FROM usage"), 4 * 29 + 5);
    assert_eq!(value(&out, "SELECT sum(rejects) FROM objects"), 1);
    let audit = last_audit(&out);
    let of = |name: &str| audit[name].as_i64().unwrap();
    assert_eq!(of("records"), of("rows") + of("rejects") + of("duplicates"));
    assert_eq!(of("rows"), of("requests"));
    // Without counting once every record that can be read counts.
    place.audit("all").arg("--no-dedupe").exits(3);
    let all = last_audit(&place.out("all"));
    assert_eq!(all["duplicates"], 0);
    assert_eq!(all["requests"], of("rows") + of("duplicates"));
}

#[test]
fn an_audit_of_what_is_known_reads_no_log_and_changes_no_byte() {
    let place = Place::s3();
    place.deliver(&objects());
    place.audit("out").exits(3);
    let out = place.out("out");
    let before: Vec<_> = files(&out).into_iter().map(|f| fs::read(out.join(f)).unwrap()).collect();
    // Whoever asks for a log now hears no, and the audit would say so.
    let server = place.server();
    server.fault("GetObject", ".json.gz", Kind::Denied, u32::MAX);
    server.forget_requests();
    let done = place.audit("out").exits(3);
    assert_eq!(done.json()["scan"]["unreadable"], 0);
    assert!(done.stderr.contains("Read 0 objects"), "{}", done.stderr);
    let puts = server.requests()["PutObject"];
    assert!(puts <= 10, "{puts} files were written although nothing changed");
    let after: Vec<_> = files(&out).into_iter().map(|f| fs::read(out.join(f)).unwrap()).collect();
    assert_eq!(before, after);
    server.heal();
}

/// Four weeks of 150 objects an hour, of one record each. The first audit takes most of the time; with
/// `--nocapture` it tells what each run asked of the store and its processor time.
#[test]
#[ignore = "takes minutes: reads 100,800 objects first"]
fn a_hundred_thousand_known_objects_cost_a_listing() {
    const AN_HOUR: u32 = 150;
    let (home, home_of_tables) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(home.path());
    fs::create_dir_all(home.path().join("logs")).unwrap();
    for hour in 0..28 * 24 {
        let (day, hour_of_day) = (hour / 24 + 1, hour % 24);
        let folder = HOUR.replace("10/05/09", &format!("10/{day:02}/{hour_of_day:02}"));
        for n in 0..AN_HOUR {
            let mut record = record(hour * AN_HOUR + n);
            let minute = n % 60;
            record["timestamp"] =
                json!(format!("2026-10-{day:02}T{hour_of_day:02}:{minute:02}:30Z"));
            server.hold("logs", &format!("{folder}/{n:03}.json.gz"), gzip(lines([&record])));
        }
    }
    let out = home_of_tables.path().join("out");
    let run = |flags: &[&str]| {
        server.forget_requests();
        let run = halfrate(["audit", "s3://logs", "--format", "json", "--out"]).arg(&out);
        let begun = Instant::now();
        let (done, ticks) = run.args(flags).envs(server.environment()).watched(processor_time);
        assert_eq!(done.code(), Some(0), "{}", done.stderr);
        let (took, asked) = (begun.elapsed().as_secs_f64(), server.requests());
        eprintln!("{flags:?}: {took:.1} s, {} processor s, {asked:?}", ticks as f64 / 100.0);
        (done, asked)
    };
    run(&["--dry-run"]);
    run(&[]);
    let (known, asked) = run(&[]);
    assert!(known.stderr.contains("Read 0 objects"), "{}", known.stderr);
    assert_eq!(known.json()["scan"]["objects"], 28 * 24 * AN_HOUR);
    assert_eq!(asked.keys().collect::<Vec<_>>(), [&"ListObjectsV2"]);
    // A page of keys an hour, and the folders above.
    assert!(asked["ListObjectsV2"] < 28 * (24 + 3), "{asked:?}");
    run(&["--dry-run"]);
}

/// Keeps a process's user and system time, in hundredths of a second as Linux tells it.
fn processor_time(pid: u32, ticks: &mut u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse().ok()).collect();
    *ticks = (*ticks).max(fields.iter().sum());
}

/// The state files of the story's second day, by name, as the dataset has them.
fn segments(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let state = fs::read_dir(out.join("_state")).unwrap();
    let names = state.map(|file| file.unwrap().file_name().into_string().unwrap());
    let of_day = names.filter(|name| name.starts_with("2026-10-02"));
    of_day.map(|name| (name.clone(), fs::read(out.join("_state").join(name)).unwrap())).collect()
}

#[test]
fn a_day_that_grows_goes_on_in_another_state_file() {
    let place = Place::disk();
    let all = objects();
    let (of_day, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|object| object.key.contains("/2026/10/02/"));
    place.deliver(&others);
    place.deliver(&of_day[..5]);
    place.audit_in_pieces("out").exits(3);
    let out = place.out("out");
    let before = segments(&out);
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    let expected = ["2026-10-02.1.parquet", "2026-10-02.2.parquet", "2026-10-02.parquet"];
    let sizes: Vec<usize> = before.values().map(Vec::len).collect();
    assert_eq!(names, expected, "of {sizes:?} bytes");
    assert_as_from_scratch(&place, "out", "three state files");
    // What is new goes into the last one, and the others stay as they are.
    place.deliver(&of_day[5..]);
    place.audit_in_pieces("out").exits(3);
    let after = segments(&out);
    for name in ["2026-10-02.1.parquet", "2026-10-02.parquet"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert!(before["2026-10-02.2.parquet"] != after["2026-10-02.2.parquet"]);
    assert_as_from_scratch(&place, "out", "an object more");
    // An object of the first one is rewritten and goes into the last one; the second one stays.
    let mut rewritten = of_day[0].clone();
    rewritten.content = rewritten.content.lines().take(3).fold(String::new(), |a, l| a + l + "\n");
    place.deliver([&rewritten]);
    place.audit_in_pieces("out").exits(3);
    let then = segments(&out);
    assert!(after["2026-10-02.parquet"] != then["2026-10-02.parquet"]);
    assert_eq!(after["2026-10-02.1.parquet"], then["2026-10-02.1.parquet"]);
    assert_as_from_scratch(&place, "out", "a rewritten object of the first one");
    // Objects that are gone are marked where they are.
    let aside = [&rewritten, &of_day[1]].map(|object| {
        let file = place.folder().join("logs").join(&object.key);
        let aside = place.folder().join(file.file_name().unwrap());
        fs::rename(&file, &aside).unwrap();
        (aside, file)
    });
    place.audit_in_pieces("out").exits(3);
    assert_eq!(value(&out, "SELECT count(*) FROM objects WHERE gone"), 2);
    for (aside, file) in aside {
        fs::rename(aside, file).unwrap();
    }
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "objects that came back");
    // Without one its objects are read again.
    fs::remove_file(out.join("_state/2026-10-02.1.parquet")).unwrap();
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "a state file that was lost");
    // All read again: each row moves behind those that are still old.
    place.audit_in_pieces("out").args(["--rescan", "2026-10-02..2026-10-02"]).exits(3);
    assert_as_from_scratch(&place, "out", "all read again");
}

#[test]
fn a_late_object_takes_over_what_a_later_one_counted() {
    let place = Place::disk();
    let all = objects();
    // The copy and the late delivery first, then what they repeat.
    let (first, second): (Vec<&Object>, Vec<&Object>) = all
        .iter()
        .partition(|object| object.key.contains("copy-of-a") || object.key.contains("late"));
    place.deliver(first);
    place.audit("out").ok();
    let out = place.out("out");
    let copied = "SELECT sum(rows) FROM objects WHERE key LIKE '%copy-of-a%'";
    assert_eq!(value(&out, copied), 4 * 8);
    place.deliver(second);
    place.audit("out").exits(3);
    assert_eq!(value(&out, copied), 0);
    assert_as_from_scratch(&place, "out", "late objects");
}

#[test]
fn a_rewritten_object_replaces_what_it_held() {
    for place in [Place::disk(), Place::s3()] {
        let all = objects();
        place.deliver(&all);
        place.audit("out").exits(3);
        // Half of it goes, and with it the first mention of requests that the copy holds as well; the flat
        // file changes the day that it belongs to with its time.
        let half = |object: &Object| {
            let kept = object.content.lines().count() / 2;
            let content = object
                .content
                .lines()
                .take(kept)
                .fold(String::new(), |text, line| text + line + "\n");
            Object { key: object.key.clone(), content }
        };
        place.deliver(&[half(&all[0]), half(&all[4]), half(all.last().unwrap())]);
        let flat = place.folder().join("logs").join(&all.last().unwrap().key);
        let older = std::time::SystemTime::now() - std::time::Duration::from_secs(5 * 86_400);
        fs::File::options().append(true).open(flat).unwrap().set_modified(older).unwrap();
        place.audit("out").exits(3);
        assert_as_from_scratch(&place, "out", "rewritten objects");
        // An object emptied holds nothing, and its copy counts.
        let file = place.folder().join("logs").join(&all[0].key);
        fs::write(file, "").unwrap();
        place.audit("out").exits(3);
        assert_as_from_scratch(&place, "out", "an emptied object");
    }
}

#[test]
fn an_object_deleted_later_stays_counted_and_is_marked_gone() {
    let place = Place::s3();
    let all = objects();
    place.deliver(&all);
    place.audit("out").exits(3);
    let out = place.out("out");
    let requests = value(&out, "SELECT sum(requests) FROM usage");
    let gone = || rows(&out, "SELECT key FROM objects WHERE gone ORDER BY key");
    assert!(gone().is_empty());
    place.delete(&all[3]);
    place.delete(&all[8]);
    place.audit("out").exits(3);
    let keys: Vec<Value> = [&all[3], &all[8]].map(|o| json!({ "key": o.key })).into();
    assert_eq!(gone(), keys);
    assert_eq!(value(&out, "SELECT sum(requests) FROM usage"), requests);
    // What a new object would take over from one that is gone stays where it is.
    let copy =
        Object { key: all[3].key.replace("copy", "another"), content: all[3].content.clone() };
    place.deliver([&copy]);
    place.audit("out").exits(3);
    assert_eq!(value(&out, "SELECT sum(requests) FROM usage"), requests);
    // Back again, it is no longer gone.
    place.delete(&copy);
    place.deliver([&all[3], &all[8]]);
    place.audit("out").exits(3);
    assert_eq!(gone(), [json!({ "key": copy.key })]);
}

#[test]
fn requests_of_an_object_that_is_gone_are_left_out_of_a_new_one() {
    let place = Place::disk();
    let all = objects();
    place.deliver(&all[3..4]);
    place.audit("out").ok();
    place.delete(&all[3]);
    // It repeats the one that is gone and comes before it.
    place.deliver(&all[..1]);
    place.audit("out").ok();
    let out = place.out("out");
    assert_eq!(value(&out, "SELECT sum(requests) FROM usage"), 8);
    let of_new = "SELECT rows, duplicates, gone FROM objects ORDER BY key";
    let wanted = [
        json!({ "rows": 0, "duplicates": 8, "gone": false }),
        json!({ "rows": 8, "duplicates": 0, "gone": true }),
    ];
    assert_eq!(rows(&out, of_new), wanted);
}

#[test]
fn what_cannot_be_read_is_told_and_read_the_next_time() {
    let place = Place::s3();
    let all = objects();
    place.deliver(&all);
    let server = place.server();
    server.fault("GetObject", "/02/09/b.json.gz", Kind::Denied, u32::MAX);
    server.fault("GetObject", "/03/02/a.json.gz", Kind::Missing, u32::MAX);
    let summary = place.audit("out").exits(3).json();
    assert_eq!(summary["scan"]["unreadable"], 2);
    let out = place.out("out");
    let errors = rows(&out, "SELECT error FROM objects WHERE error IS NOT NULL ORDER BY key");
    assert!(errors[0]["error"].as_str().unwrap().contains("s3:GetObject"), "{errors:?}");
    assert!(errors[1]["error"].as_str().unwrap().contains("gone since"), "{errors:?}");
    // As before: still told, nothing lost.
    let again = place.audit("out").exits(3).json();
    assert_eq!(again["scan"], summary["scan"]);
    server.heal();
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "read at last");
    // One that went before it was ever read leaves nothing behind.
    let short_lived =
        Object { key: all[0].key.replace("/a.json", "/x.json"), content: all[0].content.clone() };
    place.deliver([&short_lived]);
    server.fault("GetObject", "/x.json.gz", Kind::Missing, u32::MAX);
    place.audit("out").exits(3);
    place.delete(&short_lived);
    server.heal();
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "never read");
}

#[test]
fn overlapping_sources_count_once_in_any_order_of_runs() {
    let place = Place::disk();
    let all = objects();
    place.deliver(&all);
    let account = place.folder().join("logs/AWSLogs/111122223333");
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("copy.json.gz"), gzip(&all[0].content)).unwrap();
    let out = place.out("out");
    let requests = || value(&out, "SELECT sum(requests) FROM usage");
    let run = |source: &std::path::Path| {
        crate::program::audit(source).arg("--out").arg(&out).done();
        requests()
    };
    // A part by another name, then all of it, then a copy elsewhere: new objects, no new requests.
    let part = run(&account);
    assert_eq!(part, 4 * 29);
    let whole = run(&place.folder().join("logs"));
    assert_eq!(whole, 4 * 29 + 5);
    let objects = value(&out, "SELECT count(*) FROM objects");
    assert_eq!(objects, all.len());
    assert_eq!(run(copy.path()), whole);
    assert_eq!(run(&account), whole);
    let gone = value(&out, "SELECT count(*) FROM objects WHERE gone");
    assert_eq!(gone, 0, "a source that is not named is not looked at");
}

#[test]
fn days_are_read_again_when_asked_for() {
    let place = Place::s3();
    place.deliver(&objects());
    place.audit("out").exits(3);
    let again = place.audit("out").args(["--rescan", "2026-10-02..2026-10-03"]).exits(3);
    assert!(again.stderr.contains("Read 12 objects"), "{}", again.stderr);
    assert_as_from_scratch(&place, "out", "rescan of days");
    // A failure where the same version was read before loses nothing.
    place.server().fault("GetObject", "/02/09/b.json.gz", Kind::Denied, u32::MAX);
    place.audit("out").args(["--rescan", "2026-10-02"]).exits(3);
    place.server().heal();
    assert_as_from_scratch(&place, "out", "rescan that fails");
    let all = place.audit("out").args(["--rescan", "all"]).exits(3);
    assert!(!all.stderr.contains("were known"), "{}", all.stderr);
    assert_as_from_scratch(&place, "out", "rescan of everything");
}

#[test]
fn options_that_change_facts_are_not_mixed() {
    let place = Place::disk();
    place.deliver(&objects());
    place.audit("out").exits(3);
    for (option, told) in
        [(&["--group-by", "metadata.app"][..], "--group-by"), (&["--no-dedupe"], "--no-dedupe")]
    {
        let refused = place.audit("out").args(option).exits(1);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert!(refused.stderr.contains("--rescan all"), "{}", refused.stderr);
        assert!(refused.stdout.is_empty());
    }
    assert_as_from_scratch(&place, "out", "refused");
    place.audit("out").args(["--no-dedupe", "--rescan", "all"]).exits(3);
    place.audit("other").args(["--no-dedupe"]).exits(3);
    assert!(crate::story::differences(&place, "out", "other").is_empty());
}

#[test]
fn a_dry_run_tells_what_is_known_and_what_it_would_cost() {
    let place = Place::s3();
    let all = objects();
    place.deliver(&all[..20]);
    let plain = place.audit("out").arg("--dry-run").ok();
    assert!(plain.text().starts_with("Would read 20 objects"), "{}", plain.text());
    assert!(!place.out("out").exists());
    place.audit("out").exits(3);
    place.deliver(&all[20..]);
    let later = place.audit("out").arg("--dry-run").ok();
    let wanted = format!("Would read {} objects", all.len() - 20);
    assert!(later.text().starts_with(&wanted), "{}", later.text());
    assert!(later.text().contains("not read again: 20 objects"), "{}", later.text());
    assert!(later.text().contains("GET"), "{}", later.text());
}

#[test]
fn years_of_logs_are_not_listed_to_judge_a_month() {
    let place = Place::s3();
    let all = objects();
    place.deliver(&all[..23]);
    let old = |year: u32| {
        let object = &all[0];
        let at = |text: &str| text.replace("2026/10", &format!("{year}/10"));
        let content = object.content.replace("2026-10", &format!("{year}-10"));
        Object { key: at(&object.key), content }
    };
    let years: Vec<Object> = (2022..2026).map(old).collect();
    place.deliver(&years);
    let server = place.server();
    server.forget_requests();
    let summary = place.audit("out").exits(3).json();
    assert_eq!(summary["window"]["from"], "2026-09-06");
    assert_eq!(summary["window"]["to"], "2026-10-04");
    assert_eq!(summary["scan"]["objects"], 23);
    let days = value(&place.out("out"), "SELECT min(date) FROM usage");
    assert_eq!(days, "2026-10-01");
    // Named, an older time is read, and stays beside the other.
    let october = ["--from", "2023-10-01", "--to", "2023-10-31"];
    let summary = place.audit("out").args(october).ok().json();
    assert_eq!(summary["scan"]["objects"], 1);
    assert_eq!(value(&place.out("out"), "SELECT count(DISTINCT date) FROM usage"), 5);
    let summary = place.audit("out").exits(3).json();
    assert_eq!(summary["window"]["from"], "2026-09-06");
    assert_eq!(summary["scan"]["objects"], 23);
    let two = place.audit("out").args(["--window", "1"]).ok().json();
    assert_eq!(two["window"], json!({ "from": "2026-10-03", "to": "2026-10-04", "days": 2 }));
    let requests = "SELECT sum(requests) FROM usage WHERE date >= '2026-10-03'";
    assert_eq!(two["totals"]["requests"], value(&place.out("out"), requests));
}
