//! The worked example: a month of 20 million tokens at $6 a million, 60 % of which nobody waits
//! for.
//!
//! The case at full size: 2 billion tokens on Claude Sonnet 4 in us-east-1, three quarters of them
//! input at $3 and one quarter output at $15 a million: $12,000, all on demand. Classification,
//! enrichment and evals are 60 % of it and cost $3,600 instead of $7,200 as batch. Here it is at
//! 1:100, and the calls of a few side dishes (embeddings, an agent, cached prompts) come on top
//! with about 0.2 % of the tokens.

use super::{geo_profile, geo_profile_arn, geo_regions, plain, role};
use crate::simulate::arrivals::{CUSTOMERS, Clock, EVERY_DAY, OFFICE, Pattern};
use crate::simulate::call::{Features, Sessions, Sizing, Tags, Template, Tools};
use crate::simulate::fleet::{Fleet, Member, Quirks, milli, scale_milli};
use crate::simulate::record::Place;
use crate::simulate::{Label, Spec};

/// A mid-tier model whose price and batch price in us-east-1 are both published, in-region and
/// `us.` alike.
const SONNET: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
const TITAN: &str = "amazon.titan-embed-text-v2:0";

/// Days the budgets are for.
const MONTH: u64 = 30;

const DEVELOPERS: &str = "AWSReservedSSO_Developers_4be0c81f27d95a36";

const PEOPLE: [&str; 6] = [
    "anna.keller@example.com",
    "ben.osei@example.com",
    "chiara.rossi@example.com",
    "dmitri.novak@example.com",
    "emma.lind@example.com",
    "farid.amini@example.com",
];

const AGENTS: [&str; 5] = [
    "claude-code-grace",
    "claude-code-hugo",
    "claude-code-ines",
    "claude-code-jonas",
    "claude-code-kira",
];

/// The scenario in `place`.
pub(crate) fn fleet(spec: &Spec, place: &Place) -> Fleet {
    let mut members =
        vec![classification(spec, place), enrichment(spec, place), evals(spec, place)];
    members.extend(coding(spec, place));
    members.extend([
        gateway_chat(spec, place),
        support_chat(spec, place),
        cached_coding(spec, place),
        agent(spec, place),
        knowledge_base(spec, place),
        embedding_backfill(spec, place),
    ]);
    let quirks = Quirks { late: 9_000, duplicate: 15_000, pretty: 4_000, joined: 500, members: 40 };
    Fleet { members, quirks }
}

/// Thousands of input tokens in a month; a third as many are output.
fn budget(spec: &Spec, thousand_input: u64) -> Option<(u64, u64)> {
    let input = thousand_input * scale_milli(spec) * u64::from(spec.days) / MONTH;
    Some((input, input / 3))
}

/// A template of calls of a few words to the model.
fn call(principal: String, sessions: Sessions, operation: &'static str) -> Template {
    Template { sizing: Sizing::Words, ..plain(principal, sessions, operation) }
}

/// Jobs by the clock, with calls at scale 1.
fn job(
    spec: &Spec,
    clock: Clock,
    weekdays: u8,
    calls: (u64, u64),
    workers: usize,
    jitter_ms: u64,
) -> Pattern {
    let calls_milli = (milli(calls.0, spec), milli(calls.1, spec));
    Pattern::Job { clock, weekdays, calls_milli, workers, jitter_ms }
}

fn classification(spec: &Spec, place: &Place) -> Member {
    let glue = Sessions::Fixed("GlueJobRunnerSession".to_owned());
    Member {
        name: "nightly classification",
        label: Label::Tolerant,
        // At 02:00.
        pattern: job(spec, Clock::Daily(120), EVERY_DAY, (215, 225), 2, 90_000),
        template: Template {
            model: geo_profile_arn(place, SONNET),
            inference_regions: geo_regions(place),
            input: [560, 600, 630, 650, 675, 700, 730, 770, 860],
            output: Some([225, 226, 226, 227, 227, 227, 228, 228, 229]),
            error_one_in: 900,
            ..call(role(place, "ticket-classification"), glue, "InvokeModel")
        },
        budget: budget(spec, 4_500),
    }
}

