//! One planned call: everything a record says except its text, which follows from the seed.

use std::rc::Rc;

use super::random::{Quantiles, Random};
use crate::units::Tokens;
use crate::workload::TokenCounts;

/// What a request asks for beyond text; visible in bodies only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tools {
    /// No tools.
    #[default]
    None,
    /// Tools the model may use; their results come back in the next call.
    Loop,
    /// One tool that the model must use: structured output by a detour.
    Forced,
}

/// Features of a request body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    pub(crate) tools: Tools,
    /// Output by a JSON schema.
    pub(crate) schema: bool,
    pub(crate) guardrail: bool,
    /// Prompt caching: cache points in the body, cache reads and writes in the counts.
    pub(crate) cache: bool,
    /// Service tier asked for.
    pub(crate) tier: Option<&'static str>,
    /// `performanceConfig.latency = optimized`.
    pub(crate) optimized: bool,
}

/// How the text of a body is sized.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sizing {
    /// A few words, whatever the mean: sample-data.
    Words,
    /// `quantiles` × mean record size / 1000 × `factor` / 1000, in bytes.
    Mean { quantiles: &'static Quantiles, factor: u32 },
}

/// One call, before it is written as a record.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Start, milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// When the log has it, milliseconds since the epoch.
    pub(crate) delivered_ms: i64,
    /// Time until the last token, milliseconds.
    pub(crate) latency_ms: i64,
    /// Seed of the request id, the texts and the vectors.
    pub(crate) seed: u64,
    /// Who calls.
    pub(crate) arn: Rc<str>,
    /// `app` and `user` of requestMetadata.
    pub(crate) metadata: Option<(&'static str, u64)>,
    /// What all calls of the workload share.
    pub(crate) shared: Rc<Template>,
    /// Counts as logged; `None` for a failed call.
    pub(crate) outcome: Result<TokenCounts, &'static str>,
    /// Earlier exchanges that the request carries along.
    pub(crate) turn: u64,
    /// Whether the conversation or loop ends with this call.
    pub(crate) last: bool,
    /// Size of the record aimed at, bytes; `None` for a few words.
    pub(crate) bytes: Option<usize>,
    /// Both bodies left out (text delivery off for this caller's account at the time).
    pub(crate) bodiless: bool,
    /// Request body put beside the log, under `data/`.
    pub(crate) offloaded: bool,
}

/// The `requestMetadata` a gateway adds: one of `apps`, one of `users` users.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags {
    pub(crate) apps: &'static [&'static str],
    pub(crate) users: u64,
}

/// What all calls of a workload share.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Role, or the whole ARN up to the session.
    pub(crate) principal: String,
    pub(crate) sessions: Sessions,
    pub(crate) operation: &'static str,
    /// The model id as logged.
    pub(crate) model: String,
    /// Regions a cross-region profile may send a call to; empty for in-region calls.
    pub(crate) inference_regions: &'static [&'static str],
    pub(crate) tags: Option<Tags>,
    /// Tokens the model reads in a first turn.
    pub(crate) input: Quantiles,
    /// Tokens it writes; none for embeddings.
    pub(crate) output: Option<Quantiles>,
    pub(crate) features: Features,
    pub(crate) sizing: Sizing,
    /// Part of the body bytes that is the answer, in thousandths.
    pub(crate) answer_per_mille: u32,
    /// One call in so many fails; 0 for none. The same meaning for the next two.
    pub(crate) error_one_in: u64,
    pub(crate) bodiless_one_in: u64,
    pub(crate) offload_one_in: u64,
    /// Which of the key orders seen in different years the records have.
    pub(crate) key_order: usize,
}

