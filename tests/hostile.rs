//! Hostile input: bombs, odd keys, and statements that would do something other than read.

use std::fs;
use std::path::Path;

use datafusion::logical_expr::LogicalPlan;
use halfrate::config::Limits;
use halfrate::engine::{catalog, gate, session};
use halfrate::source::{S3Options, Source, encode_key};
use halfrate::store::dataset::Dataset;
use serde_json::json;

use crate::logs::{HOUR, Logs, good, gzip, lines, with};
use crate::program::{Done, Run, audit, halfrate, sample_audit};
use crate::support::s3_server::Server;
use crate::tables::{files, rows};

/// Runs to the end and tells the most memory that was resident, in KiB. Linux's word; elsewhere 0.
fn measured(run: Run) -> (Done, u64) {
    let watch = |pid: u32, peak: &mut u64| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = told.and_then(|told| told.trim().strip_suffix(" kB")?.parse().ok());
        *peak = (*peak).max(kib.unwrap_or(0));
    };
    run.watched(watch)
}

#[test]
fn a_bomb_costs_time_and_no_memory() {
    /// Ten gigabytes of zeros in ten megabytes, as members of 64 MB.
    const MEMBERS: usize = 160;
    /// What an audit takes for ordinary logs, and one member's buffer.
    const MOST_KIB: u64 = 450 << 10;
    let logs = Logs::new();
    logs.records("1.json.gz", &good(0..20));
    let member = gzip(vec![0_u8; 64_000_000]);
    assert!(member.len() < 100_000);
    logs.raw(&format!("{HOUR}/2.json.gz"), member.repeat(MEMBERS));
    let (done, peak) = measured(audit(logs.path()).args(["--format", "json"]));
    assert_eq!(done.code(), Some(3), "{}", done.stderr);
    let scan = &done.json()["scan"];
    assert_eq!((&scan["rows"], &scan["rejects"]), (&json!(20), &json!(1)));
    assert!(peak < MOST_KIB, "{peak} KiB");
    eprintln!("{MEMBERS} members: {} MB resident", peak >> 10);
}

#[test]
fn odd_keys_stay_inside_the_output() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path());
    let long = (0..5).map(|n| n.to_string().repeat(190)).collect::<Vec<_>>().join("/");
    let keys = [
        format!("{HOUR}/plain.json.gz"),
        format!("{HOUR}/line\nbreak\ttab.json.gz"),
        format!("{HOUR}/a..b..json.gz"),
        format!("{HOUR}/%2e%2e%2fescape.json.gz"),
        format!("{HOUR}/ünïcödé-日本語-\u{202e}.json.gz"),
        format!("{HOUR}/date=2026-10-05'; DROP TABLE usage; --.json.gz"),
        format!("{HOUR}/<script>alert(1)</script>.json.gz"),
        format!("{HOUR}/=cmd|' /C calc'!A0.json.gz"),
        format!("{long}/k.json.gz"),
    ];
    assert!(keys[8].len() > 950 && keys[8].len() <= 1024, "{}", keys[8].len());
    for (n, key) in (0..).zip(&keys) {
        server.write("logs", key, &gzip(lines(&good(n * 10..n * 10 + 10))));
    }
    server.write("logs", &format!("{HOUR}/one-byte.json.gz"), &[0x1f]);
    let home = tempfile::tempdir().unwrap();
    let run = halfrate(["audit", "s3://logs", "--out", "out", "--format", "json"]);
    let done = run.envs(server.environment()).within(home.path()).done();
    assert_eq!(done.code(), Some(3), "{}", done.stderr);
    let read = rows(&home.path().join("out"), "SELECT key, rows, error FROM objects");
    assert_eq!(done.json()["scan"]["rows"], 90, "{read:#?} {}", done.json()["scan"]);
    let names: Vec<String> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["out"], "nothing is written elsewhere");
    let out = home.path().join("out");
    for file in files(&out) {
        assert!(file.is_ascii() && !file.contains(".."), "{file:?}");
    }
    // Every key is in the ledger once, in a form that names it.
    assert_eq!(rows(&out, "SELECT key FROM objects").len(), keys.len() + 1);
}

