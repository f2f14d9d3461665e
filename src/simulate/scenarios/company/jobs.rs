//! The jobs whose answers a machine collects: pipelines and programs.

use super::{
    ANSWER, GPT_OSS, HAIKU, NOVA_LITE, PASSAGES, QUESTION, SONNET, TICKETS, call, fixed, job,
    tolerant,
};
use crate::simulate::Spec;
use crate::simulate::arrivals::{Clock, EVERY_DAY};
use crate::simulate::call::{Features, Sessions, Template, Tools};
use crate::simulate::fleet::Member;
use crate::simulate::record::Place;
use crate::simulate::scenarios::{geo_profile, geo_profile_arn, geo_regions, role};

const NOVA_EMBED: &str = "amazon.nova-2-multimodal-embeddings-v1:0";

/// Pipelines by the clock.
pub(super) fn pipelines(spec: &Spec, place: &Place) -> Vec<Member> {
    let classification = Template {
        model: geo_profile_arn(place, HAIKU),
        inference_regions: geo_regions(place),
        error_one_in: 300,
        ..call(
            role(place, "ticket-classification"),
            fixed("GlueJobRunnerSession"),
            "InvokeModel",
            TICKETS,
            [11, 11, 12, 12, 12, 12, 12, 13, 14],
            300,
        )
    };
    let enrichment = Template {
        model: NOVA_LITE.to_owned(),
        features: Features { schema: true, ..Features::default() },
        key_order: 2,
        ..call(
            role(place, "catalog-enrichment"),
            fixed("AmazonMWAA-airflow"),
            "Converse",
            TICKETS,
            [120, 150, 170, 185, 200, 215, 235, 270, 420],
            400,
        )
    };
    let evals = Template {
        model: SONNET.to_owned(),
        ..call(
            role(place, "model-evals"),
            Sessions::Uuid("AWSCodeBuild-"),
            "Converse",
            QUESTION,
            ANSWER,
            800,
        )
    };
    vec![
        tolerant(
            "nightly classification",
            job(spec, Clock::Daily(120), EVERY_DAY, (280, 320), 4),
            classification,
        ),
        tolerant(
            "hourly enrichment",
            job(spec, Clock::Hourly(5), EVERY_DAY, (7, 9), 2),
            enrichment,
        ),
        // Monday, Wednesday and Friday at 21:30.
        tolerant("model evals", job(spec, Clock::Daily(1290), 0b010_1010, (220, 260), 8), evals),
    ]
}

/// A container's weekly backfill and a state machine's daily task.
pub(super) fn states(spec: &Spec, place: &Place) -> Vec<Member> {
    let backfill = Template {
        model: NOVA_EMBED.to_owned(),
        output: None,
        answer_per_mille: 850,
        key_order: 2,
        ..call(
            role(place, "docs-embedding-backfill"),
            fixed("5f0c2e9a71d84b36a8e1c07d92f4b65e"),
            "InvokeModel",
            PASSAGES,
            ANSWER,
            1300,
        )
    };
    // A state machine's task: 32 letters.
    let extraction = Template {
        model: geo_profile(place, SONNET),
        inference_regions: geo_regions(place),
        features: Features { tools: Tools::Forced, ..Features::default() },
        ..call(
            role(place, "forms-extraction"),
            fixed("qWertYuIopAsdFghJklZxcVbnMqwErtY"),
            "Converse",
            TICKETS,
            [60, 70, 78, 84, 90, 96, 104, 115, 160],
            600,
        )
    };
    vec![
        // Tuesdays from 22:10.
        tolerant("embedding backfill", job(spec, Clock::Daily(1330), 4, (480, 520), 6), backfill),
        tolerant(
            "forms extraction",
            job(spec, Clock::Daily(315), EVERY_DAY, (100, 120), 3),
            extraction,
        ),
    ]
}

/// Jobs of programs whose identity says little.
pub(super) fn programs(spec: &Spec, place: &Place) -> Vec<Member> {
    let summaries = Template {
        model: HAIKU.to_owned(),
        bodiless_one_in: 1,
        ..call(
            role(place, "invoice-summaries"),
            fixed("invoice-summaries"),
            "InvokeModel",
            TICKETS,
            [90, 110, 122, 131, 140, 150, 163, 182, 260],
            300,
        )
    };
    let reporting = Template {
        principal: format!("arn:aws:iam::{}:user/svc", place.account),
        model: format!(
            "arn:aws:bedrock:{}:{}:application-inference-profile/a1b2c3d4e5f6",
            place.region, place.account
        ),
        key_order: 1,
        ..call(String::new(), fixed("reporting"), "InvokeModel", PASSAGES, ANSWER, 1500)
    };
    let drafts = Template {
        model: GPT_OSS.to_owned(),
        features: Features { tier: Some("flex"), ..Features::default() },
        ..call(
            role(place, "product-copy-worker"),
            fixed("botocore-session-1790812800"),
            "InvokeModel",
            TICKETS,
            ANSWER,
            500,
        )
    };
    vec![
        tolerant(
            "invoice summaries",
            job(spec, Clock::Daily(225), EVERY_DAY, (90, 110), 2),
            summaries,
        ),
        // Mondays at 06:30.
        tolerant("weekly report", job(spec, Clock::Daily(390), 2, (140, 160), 2), reporting),
        tolerant("product copy", job(spec, Clock::Daily(30), EVERY_DAY, (60, 80), 2), drafts),
    ]
}
