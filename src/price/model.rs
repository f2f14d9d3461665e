//! A model id as logged, read into a base model and the scope it was asked to run in.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Characters of an id that are kept: the API's own maximum for `modelId`. Anything longer is
/// garbage.
const MAX_ID_CHARS: usize = 2048;

/// What an empty id becomes, so that no key and no table cell is blank.
const NO_ID: &str = "unknown";

/// Vendors that open a bare model id. Kept so that an unheard-of geo prefix can be told from a
/// vendor.
const PROVIDERS: [&str; 20] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "xai",
    "zai",
];

/// Prefixes of cross-region profiles that are known by name; these may stand before any vendor.
const GEOS: [&str; 9] = ["apac", "au", "ca", "eu", "global", "in", "jp", "us", "us-gov"];

/// Longest prefix that may pass for a geo nobody has listed yet; the longest known is `us-gov` and
/// `global`.
const MAX_GEO_CHARS: usize = 8;

/// Where a model was asked to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In the region that was called.
    InRegion,
    /// Within a geography by a cross-region profile: `us`, `eu`, `apac`, …
    Geo(String),
    /// Anywhere, by the global profile.
    Global,
    /// The id does not say which model it is.
    Opaque,
}

impl Scope {
    /// The name in a workload's key: `in-region`, the geo's prefix, `global` or `opaque`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InRegion => "in-region",
            Self::Geo(prefix) => prefix,
            Self::Global => "global",
            Self::Opaque => "opaque",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Infallible;
    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(match name {
            "in-region" => Self::InRegion,
            "global" => Self::Global,
            "opaque" => Self::Opaque,
            geo => Self::Geo(geo.to_owned()),
        })
    }
}

/// A logged model id, read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// The id without ARN, geo prefix and context suffix; the whole id where it is opaque.
    pub base: String,
    /// Where it was asked to run.
    pub scope: Scope,
}

/// What an opaque id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueKind {
    /// A profile that the customer made to tag or spread calls.
    ApplicationProfile,
    /// A fine-tuned model, by itself or deployed on demand.
    CustomModel,
    /// A model brought from outside.
    ImportedModel,
    /// Provisioned throughput: paid by the hour, not by the token.
    Provisioned,
    /// A stored prompt, which holds its model inside.
    Prompt,
    /// A router that picks a model for each call.
    PromptRouter,
    /// A SageMaker or Marketplace endpoint.
    Endpoint,
    /// Anything else.
    Other,
}

impl OpaqueKind {
    /// The kind of thing that the base of an opaque [`ModelRef`] names.
    pub fn of(base: &str) -> Self {
        match resource(base) {
            Some(("bedrock", "application-inference-profile", _)) => Self::ApplicationProfile,
            Some(("bedrock", "custom-model" | "custom-model-deployment", _)) => Self::CustomModel,
            Some(("bedrock", "imported-model", _)) => Self::ImportedModel,
            Some(("bedrock", "provisioned-model", _)) => Self::Provisioned,
            Some(("bedrock", "prompt", _)) => Self::Prompt,
            Some(("bedrock", "prompt-router" | "default-prompt-router", _)) => Self::PromptRouter,
            Some(("sagemaker", _, _)) => Self::Endpoint,
            _ => Self::Other,
        }
    }

    /// What to call it in a sentence, with its article.
    pub fn noun(self) -> &'static str {
        match self {
            Self::ApplicationProfile => "an application inference profile",
            Self::CustomModel => "a custom model",
            Self::ImportedModel => "an imported model",
            Self::Provisioned => "provisioned throughput",
            Self::Prompt => "a stored prompt",
            Self::PromptRouter => "a prompt router",
            Self::Endpoint => "a SageMaker endpoint",
            Self::Other => "an id that names no model",
        }
    }
}

/// Reads any spelling of a model id. Never fails: what cannot be read stays whole and opaque.
pub fn read(model_id: &str) -> ModelRef {
    let id = clean(model_id);
    if id.is_empty() {
        return ModelRef { base: NO_ID.to_owned(), scope: Scope::Opaque };
    }
    if !id.starts_with("arn:") {
        return plain(&id);
    }
    match resource(&id) {
        Some(("bedrock", "foundation-model" | "inference-profile", name)) if name.contains('.') => {
            plain(name)
        }
        _ => ModelRef { base: id, scope: Scope::Opaque },
    }
}

/// The id without surrounding space; control characters become `?`, so that no terminal or file
/// obeys them.
fn clean(model_id: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    model_id.trim().chars().take(MAX_ID_CHARS).map(shown).collect()
}

/// Service, resource type and resource name of an ARN, in any partition.
fn resource(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    if parts.next() != Some("arn") {
        return None;
    }
    let (_partition, service) = (parts.next()?, parts.next()?);
    let (_region, _account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, name) = resource.split_once('/')?;
    Some((service, kind, name))
}

/// Reads an id that is no ARN: `[geo.]vendor.model[:version[:context]]`.
fn plain(id: &str) -> ModelRef {
    let (scope, rest) = match id.split_once('.') {
        Some(("global", rest)) if rest.contains('.') => (Scope::Global, rest),
        Some((prefix, rest)) if is_geo(prefix, rest) => (Scope::Geo(prefix.to_owned()), rest),
        _ => (Scope::InRegion, id),
    };
    ModelRef { base: without_context(rest).to_owned(), scope }
}

