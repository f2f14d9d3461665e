//! The scenarios: lists of workloads with their volumes.

pub(crate) mod archetypes;
pub(crate) mod company;
pub(crate) mod records;
pub(crate) mod worked;

use super::call::{Features, Sessions, Sizing, Template};
use super::random::Quantiles;
use super::record::Place;

/// Sizes spread as prompts are, over two decades, with a mean of 1000.
pub(crate) const WIDE: Quantiles = [100, 230, 370, 520, 700, 930, 1250, 1800, 4300];

/// An assumed role of the place's account.
pub(crate) fn role(place: &Place, name: &str) -> String {
    format!("arn:aws:sts::{}:assumed-role/{name}", place.account)
}

/// The prefix of the geographic inference profiles of the place's region.
fn geo(place: &Place) -> &'static str {
    match place.region.split('-').next() {
        Some("eu") => "eu",
        Some("ap") => "apac",
        _ => "us",
    }
}

/// A geographic inference profile by its short id.
pub(crate) fn geo_profile(place: &Place, model: &str) -> String {
    format!("{}.{model}", geo(place))
}

/// The same profile by its ARN, as InvokeModel has been seen to log it.
pub(crate) fn geo_profile_arn(place: &Place, model: &str) -> String {
    let (region, account, geo) = (&place.region, &place.account, geo(place));
    format!("arn:aws:bedrock:{region}:{account}:inference-profile/{geo}.{model}")
}

/// Where the place's geographic profiles send calls.
pub(crate) fn geo_regions(place: &Place) -> &'static [&'static str] {
    match geo(place) {
        "eu" => &["eu-central-1", "eu-north-1", "eu-west-1"],
        "apac" => &["ap-northeast-1", "ap-southeast-1", "ap-southeast-2"],
        _ => &["us-east-1", "us-east-2", "us-west-2"],
    }
}

/// A template of plain calls, for the scenarios to fill in.
pub(crate) fn plain(principal: String, sessions: Sessions, operation: &'static str) -> Template {
    Template {
        principal,
        sessions,
        operation,
        model: String::new(),
        inference_regions: &[],
        tags: None,
        input: [0; 9],
        output: None,
        features: Features::default(),
        sizing: Sizing::Mean { quantiles: &WIDE, factor: 1000 },
        answer_per_mille: 200,
        error_one_in: 0,
        bodiless_one_in: 0,
        offload_one_in: 0,
        key_order: 0,
    }
}