#[test]
fn keys_that_climb_stay_inside_the_output() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path());
    server.write("logs", "plain.json.gz", &gzip(lines(&good(0..10))));
    // No folder can hold these.
    let stem = format!("{HOUR}/{}", "é\n/".repeat(180));
    let long = format!("{stem}{}.json.gz", "x".repeat(1024 - stem.len() - 8));
    assert_eq!(long.len(), 1024);
    let keys = [
        "../../above.json.gz".to_owned(),
        format!("{HOUR}/../../../../../../../../../escape.json.gz"),
        format!("{HOUR}/../date=2026-10-05/usage.parquet/../../x.json.gz"),
        format!("{HOUR}/./dot.json.gz"),
        format!("{HOUR}//empty.json.gz"),
        "/leading.json.gz".to_owned(),
        "//etc//passwd.json.gz".to_owned(),
        format!("{HOUR}/a..\n..\r\u{1b}[2J\u{7f}.json.gz"),
        format!("{HOUR}/\u{1}\u{2028}\u{feff}日本語\u{1f9ea}.json.gz"),
        format!("{HOUR}/{}x.json.gz", "../".repeat(300)),
        long,
    ];
    for (n, key) in (1..).zip(&keys) {
        server.hold("logs", key, gzip(lines(&good(n * 10..n * 10 + 10))));
    }
    server.hold("logs", "../cut.json.gz", vec![0x1f]);
    // With many keys a listing goes folder by folder, with few it is flat.
    for more in [0, 1500] {
        for n in 0..more {
            server.hold("logs", &format!("{HOUR}/{n}.json.gz"), Vec::new());
        }
        let home = tempfile::tempdir().unwrap();
        let run = halfrate(["audit", "s3://logs", "--out", "out", "--format", "json"]);
        let done = run.envs(server.environment()).within(home.path()).exits(3);
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!done.stderr.contains(control), "{:?}", done.stderr);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is written elsewhere");
        let out = home.path().join("out");
        for file in files(&out) {
            assert!(file.is_ascii() && !file.contains(".."), "{file:?}");
        }
        // Each is read, or told of by its name; one that is cut is not read.
        let found = rows(&out, "SELECT key, rows, error FROM objects ORDER BY key");
        let named = |key: &str| {
            let name = encode_key(key.as_bytes());
            found.iter().filter(|row| row["key"] == name.as_ref()).collect::<Vec<_>>()
        };
        for key in &keys {
            let mine = named(key);
            assert!(mine.len() == 1 && mine[0]["rows"] == 10, "{key:?}: {found:#?}");
        }
        assert!(named("../cut.json.gz")[0]["error"].is_string(), "{found:#?}");
        assert_eq!(found.len(), keys.len() + 2);
        assert_eq!(done.json()["scan"]["rows"], 10 * (keys.len() + 1));
    }
}

/// What somebody may put into a name.
const NAMES: [&str; 5] = [
    "=HYPERLINK(\"http://example.com\",\"x\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1-1",
    "-2+3",
    "'; DROP TABLE workloads; --",
];

#[test]
fn hostile_names_are_data() {
    let logs = Logs::new();
    for (n, name) in (0..).zip(NAMES) {
        let mut records = good(n * 20..n * 20 + 20);
        for record in &mut records {
            record["identity"]["arn"] = json!(format!("arn:aws:iam::111122223333:user/{name}"));
            record["requestMetadata"] = json!({ "app": name });
        }
        logs.records(&format!("{n}.json.gz"), &records);
    }
    logs.records("9.json.gz", &[with(300, "/modelId", json!("../../../../tmp/model"))]);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let group = ["--group-by", "metadata.app"];
    audit(logs.path()).args(group).arg("--out").arg(&out).within(home.path()).ok();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    let found = rows(&out, "SELECT DISTINCT tags FROM workloads ORDER BY 1");
    assert_eq!(found.len(), NAMES.len() + 1, "{found:?}");
    // As it is in JSON, and nothing to execute in CSV.
    let exact = rows(&out, "SELECT '=1+1' AS x, -5 AS y, '-5' AS z, NULL AS n");
    assert_eq!(exact, [json!({ "x": "=1+1", "y": -5, "z": "-5" })]);
    let csv = |query: &str| halfrate(["sql", "--format", "csv", query, "--data"]).arg(&out).ok();
    let plain = csv("SELECT '=1+1' AS x, -5 AS y, '-5' AS z, 'a=b' AS ok, '' AS e");
    assert_eq!(plain.text(), "x,y,z,ok,e\n'=1+1,-5,'-5,a=b,\n");
    let callers = csv("SELECT split_part(caller, '/', -1) AS name FROM workloads");
    for line in callers.text().lines().skip(1) {
        let cell = line.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{line}");
    }
    // A pattern is a pattern, whatever it looks like.
    for pattern in ["'; DROP TABLE", "x' OR '1'='1", "%", "\\", "[a-z]"] {
        let done = halfrate(["explain", pattern, "--data"]).arg(&out).done();
        assert!(matches!(done.code(), Some(0 | 1)), "{pattern}: {}", done.stderr);
    }
    assert_eq!(rows(&out, "SELECT count(*) AS n FROM workloads"), [json!({ "n": found.len() })]);
}

