//! `halfrate sql`: formats, files, pipes, raw logs, pruning, and what it refuses.

use std::fs;

use serde_json::{Value, json};

use crate::logs::{self, HOUR, Logs};
use crate::program::{approve, audit, company_logs, halfrate, sample_audit, sample_data};
use crate::tables::{read, rows};

const THREE: &str = "SELECT caller, verdict, total_tokens, cost_usd FROM workloads \
                     ORDER BY cost_usd DESC LIMIT 3";

/// The answer of a query over raw logs, as CSV.
fn raw(options: &[&str], query: &str) -> String {
    let logs = company_logs().to_str().unwrap();
    let done = halfrate(["sql", "--format", "csv", "--logs", logs, query]).args(options).ok();
    done.text().to_owned()
}

#[test]
fn rows_come_as_table_csv_and_json() {
    let of = |format: &str| {
        let run = halfrate(["sql", "--format", format, THREE, "--data"]).arg(sample_audit());
        run.ok().transcript()
    };
    approve("sql_formats", &["table", "csv", "json"].map(of).join("\n"));
    let plain = halfrate(["sql", THREE, "--data"]).arg(sample_audit()).ok();
    assert_eq!(plain.transcript(), of("table"), "a table is the default");
}

#[test]
fn rows_come_as_parquet() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rows.parquet");
    let query = "SELECT caller, cost_usd, first_minute FROM workloads ORDER BY caller";
    let done = halfrate(["sql", "--format", "parquet", query, "--data"]).arg(sample_audit()).ok();
    fs::write(&file, &done.stdout).unwrap();
    let batch = read(&file);
    assert_eq!(batch.num_rows(), rows(sample_audit(), query).len());
    let types: Vec<String> =
        batch.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Decimal128(20, 6)", "Timestamp(µs, \"UTC\")"]);
}

#[test]
fn an_answer_without_rows_has_a_form_too() {
    let none = "SELECT caller, total_tokens FROM workloads WHERE total_tokens < 0";
    for (format, wanted) in [("csv", "caller,total_tokens\n"), ("json", "[]\n")] {
        let done = halfrate(["sql", "--format", format, none, "--data"]).arg(sample_audit()).ok();
        assert_eq!(done.text(), wanted, "{format}");
    }
    let table = halfrate(["sql", none, "--data"]).arg(sample_audit()).ok();
    assert!(table.text().contains("| caller | total_tokens |"), "{}", table.text());
    assert!(table.text().ends_with("0 rows\n"), "{}", table.text());
}

#[test]
fn a_statement_comes_as_argument_file_or_pipe() {
    let run = || halfrate(["sql", "--format", "csv", "--data"]).arg(sample_audit());
    let argument = run().arg(THREE).ok();
    let file = run().args(["-f", "three.sql"]).file("three.sql", &format!("{THREE};\n")).ok();
    let pipe = run().stdin(&format!("-- three\n{THREE};\n")).ok();
    assert_eq!(argument.stdout, file.stdout);
    assert_eq!(argument.stdout, pipe.stdout);
    let two = run().stdin("SELECT 1 AS a; SELECT 2 AS b;").ok();
    assert_eq!(two.text(), "a\n1\nb\n2\n");
    run().args(["-f", "x.sql", "SELECT 1"]).exits(2);
    assert!(run().args(["-f", "x.sql"]).exits(1).stderr.contains("cannot read x.sql"));
    assert!(run().stdin("").exits(1).stderr.contains("no statement"));
}

#[test]
fn every_table_is_there_and_described() {
    let tables = "SELECT table_name FROM information_schema.tables \
                  WHERE table_schema = 'public' ORDER BY table_name";
    let names: Vec<Value> =
        rows(sample_audit(), tables).into_iter().map(|row| row["table_name"].clone()).collect();
    let mut wanted: Vec<&str> = halfrate::schema::TABLES.iter().map(|table| table.name).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    let shown = halfrate(["sql", "SHOW TABLES", "--data"]).arg(sample_audit()).ok();
    assert!(shown.text().contains("workloads"), "{}", shown.text());
    let columns = halfrate(["sql", "DESCRIBE usage", "--data"]).arg(sample_audit()).ok();
    assert!(columns.text().contains("cache_read_tokens"), "{}", columns.text());
    let plan = halfrate(["sql", "EXPLAIN SELECT 1 FROM usage", "--data"]).arg(sample_audit()).ok();
    assert!(plan.text().contains("DataSourceExec") || plan.text().contains("Placeholder"));
}