fn enrichment(spec: &Spec, place: &Place) -> Member {
    let airflow = Sessions::Fixed("AmazonMWAA-airflow".to_owned());
    Member {
        name: "hourly enrichment",
        label: Label::Tolerant,
        pattern: job(spec, Clock::Hourly(5), EVERY_DAY, (6, 6), 1, 20_000),
        template: Template {
            model: geo_profile(place, SONNET),
            inference_regions: geo_regions(place),
            input: [430, 500, 550, 590, 625, 665, 710, 770, 900],
            output: Some([150, 170, 185, 198, 209, 220, 233, 250, 290]),
            features: Features { schema: true, ..Features::default() },
            key_order: 2,
            ..call(role(place, "catalog-enrichment"), airflow, "Converse")
        },
        budget: budget(spec, 2_700),
    }
}

fn evals(spec: &Spec, place: &Place) -> Member {
    Member {
        name: "model evals",
        label: Label::Tolerant,
        // Monday, Wednesday and Friday at 21:30.
        pattern: job(spec, Clock::Daily(1290), 0b010_1010, (180, 190), 4, 120_000),
        template: Template {
            model: SONNET.to_owned(),
            input: [420, 540, 620, 690, 750, 810, 880, 970, 1180],
            output: Some([90, 140, 180, 215, 245, 280, 320, 375, 480]),
            key_order: 2,
            ..call(role(place, "model-evals"), Sessions::Uuid("AWSCodeBuild-"), "Converse")
        },
        budget: budget(spec, 1_800),
    }
}

/// A conversation in the worked example: somebody reads, thinks and asks again.
fn talk(
    spec: &Spec,
    per_day_milli: u64,
    office: bool,
    turns: (u64, u64),
    gap_ms: (u64, u64),
) -> Pattern {
    Pattern::Conversations {
        per_day_milli: per_day_milli * scale_milli(spec) / 1000,
        shape: if office { &OFFICE } else { &CUSTOMERS },
        weekend_per_mille: if office { 20 } else { 500 },
        turns,
        gap_ms,
    }
}

fn interactive(
    spec: &Spec,
    name: &'static str,
    pattern: Pattern,
    template: Template,
    thousand_input: u64,
) -> Member {
    let budget = budget(spec, thousand_input);
    Member { name, label: Label::Interactive, pattern, template, budget }
}

fn coding(spec: &Spec, place: &Place) -> [Member; 2] {
    let people = Template {
        model: geo_profile(place, SONNET),
        inference_regions: geo_regions(place),
        input: [40, 70, 100, 140, 190, 250, 340, 480, 900],
        output: Some([40, 90, 150, 220, 320, 460, 650, 950, 1600]),
        error_one_in: 200,
        bodiless_one_in: 40,
        key_order: 2,
        ..call(role(place, DEVELOPERS), Sessions::Named(&PEOPLE), "ConverseStream")
    };
    let agents = Template {
        principal: role(place, "coding-agents"),
        sessions: Sessions::Named(&AGENTS),
        operation: "InvokeModelWithResponseStream",
        key_order: 1,
        ..people.clone()
    };
    let session = |gap_ms| talk(spec, 7_000, true, (2, 10), gap_ms);
    [
        interactive(spec, "coding with an assistant", session((25_000, 240_000)), people, 1_200),
        interactive(spec, "coding agents", session((15_000, 150_000)), agents, 1_200),
    ]
}

fn gateway_chat(spec: &Spec, place: &Place) -> Member {
    let template = Template {
        model: geo_profile(place, SONNET),
        inference_regions: geo_regions(place),
        tags: Some(Tags { apps: &["helpdesk", "intranet-chat", "sales-assistant"], users: 180 }),
        input: [30, 60, 90, 130, 180, 240, 320, 450, 900],
        output: Some([40, 80, 120, 170, 220, 280, 360, 480, 800]),
        error_one_in: 150,
        key_order: 2,
        ..call(role(place, "llm-gateway"), Sessions::Started("litellm-session-"), "ConverseStream")
    };
    let pattern = talk(spec, 33_000, false, (1, 6), (15_000, 180_000));
    interactive(spec, "chat through a gateway", pattern, template, 2_250)
}

