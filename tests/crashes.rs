//! Audits that are killed, stopped or started twice: the next one ends where an uninterrupted one would.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use halfrate::failpoint::POINTS;
use serde_json::json;

use crate::program::no_namespace;
use crate::story::{Dice, Object, Place, assert_as_from_scratch, differences, objects};
use crate::support::s3_faults::Kind;
use crate::tables::read;

/// Points that an audit passes once a file, and the passages at which the process dies there: early, in the
/// middle and late. It dies once at the others.
const OFTEN: [&str; 4] = ["file-staged", "file-renamed", "state-committed", "table-written"];
const PASSAGES: [u32; 3] = [1, 2, 9];

/// Instants at which it is killed from outside, for each place, twice in a row each.
const KILLS: u64 = 15;

/// The story in two parts, the second with what changes the first: late objects, a rewritten one.
fn parts() -> (Vec<Object>, Vec<Object>) {
    // Two days of it are enough, and quick.
    let few: Vec<Object> = objects().into_iter().take(12).collect();
    let (first, mut second): (Vec<Object>, Vec<Object>) =
        few.into_iter().enumerate().fold((vec![], vec![]), |(mut a, mut b), (at, object)| {
            if at % 3 == 0 {
                b.push(object)
            } else {
                a.push(object)
            }
            (a, b)
        });
    let mut rewritten = first[1].clone();
    rewritten.content = rewritten.content.lines().skip(2).map(|line| format!("{line}\n")).collect();
    second.push(rewritten);
    (first, second)
}

/// A place with an audit of the first part, the second part delivered, and the tables as they should become.
struct Scene {
    place: Place,
    runs: u32,
}

impl Scene {
    fn new(place: Place) -> Self {
        let (first, second) = parts();
        place.deliver(&first);
        place.audit("base").done();
        place.deliver(&second);
        place.audit("scratch").done();
        Self { place, runs: 0 }
    }

    /// A fresh dataset: every other one has the first part already.
    fn out(&mut self) -> String {
        self.runs += 1;
        let name = format!("run-{}", self.runs);
        if self.runs.is_multiple_of(2) {
            copy(&self.place.out("base"), &self.place.out(&name));
        }
        name
    }