#[test]
fn nothing_but_reading_is_allowed() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("x.csv");
    let copy = format!("COPY (SELECT 1) TO '{}'", target.display());
    let external =
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}'", sample_audit().display());
    for statement in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        external.as_str(),
        "DROP TABLE workloads",
        "INSERT INTO workloads SELECT * FROM workloads",
        "DELETE FROM workloads",
        "UPDATE workloads SET caller = 'x'",
        copy.as_str(),
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE INSERT INTO workloads SELECT * FROM workloads",
        "SELECT 1; DROP TABLE workloads",
        "BEGIN TRANSACTION",
    ] {
        let done = halfrate(["sql", statement, "--data"]).arg(sample_audit()).exits(1);
        assert!(!done.stderr.contains("panicked"), "{statement}: {}", done.stderr);
        assert!(done.stderr.starts_with("halfrate: "), "{statement}: {}", done.stderr);
    }
    assert!(!target.exists());
    let again = rows(sample_audit(), "SELECT count(*) AS n FROM workloads");
    assert_eq!(again, [json!({ "n": 10 })]);
    let file = format!("SELECT * FROM '{}'", sample_audit().join("workloads.parquet").display());
    halfrate(["sql", &file, "--data"]).arg(sample_audit()).exits(1);
}

#[test]
fn mistakes_are_explained() {
    let told = |query: &str| halfrate(["sql", query, "--data"]).arg(sample_audit()).exits(1).stderr;
    let column = told("SELECT callr FROM workloads");
    assert!(column.contains("callr") && column.contains("caller"), "{column}");
    let few = ["SELECT * FROM workload", "SELEC 1", "SELECT 1/0", "DROP TABLE runs", "SET a.b = 1"];
    approve("sql_mistakes", &few.map(told).concat());
    let nowhere = halfrate(["sql", "SELECT 1", "--data", "nowhere"]).exits(1);
    assert!(nowhere.stderr.contains("halfrate audit SOURCE --out nowhere"), "{}", nowhere.stderr);
    let default = halfrate(["sql", "SELECT 1"]).exits(1);
    assert!(default.stderr.contains("halfrate-out"), "{}", default.stderr);
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    for format in ["table", "csv", "json", "parquet"] {
        let all = "SELECT * FROM invocations ORDER BY timestamp, request_id";
        let run = halfrate(["sql", "--format", format, all, "--logs"]).arg(sample_data());
        let (mut child, _home) = run.args(["--to", "2026-10-02"]).spawn();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{format}");
    }
}

#[test]
fn maps_of_raw_logs_have_a_form_in_csv() {
    let query = "SELECT metadata, request_id FROM invocations WHERE caller LIKE 'llm-gateway/%' \
                 AND date = '2026-10-01' ORDER BY request_id LIMIT 1";
    let text = raw(&[], query);
    assert!(text.starts_with("metadata,request_id\n\"{app: "), "{text}");
}

#[test]
fn raw_logs_are_the_table_invocations() {
    let one = raw(
        &["--account", "111122223333", "--log-region", "us-east-1"],
        "SELECT count(*) AS calls, count(DISTINCT request_id) AS ids, count(error_code) AS errors \
         FROM invocations",
    );
    let fields: Vec<u64> =
        one.lines().nth(1).unwrap().split(',').map(|field| field.parse().unwrap()).collect();
    assert!(fields[0] >= fields[1] && fields[1] > 100, "{one}");
    let tagged = raw(
        &[],
        "SELECT metadata['app'] AS app, count(*) AS calls FROM invocations \
         WHERE caller LIKE 'llm-gateway/%' GROUP BY 1 ORDER BY 1",
    );
    assert!(tagged.lines().count() > 2, "{tagged}");
    // An unknown is null, not no.
    let unknown = raw(
        &[],
        "SELECT count(*) AS n FROM invocations WHERE caller LIKE 'invoice-summaries/%' \
         AND tools IS NOT NULL",
    );
    assert_eq!(unknown, "n\n0\n");
}

#[test]
fn raw_logs_and_the_audit_agree() {
    let query = "SELECT caller, model, count(*) AS calls, sum(input_tokens) AS input, \
                 sum(output_tokens) AS output FROM invocations GROUP BY 1, 2 ORDER BY 1, 2";
    let logs = sample_data();
    let done = halfrate(["sql", "--format", "json", query, "--logs"]).arg(&logs).ok();
    let audited = "SELECT caller, model, sum(requests) AS calls, sum(input_tokens) AS input, \
                   sum(output_tokens) AS output FROM workloads GROUP BY 1, 2 ORDER BY 1, 2";
    let mut raw = done.json().as_array().unwrap().clone();
    let mut counted = rows(sample_audit(), audited);
    let total = |rows: &[Value]| rows.iter().map(|row| row["calls"].as_u64().unwrap()).sum::<u64>();
    // Raw logs have every record; the audit counts a record that was delivered twice once.
    assert_eq!(total(&raw), total(&counted) + 1);
    assert_eq!(raw.len(), counted.len());
    let same = |row: &mut Value| {
        let null_is_zero = |value: &Value| value.as_i64().unwrap_or(0);
        *row = json!([row["caller"], row["model"], null_is_zero(&row["output"])]);
    };
    raw.iter_mut().for_each(same);
    counted.iter_mut().for_each(same);
    let differing = raw.iter().zip(&counted).filter(|(one, other)| one != other).count();
    assert!(differing <= 1, "only the workload with the record delivered twice may differ");
}

