//! Sources: disk and S3 listed alike, read whole, and refused in words that help.

use std::path::Path as FsPath;
use std::time::Duration;

use aws_sdk_s3::config::Credentials;
use bytes::Bytes;
use chrono::NaiveDate;
use halfrate::source::{
    Allowance, Buffers, Deadline, FetchError, Listing, S3Options, Selection, SkipReason, Source,
    get, list,
};
use object_store::path::Path;
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    UpdateVersion,
};

use crate::support::s3_faults::Kind;
use crate::support::s3_server::Server;

const LAYOUT: &str = "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1";

fn day(month: u32, day: u32) -> Option<halfrate::units::Day> {
    Some(NaiveDate::from_ymd_opt(2026, month, day).unwrap().into())
}

/// A server over an empty folder that lives as long as it.
fn server() -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path());
    (root, server)
}

async fn open(name: &str, options: &S3Options) -> Source {
    Source::open(name, options).await.unwrap()
}

async fn listed(name: &str, options: &S3Options, selection: &Selection) -> Listing {
    list(&open(name, options).await, selection, &|_| {}).await.unwrap()
}

/// The whole object, if it has at most `bytes` bytes.
async fn whole(source: &Source, object: &ObjectMeta, bytes: u64) -> Result<Bytes, FetchError> {
    let (time, deadline) = (Duration::from_secs(60), Deadline::default());
    get(source.store.as_ref(), object, Allowance { bytes, time, deadline }, &Buffers::default())
        .await
}

/// What opening and listing a source ends with.
async fn refusal(name: &str, options: &S3Options) -> String {
    match Source::open(name, options).await {
        Err(error) => error.to_string(),
        Ok(source) => {
            list(&source, &Selection::default(), &|_| {}).await.expect_err("listed").to_string()
        }
    }
}

fn keys(listing: &Listing) -> Vec<(&str, u64)> {
    listing.objects.iter().map(|o| (o.relative_key(), o.size)).collect()
}

