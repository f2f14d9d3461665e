//! A company at work: every archetype and every record shape, each with its label.

mod jobs;
mod waiting;

use super::plain;
use crate::simulate::arrivals::{Clock, DayShape, FLAT, OFFICE, Pattern};
use crate::simulate::call::{Sessions, Sizing, Template};
use crate::simulate::fleet::{Fleet, Member, Quirks, milli};
use crate::simulate::random::Quantiles;
use crate::simulate::record::Place;
use crate::simulate::{Label, Spec};

const SONNET: &str = "anthropic.claude-sonnet-4-6";
const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";
const NOVA_LITE: &str = "amazon.nova-lite-v1:0";
const GPT_OSS: &str = "openai.gpt-oss-120b-1:0";
const TITAN: &str = "amazon.titan-embed-text-v2:0";

/// Chat: short questions, answers of a paragraph or a page.
const QUESTION: Quantiles = [15, 60, 120, 220, 380, 620, 1000, 1900, 9000];
const ANSWER: Quantiles = [5, 50, 110, 180, 260, 370, 520, 800, 3500];
/// Retrieval: question plus passages.
const PASSAGES: Quantiles = [700, 1500, 2100, 2700, 3300, 4000, 4900, 6200, 14_000];
/// Job input, much alike.
const TICKETS: Quantiles = [380, 470, 530, 580, 640, 700, 780, 890, 1500];

/// The scenario in `place`.
pub(crate) fn fleet(spec: &Spec, place: &Place) -> Fleet {
    let mut members = waiting::people(spec, place);
    members.extend(waiting::gateway(spec, place));
    members.extend(waiting::products(spec, place));
    members.extend(waiting::services(spec, place));
    members.extend(jobs::pipelines(spec, place));
    members.extend(jobs::states(spec, place));
    members.extend(jobs::programs(spec, place));
    let quirks = Quirks { late: 700, duplicate: 1_500, pretty: 900, joined: 150, members: 12 };
    Fleet { members, quirks }
}

fn talk(
    spec: &Spec,
    per_day: u64,
    shape: &'static DayShape,
    turns: (u64, u64),
    gap_ms: (u64, u64),
) -> Pattern {
    let weekend_per_mille = match shape {
        shape if *shape == OFFICE => 30,
        shape if *shape == FLAT => 1000,
        _ => 550,
    };
    Pattern::Conversations {
        per_day_milli: milli(per_day, spec),
        shape,
        weekend_per_mille,
        turns,
        gap_ms,
    }
}

fn job(spec: &Spec, clock: Clock, weekdays: u8, calls: (u64, u64), workers: usize) -> Pattern {
    let calls_milli = (milli(calls.0, spec), milli(calls.1, spec));
    Pattern::Job { clock, weekdays, calls_milli, workers, jitter_ms: 60_000 }
}

/// A template with text of `factor` thousandths of the mean record.
fn call(
    principal: String,
    sessions: Sessions,
    operation: &'static str,
    input: Quantiles,
    output: Quantiles,
    factor: u32,
) -> Template {
    let base = plain(principal, sessions, operation);
    let Sizing::Mean { quantiles, .. } = base.sizing else { return base };
    Template { input, output: Some(output), sizing: Sizing::Mean { quantiles, factor }, ..base }
}

/// The usual session of a caller that has only one.
fn fixed(session: &str) -> Sessions {
    Sessions::Fixed(session.to_owned())
}

fn interactive(name: &'static str, pattern: Pattern, template: Template) -> Member {
    Member { name, label: Label::Interactive, pattern, template, budget: None }
}

fn tolerant(name: &'static str, pattern: Pattern, template: Template) -> Member {
    Member { name, label: Label::Tolerant, pattern, template, budget: None }
}