fn is_geo(prefix: &str, rest: &str) -> bool {
    let Some((vendor, _)) = rest.split_once('.') else { return false };
    let short = prefix.len() <= MAX_GEO_CHARS
        && prefix.starts_with(|c: char| c.is_ascii_lowercase())
        && prefix.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    GEOS.contains(&prefix) || (short && !PROVIDERS.contains(&prefix) && PROVIDERS.contains(&vendor))
}

/// Cuts a context suffix: the third part of `amazon.nova-lite-v1:0:300k`.
fn without_context(id: &str) -> &str {
    let mut colons = id.match_indices(':').map(|(at, _)| at);
    match (colons.next(), colons.next()) {
        (Some(first), Some(second))
            if id[first + 1..second].bytes().all(|b| b.is_ascii_digit()) && second > first + 1 =>
        {
            &id[..second]
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(id: &str) -> (String, String) {
        let model = read(id);
        (model.base, model.scope.as_str().to_owned())
    }

    #[test]
    fn every_spelling_of_one_model_comes_to_its_base() {
        let sonnet = "anthropic.claude-sonnet-4-6";
        for (id, base, scope) in [
            ("anthropic.claude-sonnet-4-6", sonnet, "in-region"),
            ("  anthropic.claude-sonnet-4-6\n", sonnet, "in-region"),
            ("us.anthropic.claude-sonnet-4-6", sonnet, "us"),
            ("us-gov.anthropic.claude-sonnet-4-6", sonnet, "us-gov"),
            ("global.anthropic.claude-sonnet-4-6", sonnet, "global"),
            ("mx.anthropic.claude-sonnet-4-6", sonnet, "mx"),
            (
                "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-sonnet-4-6",
                sonnet,
                "us",
            ),
            (
                "arn:aws-cn:bedrock:cn-north-1:111122223333:inference-profile/global.anthropic.claude-sonnet-4-6",
                sonnet,
                "global",
            ),
            (
                "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-sonnet-4-6",
                sonnet,
                "in-region",
            ),
            ("amazon.nova-lite-v1:0:300k", "amazon.nova-lite-v1:0", "in-region"),
            ("eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "eu"),
            ("anthropic.claude-v2:1:200k", "anthropic.claude-v2:1", "in-region"),
            ("meta.llama3-1-8b-instruct-v1:0", "meta.llama3-1-8b-instruct-v1:0", "in-region"),
            ("deepseek.v3.2", "deepseek.v3.2", "in-region"),
            ("us.deepseek.v3.2", "deepseek.v3.2", "us"),
            ("openai.gpt-5.4", "openai.gpt-5.4", "in-region"),
            ("amazon.meta.odd", "amazon.meta.odd", "in-region"),
            ("us.newvendor.model-9", "newvendor.model-9", "us"),
            ("newvendor.model-9", "newvendor.model-9", "in-region"),
        ] {
            assert_eq!(read_as(id), (base.to_owned(), scope.to_owned()), "{id}");
        }
    }

    #[test]
    fn opaque_ids_stay_whole_and_know_their_kind() {
        for (id, kind) in [
            (
                "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123",
                OpaqueKind::ApplicationProfile,
            ),
            (
                "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abc",
                OpaqueKind::CustomModel,
            ),
            (
                "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abc",
                OpaqueKind::CustomModel,
            ),
            (
                "arn:aws:bedrock:us-east-1:111122223333:imported-model/abc",
                OpaqueKind::ImportedModel,
            ),
            (
                "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc",
                OpaqueKind::Provisioned,
            ),
            ("arn:aws:bedrock:us-east-1:111122223333:prompt/ABCDEFGHIJ:1", OpaqueKind::Prompt),
            (
                "arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/anthropic.claude:1",
                OpaqueKind::PromptRouter,
            ),
            ("arn:aws:sagemaker:us-east-1:111122223333:endpoint/mine", OpaqueKind::Endpoint),
            ("arn:aws:bedrock:us-east-1:111122223333:inference-profile/abc123", OpaqueKind::Other),
            ("arn:aws:bedrock", OpaqueKind::Other),
        ] {
            assert_eq!(read_as(id), (id.to_owned(), "opaque".to_owned()));
            assert_eq!(OpaqueKind::of(id), kind, "{id}");
        }
    }

    #[test]
    fn garbage_is_harmless() {
        assert_eq!(read_as(""), ("unknown".to_owned(), "opaque".to_owned()));
        assert_eq!(read_as(" \t"), ("unknown".to_owned(), "opaque".to_owned()));
        assert_eq!(read_as("a\u{1b}[31mb").0, "a?[31mb");
        assert_eq!(read(&"é".repeat(1 << 20)).base.chars().count(), MAX_ID_CHARS);
        for id in [".", "..", ":", "::", "a::b", "us.", "global.x", "arn:", "arn:::::/", "é.ü:1:2"]
        {
            assert!(!read(id).base.is_empty(), "{id:?}");
        }
    }

    #[test]
    fn a_scope_survives_its_name() {
        for name in ["in-region", "us", "us-gov", "global", "opaque"] {
            assert_eq!(name.parse::<Scope>().unwrap().as_str(), name);
        }
    }
}
