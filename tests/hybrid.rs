//! One role that serves a chat and reads its corpus at night: only the corpus is eligible, to the token.

use std::convert::Infallible;
use std::fs;

use halfrate::simulate::{Scenario, Spec, generate};
use serde_json::Value;

use crate::program::{audit, halfrate};

#[test]
fn only_the_corpus_of_a_hybrid_is_eligible_everywhere_one_looks() {
    let home = tempfile::tempdir().unwrap();
    let (logs, out) = (home.path().join("logs"), home.path().join("out"));
    let spec = Spec { days: 14, ..Spec::of(Scenario::Archetypes, 1) };
    let made = generate(&spec, &mut |object| -> Result<(), Infallible> {
        let file = logs.join(&object.key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &object.bytes).unwrap();
        Ok(())
    });
    let made = made.unwrap();
    let corpus = made.truths.iter().find(|truth| truth.name == "hybrid: corpus").unwrap();
    let corpus = corpus.tokens.total().0 as f64;

    let run = audit(&logs).args(["--format", "json"]).arg("--out").arg(&out);
    let summary = run.ok().json();
    let workloads = summary["workloads"].as_array().unwrap();
    let hybrid = workloads.iter().find(|w| w["caller"] == "maple/<ec2>").unwrap();
    assert_eq!(hybrid["verdict"], "hybrid", "{}", hybrid["reason"]);
    let eligible = hybrid["eligible_tokens"].as_i64().unwrap();
    let off = eligible as f64 / corpus - 1.0;
    assert!(off.abs() < 0.05, "{eligible} of {corpus}: {off:+.3}");
    let lanes = hybrid["lanes"].as_array().unwrap();
    let requests = |lane: &Value| lane["requests"].as_i64().unwrap();
    assert_eq!(lanes.iter().map(requests).sum::<i64>(), hybrid["requests"].as_i64().unwrap());

    let sql = |query: &str| {
        let rows = halfrate(["sql", "--format", "json", "--data"]).arg(&out).arg(query).ok().json();
        rows[0]["n"].as_i64().unwrap()
    };
    let of = "WHERE caller = 'maple/<ec2>'";
    assert_eq!(sql(&format!("SELECT sum(eligible_tokens) AS n FROM volume {of}")), eligible);
    assert_eq!(sql(&format!("SELECT sum(total_tokens) AS n FROM runs {of}")), eligible);
    // Every night has a run of its own, and every day its part of the volume.
    assert_eq!(
        sql(&format!("SELECT count(DISTINCT date_trunc('day', first_minute)) AS n FROM runs {of}")),
        14
    );
    let chat_by_day = format!(
        "SELECT count(*) AS n FROM runs {of} AND date_part('hour', first_minute) NOT IN (1, 2)"
    );
    assert_eq!(sql(&chat_by_day), 0);
    let sums = format!(
        "SELECT count(*) AS n FROM volume {of} AND tokens <> eligible_tokens + interactive_tokens + \
         unclear_tokens"
    );
    assert_eq!(sql(&sums), 0);

    let page = halfrate(["explain", "maple", "--data"]).arg(&out).ok();
    assert!(page.text().contains("Lanes, judged apart"), "{}", page.text());
}