fn support_chat(spec: &Spec, place: &Place) -> Member {
    let function = "support-chat-api";
    let template = Template {
        model: geo_profile_arn(place, SONNET),
        inference_regions: geo_regions(place),
        input: [260, 420, 530, 640, 750, 880, 1030, 1250, 1900],
        output: Some([60, 120, 180, 230, 285, 345, 420, 520, 800]),
        error_one_in: 150,
        offload_one_in: 700,
        ..call(
            role(place, function),
            Sessions::Fixed(function.to_owned()),
            "InvokeModelWithResponseStream",
        )
    };
    let pattern = talk(spec, 37_000, false, (1, 2), (20_000, 120_000));
    interactive(spec, "support chat with retrieval", pattern, template, 1_350)
}

/// Calls with prompt caching, so few that the blended price stays what it is.
fn cached_coding(spec: &Spec, place: &Place) -> Member {
    Member {
        name: "cached coding sessions",
        label: Label::Interactive,
        pattern: talk(spec, 110, true, (3, 6), (20_000, 90_000)),
        template: Template {
            model: geo_profile(place, SONNET),
            inference_regions: geo_regions(place),
            input: [120, 160, 190, 220, 250, 280, 310, 350, 420],
            output: Some([20, 30, 40, 50, 60, 70, 80, 90, 120]),
            features: Features { cache: true, ..Features::default() },
            key_order: 2,
            ..call(role(place, DEVELOPERS), Sessions::Named(&PEOPLE), "ConverseStream")
        },
        budget: None,
    }
}

fn agent(spec: &Spec, place: &Place) -> Member {
    Member {
        name: "agent with tools",
        label: Label::Interactive,
        pattern: talk(spec, 170, false, (3, 6), (200, 2_000)),
        template: Template {
            model: geo_profile(place, SONNET),
            inference_regions: geo_regions(place),
            input: [60, 90, 110, 130, 150, 170, 190, 220, 300],
            output: Some([20, 30, 40, 50, 60, 70, 80, 90, 120]),
            features: Features { tools: Tools::Loop, ..Features::default() },
            key_order: 2,
            ..call(
                role(place, "travel-agent-runtime"),
                Sessions::Uuid("BedrockAgentCore-"),
                "Converse",
            )
        },
        budget: None,
    }
}

fn knowledge_base(spec: &Spec, place: &Place) -> Member {
    let session = Sessions::Fixed(format!("MANAGED_KB_EMBED-{}-9ZQ1H0", place.account));
    let service = role(place, "AmazonBedrockExecutionRoleForKnowledgeBase_q7x2k");
    Member {
        name: "knowledge base retrieval",
        label: Label::Interactive,
        pattern: talk(spec, 3_000, false, (1, 1), (0, 0)),
        template: Template {
            model: TITAN.to_owned(),
            input: [6, 10, 14, 18, 22, 27, 33, 42, 70],
            ..call(service, session, "InvokeModel")
        },
        budget: None,
    }
}

fn embedding_backfill(spec: &Spec, place: &Place) -> Member {
    // A container task: 32 hexadecimal digits.
    let task = Sessions::Fixed("5f0c2e9a71d84b36a8e1c07d92f4b65e".to_owned());
    Member {
        name: "embedding backfill",
        label: Label::Tolerant,
        // Tuesdays at 22:10.
        pattern: job(spec, Clock::Daily(1330), 0b000_0100, (24, 26), 1, 60_000),
        template: Template {
            model: TITAN.to_owned(),
            input: [60, 80, 92, 102, 110, 118, 128, 140, 180],
            ..call(role(place, "docs-embedding-backfill"), task, "InvokeModel")
        },
        budget: None,
    }
}
