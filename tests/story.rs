//! A small bucket of logs with everything that makes counting once hard, and audits of it step by step.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::logs::{gzip, lines, record};
use crate::program::{Run, halfrate};
use crate::support::s3_server::Server;
use crate::tables::{files, rows};

const LAYOUT: &str = "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10";

/// Between the state files of one and of two objects.
const SEGMENT_BYTES: &str = "7000";

/// One object: its key, and what it holds uncompressed.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) content: String,
}

impl Object {
    fn new(day: u32, hour: u32, name: &str, records: &[Value]) -> Self {
        Self { key: format!("{LAYOUT}/{day:02}/{hour:02}/{name}.json.gz"), content: lines(records) }
    }
}

/// A record of a request, made on a day at an hour by one of three callers.
fn call(n: u32, day: u32, hour: u32) -> Value {
    let mut record = record(n);
    record["timestamp"] = json!(format!("2026-10-{day:02}T{hour:02}:{:02}:30Z", n % 60));
    let role = ["tagging/GlueJobRunnerSession", "chat-api/app", "evals/AWSCodeBuild-1"];
    record["identity"]["arn"] =
        json!(format!("arn:aws:sts::111122223333:assumed-role/{}", role[n as usize % 3]));
    record["input"]["inputTokenCount"] = json!(100 + n);
    record
}

fn calls(numbers: std::ops::Range<u32>, day: u32, hour: u32) -> Vec<Value> {
    numbers.map(|n| call(n, day, hour)).collect()
}

/// The objects, in the order in which they count: four days, with requests delivered twice in an object, an
/// hour, a day and over midnight, a copy of a whole object, a bad record, and a file without the layout.
pub(crate) fn objects() -> Vec<Object> {
    let mut all = Vec::new();
    for day in 1..=4 {
        let base = day * 100;
        all.push(Object::new(day, 2, "a", &calls(base..base + 8, day, 1)));
        let twice = [calls(base + 8..base + 14, day, 8), calls(base + 9..base + 11, day, 8)];
        all.push(Object::new(day, 9, "b", &twice.concat()));
        let again = [calls(base + 4..base + 8, day, 1), calls(base + 20..base + 25, day, 9)];
        all.push(Object::new(day, 10, "c", &again.concat()));
        all.push(Object::new(day, 10, "copy-of-a", &calls(base..base + 8, day, 1)));
        all.push(Object::new(day, 23, "d", &calls(base + 30..base + 36, day, 23)));
        let late = [calls(base + 33..base + 36, day, 23), calls(base + 40..base + 44, day, 23)];
        all.push(Object::new(day + 1, 0, "late", &late.concat()));
    }
    all[7].content.push_str("{\"no\": \"record\"}\n");
    let flat = [calls(102..104, 1, 1), calls(150..155, 2, 5)].concat();
    all.push(Object { key: "export/flat.json.gz".into(), content: lines(&flat) });
    all
}

/// Where the logs and the tables lie.
pub(crate) enum Place {
    /// Folders of a temporary one.
    Disk(tempfile::TempDir),
    /// Buckets of a server in this process; their content is in the folder.
    S3(tempfile::TempDir, Box<Server>),
}

