//! Corpora for benches: records of one size class, in several shapes, from sixty callers all day
//! long.

use super::{WIDE, geo_profile, geo_profile_arn, geo_regions, plain, role};
use crate::simulate::arrivals::{FLAT, Pattern};
use crate::simulate::call::{Features, Sessions, Sizing, Tags, Template, Tools};
use crate::simulate::fleet::{Fleet, Member, Quirks, scale_milli};
use crate::simulate::random::Quantiles;
use crate::simulate::record::Place;
use crate::simulate::{Label, Scenario, Spec};

/// Raw bytes of the corpus at scale 1.
const CORPUS_BYTES: u64 = 256_000_000;

/// Sizes within a factor of four and below 1.3 times the mean, so that 2 KB on average stays under
/// 3 KB.
const NARROW: Quantiles = [350, 620, 780, 920, 1040, 1150, 1230, 1270, 1290];
/// Sizes of at least 0.85 times the mean, so that 45 KB on average stays over 35 KB.
const HIGH: Quantiles = [850, 870, 900, 940, 980, 1030, 1090, 1170, 1400];

const TOKENS_IN: Quantiles = [20, 160, 400, 900, 1800, 3600, 7500, 16_000, 90_000];
const TOKENS_OUT: Quantiles = [1, 20, 60, 120, 220, 380, 640, 1200, 8000];

const SERVICES: [&str; 12] = [
    "search-api",
    "order-intake",
    "mail-triage",
    "contract-review",
    "catalog-writer",
    "qa-bot",
    "translation",
    "fraud-notes",
    "call-summary",
    "route-planner",
    "hr-helper",
    "site-copy",
];
const PEOPLE: [&str; 12] = [
    "amira@example.com",
    "bo@example.com",
    "carla@example.com",
    "deniz@example.com",
    "elif@example.com",
    "femi@example.com",
    "goran@example.com",
    "hana@example.com",
    "igor@example.com",
    "jun@example.com",
    "kofi@example.com",
    "lea@example.com",
];

/// The scenario in `place`. Places share the corpus evenly.
pub(crate) fn fleet(spec: &Spec, place: &Place) -> Fleet {
    let templates = if spec.scenario == Scenario::RecordsEmbeddings {
        embeddings(place)
    } else {
        texts(spec, place)
    };
    let share = (templates.len() * spec.accounts.len() * spec.regions.len()) as u64;
    let records = CORPUS_BYTES / u64::from(spec.mean_record_bytes.max(1));
    let per_day_milli = records * scale_milli(spec) / share.max(1) / u64::from(spec.days.max(1));
    let members = templates
        .into_iter()
        .map(|(name, template)| Member {
            name,
            label: Label::Interactive,
            pattern: Pattern::Conversations {
                per_day_milli,
                shape: &FLAT,
                weekend_per_mille: 1000,
                turns: (1, 1),
                gap_ms: (0, 0),
            },
            template,
            budget: None,
        })
        .collect();
    Fleet { members, quirks: Quirks { members: 97, ..Quirks::default() } }
}

/// A caller of the corpus, with records of its size class.
fn caller(
    spec: &Spec,
    place: &Place,
    name: &str,
    sessions: Sessions,
    operation: &'static str,
) -> Template {
    let quantiles = match spec.scenario {
        Scenario::RecordsSmall => &NARROW,
        Scenario::RecordsLarge => &HIGH,
        _ => &WIDE,
    };
    Template {
        input: TOKENS_IN,
        output: Some(TOKENS_OUT),
        sizing: Sizing::Mean { quantiles, factor: 1000 },
        ..plain(role(place, name), sessions, operation)
    }
}

fn texts(spec: &Spec, place: &Place) -> Vec<(&'static str, Template)> {
    let service =
        |name, operation| caller(spec, place, name, Sessions::Named(&SERVICES), operation);
    let converse = Template {
        model: geo_profile(place, "anthropic.claude-sonnet-4-6"),
        inference_regions: geo_regions(place),
        // A failed call has no body, and would be small among the large.
        error_one_in: if spec.scenario == Scenario::RecordsLarge { 0 } else { 200 },
        ..service("services", "Converse")
    };
    let users = "AWSReservedSSO_Users_77aa01c3b5d9e2f4";
    let cached = Template {
        model: geo_profile(place, "anthropic.claude-haiku-4-5-20251001-v1:0"),
        inference_regions: geo_regions(place),
        features: Features { cache: true, ..Features::default() },
        key_order: 1,
        ..caller(spec, place, users, Sessions::Named(&PEOPLE), "ConverseStream")
    };
    let chunks = Template {
        model: geo_profile_arn(place, "anthropic.claude-sonnet-4-6"),
        inference_regions: geo_regions(place),
        answer_per_mille: 450,
        key_order: 2,
        ..service("web", "InvokeModelWithResponseStream")
    };
    let gateway = Template {
        model: "openai.gpt-oss-120b-1:0".to_owned(),
        tags: Some(Tags { apps: &SERVICES, users: 500 }),
        answer_per_mille: 350,
        key_order: 3,
        ..service("gateway", "InvokeModelWithResponseStream")
    };
    let tools = Template {
        model: "amazon.nova-lite-v1:0".to_owned(),
        features: Features { tools: Tools::Loop, ..Features::default() },
        ..service("agents", "Converse")
    };
    vec![
        ("converse", converse),
        ("converse stream with cache", cached),
        ("stream chunks", chunks),
        ("gateway", gateway),
        ("tools", tools),
    ]
}

fn embeddings(place: &Place) -> Vec<(&'static str, Template)> {
    let base = |principal: &str, model: &str, key_order| Template {
        model: model.to_owned(),
        input: [5, 20, 40, 70, 110, 170, 260, 400, 900],
        answer_per_mille: 900,
        sizing: Sizing::Mean { quantiles: &NARROW, factor: 1000 },
        key_order,
        ..plain(role(place, principal), Sessions::Named(&SERVICES), "InvokeModel")
    };
    vec![
        ("titan embeddings", base("indexer", "amazon.titan-embed-text-v2:0", 0)),
        ("nova embeddings", base("media-indexer", "amazon.nova-2-multimodal-embeddings-v1:0", 2)),
    ]
}
