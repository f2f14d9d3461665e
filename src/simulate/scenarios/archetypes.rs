//! One caller of each kind, most under names that say nothing: what timing alone has to tell apart.

use super::{plain, role};
use crate::simulate::arrivals::{CUSTOMERS, Clock, DayShape, EVERY_DAY, OFFICE, Pattern};
use crate::simulate::call::{Sessions, Tags, Template};
use crate::simulate::fleet::{Fleet, Member, Quirks, milli};
use crate::simulate::random::Quantiles;
use crate::simulate::record::Place;
use crate::simulate::{Label, Spec};

const MODEL: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

const QUESTION: Quantiles = [15, 60, 120, 220, 380, 620, 1000, 1900, 9000];
const ANSWER: Quantiles = [5, 50, 110, 180, 260, 370, 520, 800, 3500];
const DOCUMENT: Quantiles = [900, 1300, 1550, 1750, 1950, 2150, 2400, 2800, 4200];
const SUMMARY: Quantiles = [90, 110, 122, 131, 140, 150, 163, 182, 260];
const ESSAY: Quantiles = [300, 600, 800, 1000, 1200, 1450, 1800, 2400, 4000];

/// Monday to Friday.
const WORKDAYS: u8 = 0b011_1110;

/// The applications behind the gateway.
const APPLICATIONS: [&str; 40] = [
    "app-01", "app-02", "app-03", "app-04", "app-05", "app-06", "app-07", "app-08", "app-09",
    "app-10", "app-11", "app-12", "app-13", "app-14", "app-15", "app-16", "app-17", "app-18",
    "app-19", "app-20", "app-21", "app-22", "app-23", "app-24", "app-25", "app-26", "app-27",
    "app-28", "app-29", "app-30", "app-31", "app-32", "app-33", "app-34", "app-35", "app-36",
    "app-37", "app-38", "app-39", "app-40",
];

/// The scenario in `place`.
pub(crate) fn fleet(spec: &Spec, place: &Place) -> Fleet {
    let mut members = people(spec, place);
    members.extend(programs_awaited(spec, place));
    members.extend(jobs(spec, place));
    members.extend(mixture(spec, place));
    Fleet { members, quirks: Quirks::default() }
}

fn call(place: &Place, name: &str, input: Quantiles, output: Quantiles) -> Template {
    let session = Sessions::Fixed("i-0a1b2c3d4e5f60718".to_owned());
    let plain = plain(role(place, name), session, "Converse");
    Template { model: MODEL.to_owned(), input, output: Some(output), ..plain }
}

fn chat(place: &Place, name: &str) -> Template {
    call(place, name, QUESTION, ANSWER)
}

fn talk(
    spec: &Spec,
    per_day: u64,
    shape: &'static DayShape,
    turns: (u64, u64),
    gap_ms: (u64, u64),
) -> Pattern {
    let weekend_per_mille = if *shape == OFFICE { 30 } else { 700 };
    let per_day_milli = milli(per_day, spec);
    Pattern::Conversations { per_day_milli, shape, weekend_per_mille, turns, gap_ms }
}

fn job(spec: &Spec, clock: Clock, weekdays: u8, calls: (u64, u64), workers: usize) -> Pattern {
    let calls_milli = (milli(calls.0, spec), milli(calls.1, spec));
    Pattern::Job { clock, weekdays, calls_milli, workers, jitter_ms: 90_000 }
}

fn waits(name: &'static str, pattern: Pattern, template: Template) -> Member {
    Member { name, label: Label::Interactive, pattern, template, budget: None }
}

fn collects(name: &'static str, pattern: Pattern, template: Template) -> Member {
    Member { name, label: Label::Tolerant, pattern, template, budget: None }
}

/// People, and a person's script.
fn people(spec: &Spec, place: &Place) -> Vec<Member> {
    let turn = (12_000, 150_000);
    let viral = Pattern::Viral { hour: 20, milli: milli(600, spec), turns: (1, 4), gap_ms: turn };
    let script = Template {
        sessions: Sessions::Fixed("d.tanaka@example.com".to_owned()),
        ..call(place, "AWSReservedSSO_Analysts_9d03c5e7ab124f68", DOCUMENT, SUMMARY)
    };
    let gateway = Template {
        sessions: Sessions::Started("litellm-session-"),
        tags: Some(Tags { apps: &APPLICATIONS, users: 400 }),
        ..chat(place, "shared-proxy")
    };
    vec![
        waits("chat", talk(spec, 110, &CUSTOMERS, (1, 5), turn), chat(place, "orchid")),
        waits("office chat", talk(spec, 80, &OFFICE, (1, 6), turn), chat(place, "aster")),
        waits("viral chat", talk(spec, 40, &CUSTOMERS, (1, 4), turn), chat(place, "tulip")),
        waits("viral chat", viral, chat(place, "tulip")),
        waits("person's script", talk(spec, 1, &OFFICE, (60, 200), (40, 300)), script),
        waits("gateway of forty", talk(spec, 240, &CUSTOMERS, (1, 4), turn), gateway),
    ]
}

/// Programs whose callers wait.
fn programs_awaited(spec: &Spec, place: &Place) -> Vec<Member> {
    let stormy = Template { error_one_in: 3, ..chat(place, "poppy") };
    vec![
        waits(
            "awaited webhook",
            talk(spec, 220, &CUSTOMERS, (1, 1), (0, 0)),
            call(place, "clover", DOCUMENT, SUMMARY),
        ),
        waits("retry storm", talk(spec, 25, &CUSTOMERS, (2, 30), (300, 4_000)), stormy),
    ]
}

/// Jobs whose answers are collected later.
fn jobs(spec: &Spec, place: &Place) -> Vec<Member> {
    let moves = i64::from(spec.from.0) + i64::from(spec.days / 2);
    let plain = |name: &str| call(place, name, DOCUMENT, SUMMARY);
    let long = |name: &str| call(place, name, DOCUMENT, ESSAY);
    vec![
        collects(
            "nightly job",
            job(spec, Clock::Daily(150), EVERY_DAY, (180, 260), 4),
            plain("fern"),
        ),
        collects(
            "office-hours cron",
            job(spec, Clock::OfficeHours(10), WORKDAYS, (6, 12), 2),
            plain("moss"),
        ),
        // As long as an hour has, and again: it never stops.
        collects(
            "queue worker",
            job(spec, Clock::Hourly(0), EVERY_DAY, (150, 200), 1),
            long("reed"),
        ),
        // Wednesdays at 15:20.
        collects(
            "load test",
            job(spec, Clock::Daily(920), 0b000_1000, (1500, 2500), 24),
            plain("ivy"),
        ),
        collects(
            "migrated job, before",
            job(spec, Clock::Until(240, moves), EVERY_DAY, (120, 160), 4),
            plain("oak"),
        ),
        collects(
            "migrated job, after",
            job(spec, Clock::From(240, moves), EVERY_DAY, (120, 160), 4),
            plain("elm"),
        ),
    ]
}

/// One role and model that serves a chat and reads its corpus again at 02:00, the chat going on.
fn mixture(spec: &Spec, place: &Place) -> Vec<Member> {
    let turn = (12_000, 150_000);
    vec![
        waits("hybrid: chat", talk(spec, 220, &CUSTOMERS, (1, 5), turn), chat(place, "maple")),
        collects(
            "hybrid: corpus",
            job(spec, Clock::Daily(120), EVERY_DAY, (380, 420), 6),
            call(place, "maple", DOCUMENT, SUMMARY),
        ),
    ]
}