/// How the last part of the caller's ARN comes about.
#[derive(Clone, Debug)]
pub(crate) enum Sessions {
    /// One of these for a whole conversation or run.
    Named(&'static [&'static str]),
    /// A prefix and a fresh UUID for each conversation or run.
    Uuid(&'static str),
    /// A prefix and the Unix time of the process's start, renewed every seven days.
    Started(&'static str),
    /// Fixed text after the principal, such as the role-less rest of a user ARN.
    Fixed(String),
}

impl Sessions {
    fn draw(&self, random: &mut Random, at_ms: i64) -> String {
        match self {
            Self::Named(names) => random.pick(names).to_owned(),
            Self::Uuid(prefix) => format!("{prefix}{}", random.uuid()),
            Self::Started(prefix) => {
                const WEEK: i64 = 7 * 86_400;
                let seconds = at_ms / 1000;
                // Restarts on Thursdays (the epoch's weekday) at 06:12:31.
                format!("{prefix}{}", (seconds - 22_351).div_euclid(WEEK) * WEEK + 22_351)
            }
            Self::Fixed(rest) => rest.clone(),
        }
    }

    /// The glob of all sessions, for labels; one for each name.
    pub(crate) fn patterns(&self) -> Vec<String> {
        match self {
            Self::Named(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Self::Uuid(prefix) | Self::Started(prefix) => vec![format!("{prefix}*")],
            Self::Fixed(rest) => vec![rest.clone()],
        }
    }
}

/// Errors in the proportions services see: throttling far ahead.
const ERRORS: [&str; 6] = [
    "ThrottlingException",
    "ThrottlingException",
    "ThrottlingException",
    "ModelTimeoutException",
    "ValidationException",
    "ServiceUnavailableException",
];

/// Who speaks in one conversation or run: drawn once, kept to its end.
pub(crate) struct Speaker {
    arn: Rc<str>,
    metadata: Option<(&'static str, u64)>,
    /// Tokens of the conversation so far, which the next turn carries along.
    carried: u64,
}

impl Speaker {
    /// The same speaker at the start of an exchange that carries nothing along.
    pub(crate) fn alone(&self) -> Self {
        Self { arn: Rc::clone(&self.arn), metadata: self.metadata, carried: 0 }
    }
}

impl Template {
    /// Draws who speaks.
    pub(crate) fn speaker(&self, random: &mut Random, at_ms: i64) -> Speaker {
        let session = self.sessions.draw(random, at_ms);
        let metadata =
            self.tags.map(|tags| (random.pick(tags.apps), random.below(tags.users.max(1))));
        Speaker { arn: format!("{}/{session}", self.principal).into(), metadata, carried: 0 }
    }

    /// Draws the next call of `speaker`.
    pub(crate) fn call(
        self: &Rc<Self>,
        random: &mut Random,
        speaker: &mut Speaker,
        at_ms: i64,
        turn: u64,
        last: bool,
        mean_bytes: u64,
    ) -> Call {
        let fresh = random.drawn(&self.input);
        let output = self.output.as_ref().map_or(0, |quantiles| random.drawn(quantiles));
        let tokens = self.counts(fresh, speaker.carried, output);
        speaker.carried += fresh + output;
        let slowness = 850 + random.below(300);
        let latency = (380 + output * 12 + fresh / 20) * slowness / 1000;
        let bytes = match self.sizing {
            Sizing::Words => None,
            Sizing::Mean { quantiles, factor } => {
                let bytes = random.drawn(quantiles) * mean_bytes * u64::from(factor) / 1_000_000;
                Some(bytes.min(MAX_RECORD) as usize)
            }
        };
        let failed = random.one_in(self.error_one_in);
        let error = random.pick(&ERRORS);
        Call {
            at_ms,
            // Traced: 59 s from a call to its object. Here 20 to 80 s after the answer.
            delivered_ms: at_ms + latency as i64 + random.within((20_000, 80_000)) as i64,
            latency_ms: latency as i64,
            seed: random.next(),
            arn: Rc::clone(&speaker.arn),
            metadata: speaker.metadata,
            shared: Rc::clone(self),
            outcome: if failed { Err(error) } else { Ok(tokens) },
            turn,
            last,
            bytes,
            bodiless: random.one_in(self.bodiless_one_in),
            offloaded: random.one_in(self.offload_one_in),
        }
    }

    fn counts(&self, fresh: u64, carried: u64, output: u64) -> TokenCounts {
        let count = |n: u64| Tokens(n as i64);
        let mut tokens = TokenCounts { output: count(output), ..TokenCounts::default() };
        if self.features.cache {
            // Coding agents cache up to the last message: the rest is new, and written for the next
            // turn.
            tokens.cache_read = count(carried);
            tokens.cache_write = count(fresh - fresh / 64);
            tokens.input = count(fresh / 64 + 1);
        } else {
            tokens.input = count(fresh + carried);
        }
        tokens
    }
}

/// Largest record aimed at, bytes: Bedrock keeps bodies of more than 100 KB out of the record, and
/// long conversations take some more for their brackets.
pub(crate) const MAX_RECORD: u64 = 90_000;