    /// The next audit repairs; tables that were there at any time are whole files.
    fn repair(&self, out: &str, context: &str) {
        let done = self.place.audit(out).done();
        let wrong = differences(&self.place, out, "scratch");
        assert!(wrong.is_empty(), "{context}:\n{}\n{}", wrong.join("\n"), done.stderr);
        fs::remove_dir_all(self.place.out(out)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every Parquet file that a reader would find is whole.
fn assert_whole(out: &Path) {
    if !out.exists() {
        return;
    }
    for file in crate::tables::files(out).iter().filter(|file| file.ends_with(".parquet")) {
        read(&out.join(file));
    }
}

fn dies_at_every_point(place: Place) {
    let mut scene = Scene::new(place);
    let mut died = 0;
    for point in POINTS {
        for passage in PASSAGES.into_iter().take(if OFTEN.contains(&point) { 3 } else { 1 }) {
            // Once into an empty dataset and once into one that has a part.
            for _ in 0..2 {
                let out = scene.out();
                let at = format!("{point}:{passage}");
                let run = match scene.runs.is_multiple_of(3) {
                    true => scene.place.audit_in_pieces(&out),
                    false => scene.place.audit(&out),
                };
                died += u32::from(run.envs([("HALFRATE_FAIL_POINT", &at)]).done().is_killed());
                assert_whole(&scene.place.out(&out));
                scene.repair(&out, &format!("{at} into {out}"));
            }
        }
    }
    // No file is staged on S3, and not every audit commits nine days; all others die.
    eprintln!("{died} audits died");
    assert!(died >= 20, "only {died} audits died");
}

#[test]
fn an_audit_that_dies_at_any_commit_point_is_made_good_on_disk() {
    dies_at_every_point(Place::disk());
}

#[test]
fn an_audit_that_dies_at_any_commit_point_is_made_good_on_s3() {
    dies_at_every_point(Place::s3());
}

fn is_killed_at_any_instant(place: Place, seed: u64) {
    let mut scene = Scene::new(place);
    let (mut dice, mut killed) = (Dice(seed), 0);
    // How long one takes depends on the machine.
    let out = scene.out();
    let started = Instant::now();
    assert!(!scene.place.audit(&out).done().is_killed());
    let most = started.elapsed().as_millis() as usize;
    for kill in 0..KILLS {
        let out = scene.out();
        // Twice in a row: the second kill hits a repair.
        for _ in 0..2 {
            let (mut child, _home) = scene.place.audit(&out).spawn();
            std::thread::sleep(Duration::from_millis(dice.below(most) as u64));
            child.kill().unwrap();
            killed += u64::from(child.wait().unwrap().code().is_none());
            assert_whole(&scene.place.out(&out));
        }
        scene.repair(&out, &format!("kill {kill} into {out}"));
    }
    // A quick machine may be done before its time has come.
    eprintln!("{killed} audits killed");
    assert!(killed >= KILLS, "only {killed} audits were killed");
}

#[test]
fn an_audit_killed_at_any_instant_is_made_good_on_disk() {
    is_killed_at_any_instant(Place::disk(), 7);
}

#[test]
fn an_audit_killed_at_any_instant_is_made_good_on_s3() {
    is_killed_at_any_instant(Place::s3(), 11);
}

/// Audits on a file system of 4 MB with this many KB free, makes room and audits again; what comes of it is
/// kept under the datasets' real folder.
const FULL: &str = r#"
set -e
cd "$1"
shift
mkdir held
mount --bind out held
mount -t tmpfs -o size=4m none out
for from in base none; do
    for room in 0 4 12 28 60 100 140 180 220; do
        name=$from-$room
        if [ $from = base ]; then cp -r held/base out/run; fi
        cat /dev/zero >out/filler 2>/dev/null || true
        truncate -s -${room}K out/filler
        code=0
        "$@" >/dev/null 2>held/told-$name || code=$?
        echo $code >held/code-$name
        if [ -e out/run ]; then cp -r out/run held/full-$name; fi
        rm out/filler
        "$@" >/dev/null 2>&1 || true
        cp -r out/run held/after-$name
        rm -r out/run
    done
done
"#;

#[test]
fn an_audit_on_a_full_disk_is_made_good_when_there_is_room() {
    if let Some(reason) = no_namespace() {
        eprintln!("skipped, no small file system: {reason}");
        return;
    }
    let scene = Scene::new(Place::disk());
    let place = &scene.place;
    let run = place.audit("run").in_namespace(FULL, &[place.folder()]);
    let done = run.done();
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    let (mut full, mut files_named) = (0, BTreeSet::new());
    for entry in fs::read_dir(place.folder().join("out")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(case) = name.strip_prefix("code-") else { continue };
        let code = fs::read_to_string(place.out(&name)).unwrap();
        let told = fs::read_to_string(place.out(&format!("told-{case}"))).unwrap();
        // One record of the story cannot be read: 3 is the end of an audit that found room.
        match code.trim() {
            "1" => {
                full += 1;
                assert!(told.contains("No space left on device"), "{case}: {told}");
                let last = told.lines().last().unwrap();
                files_named.extend(
                    last.split(['/', ' ', ':']).find(|w| w.contains(".parquet")).map(str::to_owned),
                );
                assert!(
                    last.starts_with("halfrate: ") && last.contains("out/run"),
                    "{case}: {told}"
                );
            }
            "3" => assert!(told.contains("Tables: "), "{case}: {told}"),
            code => panic!("{case}: {code}: {told}"),
        }
        // Whatever was written when the disk was full, each table is as before or as after.
        let left = place.out(&format!("full-{case}"));
        for file in if left.exists() { crate::tables::files(&left) } else { vec![] } {
            let is = |whose: &str| {
                fs::read(left.join(&file)).ok() == fs::read(place.out(whose).join(&file)).ok()
            };
            let own = file == "audits.parquet";
            assert!(own || is("base") || is("scratch"), "{case}: {file} is neither");
        }
        assert_whole(&left);
        let wrong = differences(place, &format!("after-{case}"), "scratch");
        assert!(wrong.is_empty(), "{case}:\n{}", wrong.join("\n"));
    }
    eprintln!("{full} audits found the disk full, at {files_named:?}");
    assert!(full >= 6, "only {full} audits found the disk full");
}

fn terminate(child: &Child) {
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_stopped_audit_commits_what_it_read_and_goes_on_later() {
    let place = Place::s3();
    let all = objects();
    place.deliver(&all);
    // Most objects come at once, some not before the test is over.
    let slow = Kind::Delay(Duration::from_secs(60));
    place.server().fault("GetObject", "/04/", slow, u32::MAX);
    let (child, _home) = place.audit("out").spawn();
    std::thread::sleep(Duration::from_millis(1500));
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("Stopped: "), "{told}");
    assert!(output.stdout.is_empty());
    let state = fs::read_dir(place.out("out").join("_state")).unwrap();
    let days = state
        .filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".parquet"));
    assert!(days.count() >= 3, "what was read is committed");
    place.server().heal();
    let rest = place.audit("out").exits(3);
    assert!(rest.stderr.contains("were known"), "{}", rest.stderr);
    assert_as_from_scratch(&place, "out", "stopped");
}

#[test]
fn of_two_audits_at_once_one_wins_and_the_other_says_who_did() {
    for place in [Place::disk(), Place::s3()] {
        place.deliver(&objects());
        for round in 0..3 {
            let out = format!("round-{round}");
            let runs: Vec<_> = (0..3).map(|_| place.audit(&out).spawn()).collect();
            let mut won = 0;
            for (child, _home) in runs {
                let id = child.id();
                let output = child.wait_with_output().unwrap();
                let told = String::from_utf8(output.stderr).unwrap();
                match output.status.code() {
                    // One record of the story cannot be read.
                    Some(3) => won += 1,
                    Some(1) => {
                        assert!(told.contains("another audit writes"), "{told}");
                        assert!(told.contains("process ") && told.contains(" since "), "{told}");
                        assert!(!told.contains(&format!("process {id} ")), "{told}");
                        assert!(output.stdout.is_empty());
                    }
                    code => panic!("{code:?}: {told}"),
                }
            }
            assert!(won >= 1);
            assert_as_from_scratch(&place, &out, "two at once");
        }
    }
}

#[test]
fn a_lock_of_another_machine_is_kept_until_it_ends() {
    let place = Place::s3();
    place.deliver(&objects()[..3]);
    let lock = |expires: u64| {
        let owner = json!({
            "host": "elsewhere", "pid": 4711, "since": 1_793_000_000, "expires": expires, "run": 1,
        });
        place.server().write("out", "x/_state/lock", owner.to_string().as_bytes());
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    lock(now + 3600);
    let refused = place.audit("x").exits(1);
    assert!(refused.stderr.contains("process 4711 on elsewhere"), "{}", refused.stderr);
    assert!(refused.stderr.contains("2026-10-26"), "{}", refused.stderr);
    lock(now - 1);
    place.audit("x").ok();
    assert!(!place.out("x").join("_state/lock").exists(), "it is given back");
}

#[test]
fn an_output_without_state_or_of_another_version_is_known_as_such() {
    let place = Place::disk();
    place.deliver(&objects());
    place.audit("out").exits(3);
    let out = place.out("out");
    // As the first version left it: tables, no state; and a day that the logs no longer have.
    fs::remove_dir_all(out.join("_state")).unwrap();
    fs::create_dir_all(out.join("usage/date=2026-09-01")).unwrap();
    let stale = out.join("usage/date=2026-09-01/usage.parquet");
    fs::copy(out.join("usage/date=2026-10-01/usage.parquet"), &stale).unwrap();
    let again = place.audit("out").exits(3);
    assert!(again.stderr.contains("kept no state"), "{}", again.stderr);
    assert!(!stale.exists());
    assert_as_from_scratch(&place, "out", "without state");
    // An index of an older schema is believed no more, and the tables are made again from the state.
    let index = out.join("_state/index");
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    text["schema_version"] = json!("1");
    fs::write(&index, text.to_string()).unwrap();
    fs::remove_file(out.join("sizes/date=2026-10-02/sizes.parquet")).unwrap();
    let made = place.audit("out").exits(3);
    assert!(made.stderr.contains("Read 0 objects"), "{}", made.stderr);
    assert_as_from_scratch(&place, "out", "of an older schema");
    // A newer one is refused, whichever file tells of it.
    for key in ["schema_version", "state_version"] {
        let newer = if key == "schema_version" { json!("99") } else { json!(99) };
        let mut text = text.clone();
        text[key] = newer;
        fs::write(&index, text.to_string()).unwrap();
        let refused = place.audit("out").exits(1);
        assert!(refused.stderr.contains("newer halfrate"), "{}", refused.stderr);
        assert!(refused.stderr.contains("upgrade"), "{}", refused.stderr);
    }
}

#[test]
fn damaged_files_of_the_dataset_are_named_or_made_again() {
    let place = Place::disk();
    place.deliver(&objects());
    place.audit("out").exits(3);
    let out = place.out("out");
    let damage = |name: &str| {
        let mut file = fs::File::create(out.join(name)).unwrap();
        file.write_all(b"PAR1 and nothing else").unwrap();
    };
    damage("usage/date=2026-10-01/usage.parquet");
    damage("volume/date=2026-10-02/volume.parquet");
    damage("_state/index");
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "damaged tables");
    damage("_state/2026-10-02.parquet");
    let refused = place.audit("out").exits(1);
    assert!(refused.stderr.contains("2026-10-02.parquet is damaged"), "{}", refused.stderr);
    assert!(refused.stderr.contains("remove it"), "{}", refused.stderr);
    fs::remove_file(out.join("_state/2026-10-02.parquet")).unwrap();
    place.audit("out").exits(3);
    assert_as_from_scratch(&place, "out", "after its removal");
}
