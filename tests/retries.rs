//! Requests that fail: which are tried again, how often, how long, and what that leaves.

use std::fs;
use std::time::{Duration, Instant};

use halfrate::config::Retry;
use halfrate::source::{
    Allowance, Buffers, Deadline, FetchError, Listing, S3Options, Selection, Source, Stage, get,
    list,
};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use crate::logs::{HOUR, good, gzip, lines};
use crate::program::{Run, halfrate, no_namespace};
use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;

/// A bucket `logs` with one object, and that as listed.
struct Case {
    _root: tempfile::TempDir,
    server: Server,
    options: S3Options,
    source: Source,
    listing: Listing,
}

static CONTENT: [u8; 50_000] = [7; 50_000];

impl Case {
    async fn new(patience: impl FnOnce(&mut Retry)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = Server::start(root.path());
        server.write("logs", "a.json.gz", &CONTENT);
        let mut options = server.options();
        patience(&mut options.retry);
        let source = Source::open("s3://logs", &options).await.unwrap();
        let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
        server.forget_requests();
        Self { _root: root, server, options, source, listing }
    }

    async fn read(&self, time: Duration, deadline: Deadline) -> Result<Vec<u8>, FetchError> {
        let object = self.listing.objects[0].meta();
        let allowed = Allowance { bytes: 1 << 20, time, deadline };
        get(self.source.store.as_ref(), &object, allowed, &Buffers::default()).await.map(Into::into)
    }