impl Place {
    pub(crate) fn disk() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("logs")).unwrap();
        Self::Disk(home)
    }

    pub(crate) fn s3() -> Self {
        let home = tempfile::tempdir().unwrap();
        for bucket in ["logs", "out"] {
            fs::create_dir_all(home.path().join(bucket)).unwrap();
        }
        let server = Server::start(home.path());
        Self::S3(home, Box::new(server))
    }

    /// The folder that holds logs and tables, whatever way they are reached.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Disk(home) | Self::S3(home, _) => home.path(),
        }
    }

    /// The folder of one dataset.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.folder().join("out").join(name)
    }

    /// The server, where there is one.
    pub(crate) fn server(&self) -> &Server {
        match self {
            Self::S3(_, server) => server,
            Self::Disk(_) => panic!("a disk has no server"),
        }
    }

    /// The name of one dataset, for `--out` and `--data`.
    pub(crate) fn out_name(&self, name: &str) -> String {
        match self {
            Self::Disk(_) => self.out(name).display().to_string(),
            Self::S3(..) => format!("s3://out/{name}"),
        }
    }

    /// Delivers objects.
    pub(crate) fn deliver<'o>(&self, objects: impl IntoIterator<Item = &'o Object>) {
        for object in objects {
            let file = self.folder().join("logs").join(&object.key);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, gzip(&object.content)).unwrap();
        }
    }

    /// Takes an object away.
    pub(crate) fn delete(&self, object: &Object) {
        fs::remove_file(self.folder().join("logs").join(&object.key)).unwrap();
    }

    /// As [`Place::audit`], by a debug build that commits every object alone, while the next one is read, and writes every
    /// state file in many row groups and, on disk, in many pieces, as it does with those of megabytes, and begins a new one
    /// after two objects. S3 takes no small pieces.
    pub(crate) fn audit_in_pieces(&self, out: &str) -> Run {
        let run = self.audit(out).envs([
            ("HALFRATE_SLICE_BYTES", "1"),
            ("HALFRATE_ROW_GROUP_BYTES", "1"),
            ("HALFRATE_SEGMENT_BYTES", SEGMENT_BYTES),
        ]);
        match self {
            Self::Disk(..) => run.envs([("HALFRATE_PIECE_BYTES", "1")]),
            Self::S3(..) => run,
        }
    }

    /// An audit of the logs into a dataset, not yet started.
    pub(crate) fn audit(&self, out: &str) -> Run {
        let logs = match self {
            Self::Disk(home) => home.path().join("logs").display().to_string(),
            Self::S3(..) => "s3://logs".into(),
        };
        let run = halfrate(["audit", &logs, "--format", "json", "--out", &self.out_name(out)]);
        match self {
            Self::Disk(_) => run,
            Self::S3(_, server) => run.envs(server.environment()),
        }
    }
}

/// What is wrong with a dataset beside the one made from scratch; the time of the last audit is its own.
pub(crate) fn differences(place: &Place, out: &str, scratch: &str) -> Vec<String> {
    let (one, other) = (place.out(out), place.out(scratch));
    let names = |folder: &Path| -> Vec<String> {
        files(folder).into_iter().filter(|file| file != "audits.parquet").collect()
    };
    let mut wrong = Vec::new();
    if names(&one) != names(&other) {
        wrong.push(format!("files are {:?}, not {:?}", names(&one), names(&other)));
    }
    for file in names(&other) {
        let read = |folder: &Path| fs::read(folder.join(&file)).unwrap_or_default();
        if read(&one) != read(&other) {
            wrong.push(format!("{file} differs"));
        }
    }
    let strays = |folder: &Path| {
        let state = fs::read_dir(folder.join("_state")).unwrap();
        let names = state.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".staged")).collect::<Vec<_>>()
    };
    if !strays(&one).is_empty() {
        wrong.push(format!("left behind: {:?}", strays(&one)));
    }
    wrong
}

/// Asserts that a dataset is the one made from scratch, bit for bit.
pub(crate) fn assert_as_from_scratch(place: &Place, out: &str, context: &str) {
    let scratch = format!("scratch-{}", context.len());
    let _ = fs::remove_dir_all(place.out(&scratch));
    place.audit(&scratch).done();
    let wrong = differences(place, out, &scratch);
    assert!(wrong.is_empty(), "{context}:\n{}", wrong.join("\n"));
}

/// The last audit's row, without what tells of the run and not of the logs.
pub(crate) fn last_audit(out: &Path) -> Value {
    let audits = rows(out, "SELECT * FROM audits ORDER BY run_at DESC LIMIT 1");
    let mut audit = audits[0].clone();
    audit["run_at"] = Value::Null;
    audit
}

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// The items in another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
