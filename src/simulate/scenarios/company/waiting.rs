//! The callers somebody waits for: people, products, agents and services.

use super::{
    ANSWER, GPT_OSS, HAIKU, NOVA_LITE, PASSAGES, QUESTION, SONNET, TITAN, call, fixed, interactive,
    talk,
};
use crate::simulate::Spec;
use crate::simulate::arrivals::{CUSTOMERS, FLAT, OFFICE, Pattern};
use crate::simulate::call::{Features, Sessions, Tags, Template, Tools};
use crate::simulate::fleet::Member;
use crate::simulate::random::Quantiles;
use crate::simulate::record::Place;
use crate::simulate::scenarios::{geo_profile, geo_profile_arn, geo_regions, role};

const OPUS: &str = "anthropic.claude-opus-4-5-20251101-v1:0";
/// Files and command output that a coding agent adds in a turn.
const FILES: Quantiles = [80, 300, 700, 1300, 2300, 3900, 6500, 12_000, 60_000];

const PEOPLE: [&str; 8] = [
    "a.lindqvist@example.com",
    "b.adeyemi@example.com",
    "c.moreau@example.com",
    "d.tanaka@example.com",
    "e.kowalski@example.com",
    "f.haddad@example.com",
    "g.silva@example.com",
    "h.schmidt@example.com",
];
const AGENTS: [&str; 6] = [
    "claude-code-aiko",
    "claude-code-bruno",
    "claude-code-celia",
    "ccwb-dora",
    "ccwb-emil",
    "claude-code-fay",
];
const MACHINES: [&str; 3] = ["i-0a1b2c3d4e5f60718", "i-0c9d8e7f6a5b41302", "i-0f00ba5e12345678a"];

/// People with coding agents: growing conversations, nearly all input read from the cache.
pub(super) fn people(spec: &Spec, place: &Place) -> Vec<Member> {
    let sso = role(place, "AWSReservedSSO_Engineers_9d03c5e7ab124f68");
    let cached = Features { cache: true, tools: Tools::Loop, ..Features::default() };
    let coding = Template {
        model: geo_profile(place, SONNET),
        inference_regions: geo_regions(place),
        features: cached,
        offload_one_in: 60,
        error_one_in: 90,
        key_order: 2,
        ..call(sso, Sessions::Named(&PEOPLE), "ConverseStream", FILES, ANSWER, 3000)
    };
    let agent = Template {
        principal: role(place, "coding-agents"),
        sessions: Sessions::Named(&AGENTS),
        operation: "InvokeModelWithResponseStream",
        model: format!("global.{OPUS}"),
        answer_per_mille: 300,
        key_order: 1,
        ..coding.clone()
    };
    vec![
        interactive(
            "coding with an assistant",
            talk(spec, 10, &OFFICE, (3, 18), (8_000, 150_000)),
            coding,
        ),
        interactive("coding agents", talk(spec, 10, &OFFICE, (4, 24), (1_500, 60_000)), agent),
    ]
}

/// Chat of several applications behind one role, by two operations.
pub(super) fn gateway(spec: &Spec, place: &Place) -> Vec<Member> {
    let gateway = Template {
        model: geo_profile(place, HAIKU),
        inference_regions: geo_regions(place),
        tags: Some(Tags { apps: &["helpdesk", "intranet-chat", "sales-assistant"], users: 900 }),
        error_one_in: 120,
        bodiless_one_in: 30,
        key_order: 2,
        ..call(
            role(place, "llm-gateway"),
            Sessions::Started("litellm-session-"),
            "ConverseStream",
            QUESTION,
            ANSWER,
            500,
        )
    };
    let gateway_raw = Template {
        operation: "InvokeModelWithResponseStream",
        model: geo_profile_arn(place, HAIKU),
        answer_per_mille: 500,
        key_order: 1,
        ..gateway.clone()
    };
    vec![
        interactive("chat through a gateway", chat(spec, 35, (1, 7)), gateway),
        interactive("raw chat through a gateway", chat(spec, 12, (1, 5)), gateway_raw),
    ]
}