/// A bucket with one of everything.
fn everything(root: &FsPath) {
    for (key, content) in [
        (format!("{LAYOUT}/2026/10/01/23/a.json.gz"), "a"),
        (format!("{LAYOUT}/2026/10/02/00/b.json.gz"), "bb"),
        (format!("{LAYOUT}/2026/10/02/00/data/6f1c_input.json.gz"), "body"),
        (format!("{LAYOUT}/2026/10/02/13/c.json.gz"), ""),
        (format!("{LAYOUT}/2026/10/03/01/late.json.gz"), "late"),
        (format!("{LAYOUT}/2026/10/03/05/after.json.gz"), "after"),
        (format!("{LAYOUT}/amazon-bedrock-logs-permission-check"), ""),
        (format!("org/{}/2026/10/02/09/d.json.gz", LAYOUT.replace("us-east", "eu-west")), "d"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/10/02/t1.json.gz".into(), "trail"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/10/02/t2.json.gz".into(), "trail"),
        ("README.md".into(), "read me"),
        ("other/plain.jsonl".into(), "{}"),
    ] {
        let file = root.join(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
}

#[tokio::test]
async fn disk_and_s3_list_the_same() {
    let folder = tempfile::tempdir().unwrap();
    everything(folder.path());
    let (_root, server) = server();
    server.seed("logs", folder.path());
    let disk_name = folder.path().to_str().unwrap();
    for selection in [
        Selection::default(),
        Selection { from: day(10, 2), to: day(10, 2), late_hours: 3, ..Default::default() },
        Selection { regions: vec!["eu-west-1".into()], ..Default::default() },
        Selection { accounts: vec!["999999999999".into()], ..Default::default() },
    ] {
        let disk = listed(disk_name, &S3Options::default(), &selection).await;
        let s3 = listed("s3://logs", &server.options(), &selection).await;
        assert_eq!(keys(&disk), keys(&s3), "{selection:?}");
        assert_eq!(disk.skipped, s3.skipped, "{selection:?}");
        let hours = |l: &Listing| l.objects.iter().map(|o| o.key.clone()).collect::<Vec<_>>();
        assert_eq!(hours(&disk), hours(&s3));
        for (listing, name) in [(disk, disk_name), (s3, "s3://logs")] {
            let source = open(name, &server.options()).await;
            for object in &listing.objects {
                let bytes = whole(&source, &object.meta(), 100).await.unwrap();
                assert_eq!(bytes.len() as u64, object.size);
            }
        }
    }
}

#[tokio::test]
async fn a_window_takes_its_days_and_the_late_hours() {
    let folder = tempfile::tempdir().unwrap();
    everything(folder.path());
    let selection =
        Selection { from: day(10, 2), to: day(10, 2), late_hours: 3, ..Default::default() };
    let listing = listed(folder.path().to_str().unwrap(), &S3Options::default(), &selection).await;
    assert_eq!(
        keys(&listing),
        [
            (&*format!("{LAYOUT}/2026/10/02/00/b.json.gz"), 2),
            (&*format!("{LAYOUT}/2026/10/02/13/c.json.gz"), 0),
            (&*format!("{LAYOUT}/2026/10/03/01/late.json.gz"), 4),
            (&*format!("org/{}/2026/10/02/09/d.json.gz", LAYOUT.replace("us-east", "eu-west")), 1),
            ("other/plain.jsonl", 2),
        ]
    );
    let skipped = |reason| listing.skipped.get(&reason).copied().unwrap_or_default();
    assert_eq!(skipped(SkipReason::Sidecar), 1);
    assert_eq!(skipped(SkipReason::PermissionCheck), 1);
    assert_eq!(skipped(SkipReason::Foreign), 1, "README.md");
    assert_eq!(skipped(SkipReason::OtherService), 1, "CloudTrail, once");
}

#[tokio::test]
async fn thousands_of_keys_come_in_pages_and_pruning_saves_requests() {
    let (_root, server) = server();
    for month in 1..=12 {
        for day in 1..=28 {
            let hour = format!("big/{LAYOUT}/2026/{month:02}/{day:02}/07");
            for n in 0..6 {
                server.write("logs", &format!("{hour}/{n}.json.gz"), b"x");
            }
        }
    }
    for n in 0..1500 {
        server.write("logs", &format!("big/AWSLogs/111122223333/CloudTrail/{n}.json.gz"), b"x");
        server.write("logs", &format!("big/{LAYOUT}/2026/11/05/09/{n}.json.gz"), b"x");
    }
    let options = server.options();

    let all = listed("s3://logs/big", &options, &Selection::default()).await;
    assert_eq!(all.objects.len(), 12 * 28 * 6 + 1500);
    assert_eq!(all.skipped[&SkipReason::OtherService], 1);
    assert!(!all.looked_at.iter().any(|name| name.contains("CloudTrail")));
    assert!(all.objects.is_sorted_by(|a, b| a.relative_key() < b.relative_key()));

    server.forget_requests();
    let selection =
        Selection { from: day(3, 30), to: day(4, 2), late_hours: 2, ..Default::default() };
    let few = listed("s3://logs/big/", &options, &selection).await;
    assert_eq!(few.objects.len(), 2 * 6);
    // The probe and the split of the prefix, then AWSLogs, account, service, region, year, two
    // months, and the days that are there: April's 1st and 2nd, and the 3rd for late hours.
    assert_eq!(server.requests()["ListObjectsV2"], 2 + 7 + 3, "{:?}", few.looked_at);

    server.forget_requests();
    let selection = Selection { from: day(11, 5), to: day(11, 5), ..Default::default() };
    let full = listed("s3://logs/big", &options, &selection).await;
    assert_eq!(full.objects.len(), 1506);
    // As above with one month and one day, which is split into its two hours; one has two pages.
    assert_eq!(server.requests()["ListObjectsV2"], 2 + 6 + 2 + 3, "{:?}", full.looked_at);
}

#[tokio::test]
async fn a_small_prefix_costs_one_request() {
    let (_root, server) = server();
    for n in 0..50 {
        server.write("logs", &format!("p/{LAYOUT}/2026/10/{:02}/07/x.json.gz", 1 + n % 28), b"x");
    }
    let listing = listed("s3://logs/p", &server.options(), &Selection::default()).await;
    assert_eq!(listing.objects.len(), 28);
    assert_eq!(server.requests()["ListObjectsV2"], 1);
    assert_eq!(listing.looked_at, ["s3://logs/p"]);
}

#[tokio::test]
async fn more_folders_than_requests_are_worth_are_read_in_sequence() {
    let (root, server) = server();
    for n in 0..1100 {
        server.write("logs", &format!("{n}/x.json"), b"x");
    }
    let s3 = listed("s3://logs", &server.options(), &Selection::default()).await;
    // The probe, the two pages of folders, the two pages of keys.
    assert_eq!(server.requests()["ListObjectsV2"], 1 + 2 + 2);
    let folder = root.path().join("logs");
    let disk = listed(folder.to_str().unwrap(), &S3Options::default(), &Selection::default()).await;
    assert_eq!(s3.objects.len(), 1100);
    assert_eq!(keys(&disk), keys(&s3));
}

#[tokio::test]
async fn links_are_followed_and_loops_are_not() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["logs/a", "elsewhere"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    std::fs::write(at("logs/a/x.json"), "x").unwrap();
    std::fs::write(at("elsewhere/y.json"), "y").unwrap();
    symlink(at("logs"), at("logs/a/up")).unwrap();
    symlink(at("elsewhere"), at("logs/b")).unwrap();
    symlink(at("nowhere"), at("logs/broken.json")).unwrap();
    let name = at("logs");
    let listing =
        listed(name.to_str().unwrap(), &S3Options::default(), &Selection::default()).await;
    assert_eq!(keys(&listing), [("a/x.json", 1), ("b/y.json", 1)]);
}

#[tokio::test]
async fn one_object_is_a_source() {
    let (root, server) = server();
    server.write("logs", "a/b.json.gz", b"xyz");
    for name in ["s3://logs/a/b.json.gz", root.path().join("logs/a/b.json.gz").to_str().unwrap()] {
        let listing = listed(name, &server.options(), &Selection::default()).await;
        assert_eq!(keys(&listing), [("b.json.gz", 3)], "{name}");
    }
}

#[tokio::test]
async fn odd_names_survive() {
    let names = [
        "a b+c%41.json",
        "100%.json",
        "line\nbreak.json",
        "ünïcødé 日本.json",
        "q?x=1&y#2.json",
        "tab\there.json",
        "a#1",
        "'quote\"<&>.json",
        "%2E%2E.json",
    ];
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::create_dir_all(folder.path().join("d[%]\n")).unwrap();
        std::fs::write(folder.path().join("d[%]\n").join(name), name).unwrap();
    }
    let (_root, server) = server();
    server.seed("logs", folder.path());
    let mut seen = Vec::new();
    for (name, options) in [
        (folder.path().to_str().unwrap(), S3Options::default()),
        ("s3://logs", server.options()),
        ("s3://logs/d[%]\n", server.options()),
    ] {
        let source = open(name, &options).await;
        let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
        assert_eq!(listing.objects.len(), names.len() - 1, "all but a#1: {name:?}");
        for object in &listing.objects {
            assert!(!object.relative_key().chars().any(char::is_control));
            let bytes = whole(&source, &object.meta(), 1000).await.unwrap();
            assert!(names.contains(&std::str::from_utf8(&bytes).unwrap()));
            seen.push(bytes);
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), names.len() - 1);
}

#[tokio::test]
async fn refusals_name_the_remedy() {
    let (root, server) = server();
    server.write("logs", "x.json", b"{}");
    let good = server.options();
    let with = |id: &str, secret: &str| S3Options {
        credentials: Some(Credentials::new(id, secret, None, None, "test")),
        ..good.clone()
    };
    let wrong_secret = refusal("s3://logs", &with(server.access_key(), "wrong")).await;
    assert!(wrong_secret.contains("SignatureDoesNotMatch"), "{wrong_secret}");
    assert!(wrong_secret.contains("check access key and secret"), "{wrong_secret}");
    assert!(!wrong_secret.contains(server.secret_key()), "{wrong_secret}");

    let stranger = refusal("s3://logs", &with("AKIAXXXXXXXXXXXXXXXX", "x")).await;
    assert!(stranger.contains("check access key and secret"), "{stranger}");

    let unsigned = S3Options { no_sign_request: true, ..good.clone() };
    let unsigned = refusal("s3://logs", &unsigned).await;
    assert!(unsigned.ends_with("not public: leave out --no-sign-request and log in"), "{unsigned}");

    server.fault("ListObjectsV2", "", Kind::Denied, 1);
    let denied = refusal("s3://logs", &good).await;
    assert!(denied.contains("grant s3:ListBucket on arn:aws:s3:::logs"), "{denied}");

    let missing = refusal("s3://no-such-bucket/p", &good).await;
    assert_eq!(
        missing,
        "s3://no-such-bucket/p: cannot be listed: ListObjectsV2 (s3://no-such-bucket/p/): NoSuchBucket: \
         The specified bucket does not exist; check the name no-such-bucket, and --endpoint-url if the \
         store is not AWS"
    );

    server.fault("ListObjectsV2", "", Kind::Redirect("eu-central-1"), u32::MAX);
    let moved = refusal("s3://logs", &good).await;
    assert!(
        moved.ends_with("the bucket is in eu-central-1: pass --region eu-central-1"),
        "{moved}"
    );
    server.heal();

    server.fault("HeadObject", "", Kind::Denied, 1);
    let unreadable = refusal("s3://logs/y.json", &good).await;
    assert!(unreadable.contains("grant s3:GetObject"), "{unreadable}");

    let profile = Some("no-such-profile".into());
    let profile = S3Options { credentials: None, profile, ..good.clone() };
    let profile = refusal("s3://logs", &profile).await;
    assert!(profile.contains("no credentials"), "{profile}");
    assert!(profile.contains("no-such-profile"), "{profile}");

    let nobody = S3Options { endpoint_url: Some("http://127.0.0.1:1".into()), ..good.clone() };
    let nobody = refusal("s3://logs", &nobody).await;
    assert!(nobody.contains("no connection"), "{nobody}");
    assert!(nobody.contains("--endpoint-url"), "{nobody}");

    let no_scheme = S3Options { endpoint_url: Some("127.0.0.1:9000".into()), ..good.clone() };
    assert!(refusal("s3://logs", &no_scheme).await.contains("no http:// or https:// address"));

    let folder = root.path().join("nowhere");
    let absent = refusal(folder.to_str().unwrap(), &good).await;
    assert_eq!(absent, format!("{}: no such file or folder", folder.display()));
}

#[tokio::test]
async fn throttling_passes_and_denial_stays() {
    let (_root, server) = server();
    server.write("logs", "a.json", b"abc");
    server.write("logs", "b.json", b"abc");
    let source = open("s3://logs", &server.options()).await;
    server.fault("ListObjectsV2", "", Kind::SlowDown, 3);
    server.fault("GetObject", "a.json", Kind::Internal, 2);
    server.fault("GetObject", "b.json", Kind::Denied, 1);
    let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
    let read = async |n: usize| whole(&source, &listing.objects[n].meta(), 10).await;
    assert_eq!(read(0).await.unwrap(), "abc");
    let denied = read(1).await.unwrap_err();
    assert!(matches!(denied, FetchError::Denied { .. }), "{denied}");
    assert!(denied.to_string().contains("grant s3:GetObject on arn:aws:s3:::logs/*"), "{denied}");
    assert_eq!(server.requests()["ListObjectsV2"], 4);
    assert_eq!(server.requests()["GetObject"], 4);
}

#[tokio::test]
async fn a_body_cut_short_is_resumed() {
    let (_root, server) = server();
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    server.write("logs", "a.json.gz", &content);
    let options = server.options();
    let source = open("s3://logs", &options).await;
    let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
    let object = listing.objects[0].meta();
    let store = source.store.as_ref();

    server.fault("GetObject", "", Kind::Truncate(100_000), 2);
    server.fault("GetObject", "", Kind::Truncate(0), 1);
    assert_eq!(whole(&source, &object, 1 << 20).await.unwrap(), content);
    assert_eq!(server.requests()["GetObject"], 4);

    server.fault("GetObject", "", Kind::Truncate(10), u32::MAX);
    let error = whole(&source, &object, 1 << 20).await.unwrap_err();
    assert!(matches!(error, FetchError::CutShort { .. }), "{error}");
    assert!(
        error.to_string().contains("cut short after 80 of 300000 bytes and 8 tries"),
        "{error}"
    );
    server.heal();

    // A range is resumed within itself.
    server.fault("GetObject", "", Kind::Truncate(1000), 1);
    let range = store.get_range(&object.location, 5000..50_000).await.unwrap();
    assert_eq!(range, content[5000..50_000]);
}

#[tokio::test]
async fn a_body_that_stands_still_is_resumed() {
    let (_root, server) = server();
    server.write("logs", "a.json", &[7; 50_000]);
    let mut options = server.options();
    options.retry.stall_ms = 300;
    let source = open("s3://logs", &options).await;
    let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
    server.fault("GetObject", "", Kind::Stall(10_000), 1);
    server.fault("GetObject", "", Kind::Delay(Duration::from_millis(50)), 1);
    let bytes = whole(&source, &listing.objects[0].meta(), 1 << 20).await.unwrap();
    assert_eq!(bytes, vec![7; 50_000]);
}

#[tokio::test]
async fn objects_that_change_or_go_are_told_apart() {
    let (root, server) = server();
    for key in ["changed.json", "cut.json", "gone.json", "large.json"] {
        server.write("logs", key, &[b'1'; 100_000]);
    }
    let folder = root.path().join("logs");
    for name in ["s3://logs", folder.to_str().unwrap()] {
        let s3 = name.starts_with("s3");
        for key in ["changed.json", "cut.json", "gone.json"] {
            server.write("logs", key, &[b'1'; 100_000]);
        }
        let source = open(name, &server.options()).await;
        let listing = list(&source, &Selection::default(), &|_| {}).await.unwrap();
        server.write("logs", "changed.json", b"22222");
        std::fs::remove_file(folder.join("gone.json")).unwrap();
        let fetch = async |n: usize, max| whole(&source, &listing.objects[n].meta(), max).await;
        let changed = fetch(0, 1 << 20).await.unwrap_err();
        assert!(matches!(changed, FetchError::Changed { .. }), "{changed}");
        let gone = fetch(2, 1 << 20).await.unwrap_err();
        assert!(matches!(gone, FetchError::Vanished { .. }), "{gone}");
        server.forget_requests();
        let large = fetch(3, 99_999).await.unwrap_err();
        assert!(
            matches!(large, FetchError::TooLarge { size: 100_000, limit: 99_999, .. }),
            "{large}"
        );
        assert!(server.requests().is_empty(), "no request for what is too large");
        if s3 {
            // Rewritten while a cut body waits to be resumed: never spliced.
            server.fault("GetObject", "cut", Kind::Truncate(1000), 1);
            let answer = source.store.get(&listing.objects[1].path).await.unwrap();
            server.write("logs", "cut.json", &[b'2'; 100_000]);
            let error = answer.bytes().await.unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn writing_and_reading_back() {
    let (root, server) = server();
    server.write("out", "seed", b"");
    let folder = root.path().join("disk");
    for name in ["s3://out/tables", folder.to_str().unwrap()] {
        let source = Source::create(name, &server.options()).await.unwrap();
        let store = source.store.as_ref();
        let at = |name: &str| source.prefix.clone().join(name);
        store.put(&at("a b%.parquet"), Bytes::from_static(b"one").into()).await.unwrap();
        assert_eq!(store.get(&at("a b%.parquet")).await.unwrap().bytes().await.unwrap(), "one");
        let create = PutOptions::from(PutMode::Create);
        let again =
            store.put_opts(&at("a b%.parquet"), "x".into(), create.clone()).await.unwrap_err();
        assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
        store.put_opts(&at("new"), "x".into(), create).await.unwrap();

        let mut upload = store.put_multipart(&at("parts")).await.unwrap();
        let part = vec![1_u8; 5 << 20];
        let (one, two) = (upload.put_part(part.clone().into()), upload.put_part(part.into()));
        let three = upload.put_part("end".into());
        // Out of order, as parallel uploads end.
        three.await.unwrap();
        two.await.unwrap();
        one.await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(store.head(&at("parts")).await.unwrap().size, (10 << 20) + 3);
        let tail = store.get_range(&at("parts"), (10 << 20) - 1..(10 << 20) + 3).await.unwrap();
        assert_eq!(tail, "\u{1}end");
        store.put_multipart(&at("empty")).await.unwrap().complete().await.unwrap();
        assert_eq!(store.head(&at("empty")).await.unwrap().size, 0);
        let mut dropped = store.put_multipart(&at("dropped")).await.unwrap();
        dropped.put_part("x".into()).await.unwrap();
        dropped.abort().await.unwrap();
        assert!(matches!(store.head(&at("dropped")).await, Err(Error::NotFound { .. })));

        store.copy(&at("a b%.parquet"), &at("copy")).await.unwrap();
        let taken = store.copy_if_not_exists(&at("new"), &at("copy")).await.unwrap_err();
        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
        store.rename(&at("copy"), &at("moved")).await.unwrap();
        assert!(matches!(store.get(&at("copy")).await, Err(Error::NotFound { .. })));
        store.delete(&at("moved")).await.unwrap();

        let level = store.list_with_delimiter(Some(&source.prefix)).await.unwrap();
        let names: Vec<_> = level.objects.iter().filter_map(|o| o.location.filename()).collect();
        assert_eq!(names, ["a b%25.parquet", "empty", "new", "parts"], "{name}");
    }
}

#[tokio::test]
async fn an_update_replaces_only_what_it_read() {
    let (_root, server) = server();
    server.write("out", "seed", b"");
    let source = open("s3://out", &server.options()).await;
    let at = Path::from("day.parquet");
    let first = source.store.put(&at, "1".into()).await.unwrap();
    let update = |version: UpdateVersion| PutOptions::from(PutMode::Update(version));
    let options = update(first.clone().into());
    let second = source.store.put_opts(&at, "2".into(), options).await.unwrap();
    assert_ne!(first.e_tag, second.e_tag);
    let stale = source.store.put_opts(&at, "3".into(), update(first.into())).await.unwrap_err();
    assert!(matches!(stale, Error::Precondition { .. }), "{stale}");
    assert_eq!(source.store.get(&at).await.unwrap().bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn parts_replace_only_what_they_should() {
    let (_root, server) = server();
    server.write("out", "seed", b"");
    let source = open("s3://out", &server.options()).await;
    let at = Path::from("day.parquet");
    let parts = async |mode: PutMode, content: &str| {
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(mode);
        let mut upload = source.store.put_multipart_opts(&at, options).await?;
        upload.put_part(content.to_owned().into()).await?;
        upload.complete().await
    };
    let first = parts(PutMode::Create, "1").await.unwrap();
    let taken = parts(PutMode::Create, "x").await.unwrap_err();
    assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
    let second = parts(PutMode::Update(first.clone().into()), "2").await.unwrap();
    assert_ne!(first.e_tag, second.e_tag);
    let stale = parts(PutMode::Update(first.into()), "3").await.unwrap_err();
    assert!(matches!(stale, Error::Precondition { .. }), "{stale}");
    assert_eq!(source.store.get(&at).await.unwrap().bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn offsets_start_after_a_key() {
    let (root, server) = server();
    for n in 0..5 {
        server.write("logs", &format!("p/{n}"), b"x");
    }
    let folder = root.path().join("logs");
    for name in ["s3://logs/p", folder.join("p").to_str().unwrap()] {
        let source = open(name, &server.options()).await;
        let offset = source.prefix.clone().join("2");
        let after: Vec<_> = futures::TryStreamExt::try_collect(
            source.store.list_with_offset(Some(&source.prefix), &offset),
        )
        .await
        .unwrap();
        let names: Vec<_> = after.iter().filter_map(|o| o.location.filename()).collect();
        assert_eq!(names, ["3", "4"], "{name}");
    }
}