#[test]
fn pruning_never_changes_an_answer() {
    // Wrapped in an expression that no key can answer, the same filter prunes nothing.
    for (filter, blind) in [
        ("date >= '2026-10-02'", "date_part('day', date) >= 2"),
        ("date <= '2026-10-01'", "date_part('day', date) <= 1"),
        ("date = '2026-10-02'", "date_part('day', date) = 2"),
        ("date < '2026-10-03' AND date > '2026-10-01'", "date_part('day', date) = 2"),
        ("account = '111122223333'", "concat(account, '') = '111122223333'"),
        ("'eu-west-1' = region", "concat(region, '') = 'eu-west-1'"),
        ("region <> 'eu-west-1'", "NOT concat(region, '') = 'eu-west-1'"),
        (
            "region = 'eu-west-1' OR date = '2026-10-02'",
            "concat(region, '') = 'eu-west-1' OR date_part('day', date) = 2",
        ),
        (
            "timestamp >= '2026-10-02T10:30:00Z' AND timestamp < '2026-10-02T12:00:00Z'",
            "to_char(timestamp, '%Y-%m-%dT%H:%M') >= '2026-10-02T10:30' AND \
             to_char(timestamp, '%Y-%m-%dT%H:%M') < '2026-10-02T12:00'",
        ),
        ("account = '999999999999'", "concat(account, '') = '999999999999'"),
    ] {
        let query = |filter: &str| {
            format!(
                "SELECT count(*) AS calls, sum(input_tokens) AS input, min(timestamp) AS first, \
                 max(timestamp) AS last FROM invocations WHERE {filter}"
            )
        };
        let days = ["--from", "2026-10-01", "--to", "2026-10-03"];
        let (pruned, whole) = (raw(&days, &query(filter)), raw(&days, &query(blind)));
        assert_eq!(pruned, whole, "{filter}");
        let none = pruned.lines().nth(1).unwrap().starts_with("0,");
        assert_eq!(none, filter.contains("999999999999"), "{filter}: {pruned}");
    }
}

#[test]
fn pruning_reads_less() {
    let logs = Logs::new();
    logs.records("1.json.gz", &logs::good(0..10));
    let other = HOUR.replace("us-east-1", "eu-west-1").replace("111122223333", "444455556666");
    logs.raw(&format!("{other}/2.json.gz"), "broken");
    let count = |filter: &str| {
        let query = format!("SELECT count(*) AS n FROM invocations {filter}");
        halfrate(["sql", "--format", "csv", &query, "--logs"]).arg(logs.path())
    };
    // The broken object makes the answer incomplete unless it is not read at all.
    let whole = count("").exits(3);
    assert_eq!(whole.text(), "n\n10\n");
    assert!(whole.stderr.contains("1 objects could not be read"), "{}", whole.stderr);
    for filter in [
        "WHERE region = 'us-east-1'",
        "WHERE account = '111122223333'",
        "WHERE region = 'us-east-1' AND operation = 'Converse'",
    ] {
        assert_eq!(count(filter).ok().text(), "n\n10\n", "{filter}");
    }
    assert_eq!(count("WHERE date >= '2026-10-06'").ok().text(), "n\n0\n");
    count("WHERE date >= '2026-10-05'").exits(3);
    let selected = count("").args(["--log-region", "us-east-1"]).ok();
    assert_eq!(selected.text(), "n\n10\n");
}

#[test]
fn a_window_on_raw_logs_holds_for_their_records() {
    let days = raw(
        &["--from", "2026-10-02", "--to", "2026-10-02"],
        "SELECT min(date) AS first, max(date) AS last FROM invocations",
    );
    assert_eq!(days, "first,last\n2026-10-02,2026-10-02\n");
}

#[test]
fn raw_logs_and_tables_can_be_joined() {
    let query = "SELECT count(*) > 0 AS found FROM invocations i JOIN workloads w \
                 ON i.caller = w.caller AND i.model = w.model WHERE w.verdict = 'tolerant'";
    let done = halfrate(["sql", "--format", "csv", query, "--data"])
        .arg(sample_audit())
        .arg("--logs")
        .arg(sample_data())
        .args(["--from", "2026-10-01", "--to", "2026-10-01"])
        .ok();
    assert_eq!(done.text(), "found\ntrue\n");
}

#[test]
fn rejected_records_of_raw_logs_are_counted_out_loud() {
    let logs = Logs::new();
    logs.gzip("1.json.gz", format!("nonsense\n{}", logs::lines(&logs::good(0..5))));
    let done =
        halfrate(["sql", "SELECT count(*) FROM invocations", "--logs"]).arg(logs.path()).exits(3);
    assert!(done.stderr.contains("1 records were rejected"), "{}", done.stderr);
    audit(logs.path()).exits(3);
}