    fn retries(&self) -> [u64; 3] {
        Stage::ALL.map(|stage| self.options.retries.count(stage))
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_passes_is_tried_again_and_counted() {
    let case = Case::new(|_| ()).await;
    for kind in [
        Kind::SlowDown,
        Kind::Internal,
        Kind::Reset,
        Kind::Lost,
        Kind::Truncate(20_000),
        Kind::Delay(Duration::from_millis(20)),
    ] {
        let before = case.retries();
        case.server.fault("GetObject", "", kind.clone(), 2);
        assert_eq!(case.read(MINUTE, Deadline::default()).await.unwrap(), CONTENT, "{kind:?}");
        let expected = match kind {
            Kind::Delay(_) => 0,
            // A read has nothing to lose.
            Kind::Lost => 0,
            _ => 2,
        };
        assert_eq!(case.retries()[1] - before[1], expected, "{kind:?}");
        case.server.heal();
    }
    case.server.fault("ListObjectsV2", "", Kind::Reset, 1);
    case.server.fault("ListObjectsV2", "", Kind::SlowDown, 1);
    list(&case.source, &Selection::default(), &|_| {}).await.unwrap();
    let location = Path::from("b");
    for kind in [Kind::SlowDown, Kind::Internal, Kind::Reset, Kind::Lost] {
        case.server.fault("PutObject", "", kind, 1);
        case.source.store.put(&location, "x".into()).await.unwrap();
    }
    let [list, _, put] = case.retries();
    assert_eq!((list, put), (2, 4));
}

#[tokio::test]
async fn what_stays_is_not_tried_again() {
    let case = Case::new(|_| ()).await;
    for kind in [Kind::Denied, Kind::Redirect("eu-west-1")] {
        case.server.fault("GetObject", "", kind, u32::MAX);
        case.read(MINUTE, Deadline::default()).await.unwrap_err();
        case.server.heal();
    }
    assert_eq!(case.server.requests()["GetObject"], 2);
    assert_eq!(case.retries(), [0, 0, 0]);
}

#[tokio::test]
async fn tries_end() {
    let case = Case::new(|retry| retry.attempts = 4).await;
    for kind in [Kind::SlowDown, Kind::Reset, Kind::Truncate(5)] {
        case.server.forget_requests();
        case.server.fault("GetObject", "", kind.clone(), u32::MAX);
        let error = case.read(MINUTE, Deadline::default()).await.unwrap_err();
        assert_eq!(case.server.requests()["GetObject"], 4, "{kind:?}: {error}");
        case.server.heal();
    }
    // Faults of several kinds on one object share its tries.
    case.server.forget_requests();
    case.server.fault("GetObject", "", Kind::SlowDown, 2);
    case.server.fault("GetObject", "", Kind::Truncate(5), 2);
    let error = case.read(MINUTE, Deadline::default()).await.unwrap_err();
    assert!(error.to_string().contains("after 10 of 50000 bytes and 4 tries"), "{error}");
    assert_eq!(case.server.requests()["GetObject"], 4);
}

#[tokio::test]
async fn an_object_has_its_time_and_the_run_has_its_end() {
    let case = Case::new(|_| ()).await;
    case.server.fault("GetObject", "", Kind::Stall(100), u32::MAX);
    let begun = Instant::now();
    let slow = case.read(Duration::from_secs(1), Deadline::default()).await.unwrap_err();
    assert!(matches!(slow, FetchError::TooSlow { seconds: 1, .. }), "{slow}");
    let late = case.read(MINUTE, Deadline::after(Duration::from_millis(200))).await.unwrap_err();
    assert!(matches!(late, FetchError::Deadline { .. }), "{late}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    case.server.forget_requests();
    let over = case.read(MINUTE, Deadline::after(Duration::ZERO)).await.unwrap_err();
    assert!(matches!(over, FetchError::Deadline { .. }), "{over}");
    assert!(case.server.requests().is_empty(), "nothing is asked after the deadline");
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognised() {
    let case = Case::new(|_| ()).await;
    let store = case.source.store.as_ref();
    let location = Path::from("state.json");
    let create = || PutOptions::from(PutMode::Create);
    case.server.fault("PutObject", "", Kind::Lost, 1);
    let first = store.put_opts(&location, "one".into(), create()).await.unwrap();
    assert_eq!(case.server.requests()["PutObject"], 2);
    // Somebody else's content is a conflict as ever, also when the first answer was lost.
    let other = store.put_opts(&location, "two".into(), create()).await.unwrap_err();
    assert!(matches!(other, Error::AlreadyExists { .. }), "{other}");
    case.server.fault("PutObject", "", Kind::Internal, 1);
    let other = store.put_opts(&location, "two".into(), create()).await.unwrap_err();
    assert!(matches!(other, Error::AlreadyExists { .. }), "{other}");
    let version = UpdateVersion { e_tag: first.e_tag, version: first.version };
    case.server.fault("PutObject", "", Kind::Lost, 2);
    store
        .put_opts(&location, "three".into(), PutMode::Update(version.clone()).into())
        .await
        .unwrap();
    let stale = store.put_opts(&location, "four".into(), PutMode::Update(version).into()).await;
    assert!(matches!(stale, Err(Error::Precondition { .. })), "{stale:?}");
    assert_eq!(store.get(&location).await.unwrap().bytes().await.unwrap(), "three");
}

#[tokio::test]
async fn expired_credentials_are_looked_up_anew_once() {
    let case = Case::new(|_| ()).await;
    let home = tempfile::tempdir().unwrap();
    let (asked, config) = (home.path().join("asked"), home.path().join("config"));
    let process = home.path().join("login.sh");
    let keys = format!(
        "#!/bin/sh\necho x >> {}\necho '{{\"Version\": 1, \"AccessKeyId\": \"{}\", \
         \"SecretAccessKey\": \"{}\"}}'\n",
        asked.display(),
        case.server.access_key(),
        case.server.secret_key()
    );
    fs::write(&process, keys).unwrap();
    fs::write(&config, format!("[default]\ncredential_process = /bin/sh {}\n", process.display()))
        .unwrap();
    case.server.write("logs", "b.json.gz", b"");
    case.server.write("out", "keep", b"");
    let count = |kind: Kind, times: u32| {
        let _ = fs::remove_file(&asked);
        case.server.heal();
        case.server.fault("ListObjectsV2", "", kind, times);
        let run = crate::program::halfrate(["audit", "s3://logs", "--dry-run"])
            .envs(
                case.server
                    .environment()
                    .into_iter()
                    .filter(|(name, _)| !name.contains("KEY") && !name.ends_with("_FILE")),
            )
            .envs([("AWS_CONFIG_FILE", &config), ("AWS_SHARED_CREDENTIALS_FILE", &config)])
            .done();
        let lines = fs::read_to_string(&asked).unwrap_or_default().lines().count();
        (run, lines)
    };
    let (run, lines) = count(Kind::Denied, 0);
    assert!(run.text().contains("a.json.gz"), "{}{}", run.text(), run.stderr);
    assert_eq!(lines, 1);
    let (run, lines) = count(Kind::Expired, 1);
    assert!(run.text().contains("a.json.gz"), "{}{}", run.text(), run.stderr);
    assert_eq!(lines, 2, "asked again");
    let (run, lines) = count(Kind::Expired, u32::MAX);
    assert!(run.stderr.contains("log in again"), "{}", run.stderr);
    assert_eq!(lines, 2, "asked again, but not without end");
}

#[tokio::test]
async fn no_connection_is_tried_as_often_as_told() {
    // Names below `invalid` never resolve (RFC 2606); a closed port refuses.
    for endpoint in ["http://halfrate.invalid", "http://127.0.0.1:9"] {
        let options = S3Options {
            region: Some("us-east-1".into()),
            endpoint_url: Some(endpoint.into()),
            no_sign_request: true,
            retry: Retry { attempts: 3, first_wait_ms: 1, ..Retry::default() },
            ..S3Options::default()
        };
        let source = Source::open("s3://logs", &options).await.unwrap();
        let error = list(&source, &Selection::default(), &|_| {}).await.unwrap_err().to_string();
        let host = endpoint.strip_prefix("http://").unwrap();
        assert!(error.contains(&format!("no connection to {host}: ")), "{endpoint}: {error}");
        assert!(error.contains("--endpoint-url"), "{endpoint}: {error}");
        assert_eq!(options.retries.count(Stage::List), 2, "{endpoint}");
    }
}

/// An audit of an endpoint that is not there yet, with this patience.
fn before_the_store(endpoint: &str, patience: &str) -> Run {
    halfrate(["audit", "s3://logs", "--format", "json", "--log-level", "info", "--endpoint-url"])
        .arg(endpoint)
        .file("halfrate.toml", &format!("[retry]\n{patience}"))
}

/// A try every tenth of a second or so, for as long as a slow machine may need.
const STEADY: &str = "attempts = 1000\nfirst_wait_ms = 200\nlongest_wait_ms = 200\n";

fn reads_all(child: std::process::Child) {
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("trying again") && told.contains("no connection to"), "{told}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["scan"]["rows"], 30);
}

/// A folder with a bucket of thirty records.
fn bucket() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("logs").join(HOUR);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.json.gz"), gzip(lines(&good(0..30)))).unwrap();
    root
}

#[test]
fn a_store_that_comes_late_is_read() {
    let root = bucket();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let keys = Server::start(root.path()).environment();
    let run = before_the_store(&format!("http://127.0.0.1:{port}"), STEADY).envs(keys);
    let (child, _home) = run.spawn();
    std::thread::sleep(Duration::from_secs(1));
    let _server = Server::start_at(root.path(), port);
    reads_all(child);
}

#[test]
fn a_name_that_resolves_late_is_read() {
    if let Some(reason) = no_namespace() {
        eprintln!("skipped, no /etc/hosts of its own: {reason}");
        return;
    }
    let (root, home) = (bucket(), tempfile::tempdir().unwrap());
    let server = Server::start(root.path());
    let hosts = home.path().join("hosts");
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let port = server.endpoint().rsplit_once(':').unwrap().1.to_owned();
    // Names below `invalid` never resolve (RFC 2606), but for the file.
    let endpoint = format!("http://halfrate.invalid:{port}");
    let script = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
    let run = before_the_store(&endpoint, STEADY).envs(server.environment());
    let (child, _home) = run.in_namespace(script, &[&hosts]).spawn();
    std::thread::sleep(Duration::from_secs(2));
    // Written in place: the mount is of this very file.
    fs::write(&hosts, "127.0.0.1 localhost halfrate.invalid\n").unwrap();
    reads_all(child);
}

#[test]
fn after_the_deadline_no_listing_is_tried_again() {
    let keys = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")];
    let patience = "first_wait_ms = 3600000\nlongest_wait_ms = 3600000\n";
    let begun = Instant::now();
    let run = before_the_store("http://halfrate.invalid", patience).envs(keys);
    let done = run.args(["--deadline", "2s"]).exits(1);
    assert!(begun.elapsed() < MINUTE, "{}", done.stderr);
    assert!(done.stderr.contains("no connection to halfrate.invalid: "), "{}", done.stderr);
    assert!(done.stdout.is_empty());
}