#[test]
fn queries_reach_no_files_but_the_tables() {
    let home = tempfile::tempdir().unwrap();
    let secret = home.path().join("secret.csv");
    fs::write(&secret, "a,b\nthe,secret\n").unwrap();
    fs::copy(sample_audit().join("workloads.parquet"), home.path().join("w.parquet")).unwrap();
    let (csv, parquet) = (secret.display(), home.path().join("w.parquet"));
    let parquet = parquet.display();
    for statement in [
        format!("SELECT * FROM '{csv}'"),
        format!("SELECT * FROM \"{csv}\""),
        format!("SELECT * FROM 'file://{parquet}'"),
        format!("SELECT * FROM \"{parquet}\""),
        format!("SELECT * FROM read_csv('{csv}')"),
        format!("SELECT * FROM read_parquet('{parquet}')"),
        format!("SELECT * FROM parquet_metadata('{parquet}')"),
        format!("SELECT pg_read_file('{csv}')"),
        format!("SELECT load_extension('{csv}')"),
        format!("COPY workloads TO '{}/x.csv'", home.path().display()),
        format!("COPY (SELECT 1) TO '{}/y' STORED AS PARQUET", home.path().display()),
        format!("EXPLAIN ANALYZE COPY workloads TO '{}/z.csv'", home.path().display()),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{csv}'"),
        format!("CREATE VIEW v AS SELECT * FROM '{csv}'"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "EXECUTE p".to_owned(),
        "CREATE FUNCTION f(double) RETURNS double RETURN $1".to_owned(),
        "INSERT INTO usage SELECT * FROM usage".to_owned(),
        "CREATE DATABASE d".to_owned(),
    ] {
        let run = halfrate(["sql", &statement, "--data"]).arg(sample_audit());
        let done = run.within(home.path()).exits(1);
        assert!(done.stdout.is_empty(), "{statement}: {}", done.text());
        assert!(!done.stderr.contains("secret\n"), "{statement}: {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{statement}: {}", done.stderr);
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
}

#[test]
fn queries_keep_to_their_memory() {
    /// The limit, twice over, and what the process takes besides; see `commands/memory.rs`.
    const MOST_KIB: u64 = (2 * 64 + 16 * 8 + 256 + 150) << 10;
    let query = |text: &str, format: &str| {
        halfrate(["sql", "--memory-limit", "64MB", "--format", format, text, "--data"])
            .arg(sample_audit())
    };
    for (text, format) in [
        ("SELECT length(repeat('x', 2000000000))", "csv"),
        ("SELECT repeat('x', 100000) FROM generate_series(1, 100000)", "table"),
        ("SELECT length(string_agg(repeat('y', 1000), '')) FROM generate_series(1, 500000)", "csv"),
        ("SELECT cardinality(array_agg(value)) FROM generate_series(1, 50000000)", "csv"),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n, 'x' AS s UNION ALL SELECT n + 1, s || s FROM t \
             WHERE n < 40) SELECT max(length(s)) FROM t",
            "csv",
        ),
    ] {
        let (done, peak) = measured(query(text, format));
        assert_ne!(done.code(), Some(0), "{text}: {}", done.text());
        assert!(peak < MOST_KIB, "{text}: {peak} KiB");
        let told = ["Resources exhausted", "memory allocation of"];
        assert!(told.iter().any(|told| done.stderr.contains(told)), "{text}: {}", done.stderr);
    }
    // What fits is answered, and what can be spilled is spilled.
    let sorted = "SELECT max(value) AS m FROM (SELECT value, row_number() OVER (ORDER BY value DESC) \
                  AS r FROM generate_series(1, 2000000)) WHERE r < 3";
    assert_eq!(query(sorted, "csv").ok().text(), "m\n2000000\n");
}

