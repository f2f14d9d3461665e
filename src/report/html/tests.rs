//! Tests of the page as a text; a browser's view of it is tested in `tests/page.rs`.

use super::super::example;
use super::*;
use crate::savings::Mode;
use crate::units::Tokens;

fn page(report: &Report) -> String {
    let mut weeks = BTreeMap::new();
    for workload in &report.workloads {
        let mut week = Week::default();
        week.add(report.window.from, 2, Tokens(1_000));
        weeks.insert(workload.key.id(), week);
    }
    render(report, &weeks)
}

#[test]
fn the_headline_has_the_figures_of_the_summary() {
    let report = example::report();
    let page = page(&report);
    for figure in ["$12,000", "60.0 %", "$3,600", "a year"] {
        assert!(page.contains(figure), "{figure}");
    }
    for part in
        ["moved", "waterfall", "days", "week", "workloads", "blind-spots", "assumed", "prices"]
    {
        assert!(page.contains(&format!("<section id=\"{part}\"")), "{part}");
    }
}

#[test]
fn nothing_is_fetched() {
    let page = page(&example::report());
    for part in ["http://", "https://", "<link", "<img", "@import", "url(", "src=", "<iframe"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

/// Names that would end an element, an attribute, a script or a comment, if they were not escaped.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</script><script>alert(1)//",
    "' onmouseover='alert(1)",
    "<!--<script>",
    "日本語 \u{1f600} &lt;b&gt; </title></style>",
];

#[test]
fn what_logs_say_is_never_markup() {
    for name in HOSTILE {
        let mut report = example::report();
        for workload in &mut report.workloads {
            let key = &mut workload.key;
            for field in [
                &mut key.caller,
                &mut key.account,
                &mut key.region,
                &mut key.model,
                &mut key.scope,
                &mut key.operation,
                &mut key.tags,
                &mut workload.judgement.evidence[0].sentence,
                &mut workload.assessment.reason,
            ] {
                *field = name.to_owned();
            }
            workload.judgement.settle = workload.judgement.settle.as_ref().map(|_| name.to_owned());
            for line in &mut workload.assessment.lines {
                line.source = name.to_owned();
            }
            workload.assessment.assumptions = vec![name.to_owned()];
        }
        report.sources = vec![name.to_owned()];
        // Workloads that are new on the page of what moved, so their names stand there, too.
        report.earlier = Some(example::earlier(&report, Vec::new()));
        report.price_book = name.to_owned();
        report.parameters = vec![("group_by".into(), name.to_owned())];
        let page = page(&report);
        let escaped = html! { (name) }.into_string();
        assert!(page.matches(&escaped).count() > 20, "{name}");
        // What holds nothing to escape is text as it is; no value of a log stands in an attribute.
        assert!(escaped == name || !page.contains(name), "{name}");
        for (markup, times) in
            [("<script", 2), ("</script", 2), ("<img", 0), ("<!--", 0), ("<title", 61)]
        {
            let found = page.matches(markup).count();
            assert!(
                found == times || (markup == "<title" && found < times),
                "{name}: {found} {markup}"
            );
        }
    }
}

#[test]
fn only_the_pages_own_script_may_run() {
    let page = page(&example::report());
    assert_eq!(page.matches("<script").count(), 2, "one of data, one that runs");
    assert_eq!(page.matches("<script type=\"application/json\"").count(), 1);
    let hash = base64_simd::STANDARD.encode_to_string(Sha256::digest(SCRIPT));
    assert!(page.contains(&format!("sha256-{hash}")));
    assert!(page.contains(&format!("<script>{SCRIPT}</script>")), "hash and script must fit");
    assert!(!SCRIPT.contains("</") && !STYLE.contains("</"), "would end the element");
}

#[test]
fn the_first_audit_has_nothing_to_compare_and_the_next_one_has() {
    let mut report = example::report();
    assert!(page(&report).contains("This is the first audit"));
    report.earlier = Some(example::earlier(&report, Vec::new()));
    let page = render(&report, &BTreeMap::new());
    for part in [
        "\u{2212}$3,000",
        "no change",
        "unknown",
        "Its prices were others",
        "the same days",
        "6 workloads moved: 6 new.",
        "new, tolerant",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("Its settings were others"));
    assert!(!page.contains("section id=\"week\""), "no weeks were given");
}

#[test]
fn a_thousand_workloads_fit_into_two_megabytes_and_so_do_ten_thousand() {
    for (number, all_open) in [(1_000, true), (10_000, false)] {
        let mut report = example::report();
        let like = report.workloads[0].clone();
        report.workloads = (0..number)
            .map(|index| {
                let mut workload = like.clone();
                workload.key.caller =
                    format!("some-service-{index}/with-a-session-of-usual-length");
                workload.key.model = "anthropic.claude-sonnet-4-20250514-v1:0".into();
                workload.assessment.mode = Mode::Batch;
                workload
            })
            .collect();
        let page = page(&report);
        assert!(page.len() < 2_000_000, "{number}: {} bytes", page.len());
        let folded = page.matches("Evidence and arithmetic").count();
        assert_eq!(folded == number, all_open, "{folded} of {number}");
        let said = page.contains("The 1,500 dearest of 10,000");
        assert_eq!(said, number > workloads::SHOWN, "a page that leaves rows out says so");
    }
}

#[test]
fn an_empty_report_is_a_page_too() {
    let mut report = example::report();
    report.workloads.clear();
    let page = render(&report, &BTreeMap::new());
    assert!(page.contains("</html>"));
}