fn chat(spec: &Spec, per_day: u64, turns: (u64, u64)) -> Pattern {
    talk(spec, per_day, &CUSTOMERS, turns, (12_000, 150_000))
}

/// Products whose users wait.
pub(super) fn products(spec: &Spec, place: &Place) -> Vec<Member> {
    let support = Template {
        model: geo_profile_arn(place, SONNET),
        inference_regions: geo_regions(place),
        answer_per_mille: 400,
        error_one_in: 100,
        ..call(
            role(place, "support-chat-api"),
            fixed("support-chat-api"),
            "InvokeModelWithResponseStream",
            PASSAGES,
            ANSWER,
            1200,
        )
    };
    let mobile = Template {
        model: NOVA_LITE.to_owned(),
        features: Features { guardrail: true, tier: Some("priority"), ..Features::default() },
        ..call(
            role(place, "shop-app-users"),
            fixed("CognitoIdentityCredentials"),
            "ConverseStream",
            QUESTION,
            ANSWER,
            300,
        )
    };
    let shop = Template {
        model: GPT_OSS.to_owned(),
        features: Features { guardrail: true, ..Features::default() },
        answer_per_mille: 600,
        key_order: 3,
        ..call(
            role(place, "shop-assistant"),
            Sessions::Named(&MACHINES),
            "InvokeModelWithResponseStream",
            QUESTION,
            ANSWER,
            600,
        )
    };
    vec![
        interactive("support chat with retrieval", chat(spec, 50, (1, 3)), support),
        interactive("shoppers on their phones", chat(spec, 30, (1, 3)), mobile),
        interactive("shop assistant", chat(spec, 20, (1, 4)), shop),
    ]
}

/// Calls that services make, and programs somebody waits for.
pub(super) fn services(spec: &Spec, place: &Place) -> Vec<Member> {
    let knowledge = Template {
        model: TITAN.to_owned(),
        output: None,
        answer_per_mille: 900,
        ..call(
            role(place, "AmazonBedrockExecutionRoleForKnowledgeBase_q7x2k"),
            fixed(&format!("MANAGED_KB_EMBED-{}-9ZQ1H0", place.account)),
            "InvokeModel",
            [4, 8, 11, 14, 18, 23, 30, 42, 90],
            ANSWER,
            900,
        )
    };
    let agent = Template {
        model: geo_profile(place, SONNET),
        inference_regions: geo_regions(place),
        features: Features { tools: Tools::Loop, ..Features::default() },
        error_one_in: 150,
        key_order: 2,
        ..call(
            role(place, "travel-agent-runtime"),
            Sessions::Uuid("BedrockAgentCore-"),
            "Converse",
            QUESTION,
            [10, 25, 40, 60, 85, 120, 170, 260, 900],
            1500,
        )
    };
    let moderation = Template {
        model: format!(
            "arn:aws:bedrock:{}:{}:provisioned-model/k3v9x0a7",
            place.region, place.account
        ),
        features: Features { optimized: true, ..Features::default() },
        ..call(
            role(place, "moderation-api"),
            fixed("eks-prod-moderation-api-6c9f7d8b5-x2x7q-0b9e4c1d-51f2-4c"),
            "Converse",
            QUESTION,
            [2, 2, 3, 3, 3, 3, 4, 4, 6],
            200,
        )
    };
    vec![
        interactive(
            "knowledge base retrieval",
            talk(spec, 60, &CUSTOMERS, (1, 1), (0, 0)),
            knowledge,
        ),
        interactive("agent with tools", talk(spec, 8, &CUSTOMERS, (3, 9), (150, 2_500)), agent),
        interactive("moderation", talk(spec, 60, &FLAT, (1, 1), (0, 0)), moderation),
    ]
}