#[test]
fn deep_statements_are_planned_or_refused() {
    let query =
        |text: &str| halfrate(["sql", "--format", "csv", text, "--data"]).arg(sample_audit());
    let sum = vec!["1"; 900].join("+");
    assert_eq!(query(&format!("SELECT {sum} AS n")).ok().text(), "n\n900\n");
    let refused = query(&format!("SELECT {}", vec!["1"; 20_000].join("+"))).exits(1);
    assert!(refused.stderr.contains("over the limit of 1000"), "{}", refused.stderr);
    let nested = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    let refused = query(&nested).exits(1);
    assert!(refused.stderr.to_lowercase().contains("recursion"), "{}", refused.stderr);
}

/// Pieces of statements: what reads, what writes, and what leads out.
const PIECES: [&str; 56] = [
    "SELECT",
    "*",
    "1",
    "caller",
    "count(*)",
    "FROM",
    "workloads",
    "usage",
    "WHERE",
    "GROUP BY 1",
    "ORDER BY 1",
    "LIMIT 3",
    ",",
    "(",
    ")",
    ";",
    "UNION ALL",
    "JOIN",
    "ON true",
    "AS x",
    "WITH x AS (",
    "INSERT INTO workloads",
    "VALUES (1)",
    "DELETE FROM",
    "UPDATE workloads SET caller = 'x'",
    "CREATE TABLE t AS",
    "CREATE VIEW v AS",
    "CREATE EXTERNAL TABLE t",
    "STORED AS CSV LOCATION",
    "DROP TABLE",
    "COPY",
    "TO '@/copied'",
    "'@/copied'",
    "STORED AS PARQUET",
    "EXPLAIN",
    "ANALYZE",
    "SET a.b = 1",
    "SHOW TABLES",
    "DESCRIBE",
    "PREPARE p AS",
    "EXECUTE p",
    "BEGIN",
    "TRUNCATE",
    "ALTER TABLE workloads",
    "read_csv('@/x')",
    "'",
    "\"",
    "--",
    "/*",
    "*/",
    "NULL",
    "::int",
    "||",
    "generate_series(1, 3)",
    "\u{0}",
    "é",
];

fn reads_only(plan: &LogicalPlan) -> bool {
    let writes = matches!(
        plan,
        LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
    );
    !writes && plan.inputs().into_iter().all(reads_only)
}

/// The SQL gate under random statements: `HALFRATE_GATE=1000000` tries as many.
#[tokio::test]
async fn any_statement_is_refused_or_reads() {
    let wanted: u64 =
        std::env::var("HALFRATE_GATE").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let home = tempfile::tempdir().unwrap();
    let data = Source::open(sample_audit().to_str().unwrap(), &S3Options::default()).await.unwrap();
    let session = session::session(&Limits::default(), [&data]).unwrap();
    catalog::register(&session, &Dataset::new(data)).unwrap();
    let mut state = 1_u64;
    let mut random = move |end: usize| {
        // Knuth's MMIX generator: its upper bits are good enough to choose words.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let (mut parsed, mut planned) = (0, 0);
    for _ in 0..wanted {
        let mut text = String::new();
        if random(2) == 0 {
            text.push_str("SELECT * FROM workloads ");
        }
        for _ in 0..1 + random(8) {
            text.push_str(
                &PIECES[random(PIECES.len())].replace('@', home.path().to_str().unwrap()),
            );
            text.push(' ');
        }
        let Ok(statements) = gate::parse(&text) else { continue };
        parsed += 1;
        for statement in statements {
            if let Ok(plan) = gate::plan(&session, statement).await {
                assert!(reads_only(&plan), "{text}");
                planned += 1;
            }
        }
    }
    eprintln!("{wanted} texts, {parsed} parsed, {planned} statements planned");
    assert!(planned > wanted / 100, "hardly anything was planned");
    assert!(is_empty(home.path()));
    let known = session.catalog("datafusion").unwrap().schema("public").unwrap().table_names();
    assert!(!known.iter().any(|name| name == "t" || name == "v"), "{known:?}");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}
