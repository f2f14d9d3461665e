//! The facts about one workload: its key, its minute series and its size histograms.
//!
//! These types sit below those who make them (`table`, `usage`) and those who read them (`tolerance`,
//! `savings`, `report`). They hold sums only, so that facts of any two objects add up.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::units::{Day, Minute, Tokens};

/// What kind of identity a caller ARN shows. The table that decides is `tolerance::caller`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerKind {
    /// A person signed in through IAM Identity Center, or a script with that person's credentials.
    Person,
    /// A person's coding agent (Claude Code and similar).
    CodingAgent,
    /// A browser or mobile end user through Cognito.
    EndUser,
    /// An agent runtime session (Bedrock AgentCore).
    AgentRuntime,
    /// A call that an AWS service makes for the customer (Knowledge Bases, Agents, Flows): cannot be moved.
    Service,
    /// A data or build pipeline (Glue, MWAA, CodeBuild).
    Pipeline,
    /// A workflow engine that is sometimes awaited (Step Functions, GitHub Actions, Terraform).
    Workflow,
    /// A job or cron job pod on Kubernetes.
    JobPod,
    /// A gateway that many applications share (LiteLLM and similar).
    Gateway,
    /// A program of unknown purpose: Lambda, EC2, ECS, an SDK session, an IAM user.
    Program,
    /// Nothing in the ARN could be read.
    Unknown,
}

impl CallerKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Person,
        Self::CodingAgent,
        Self::EndUser,
        Self::AgentRuntime,
        Self::Service,
        Self::Pipeline,
        Self::Workflow,
        Self::JobPod,
        Self::Gateway,
        Self::Program,
        Self::Unknown,
    ];

    /// The name in the tables, such as `coding_agent`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::CodingAgent => "coding_agent",
            Self::EndUser => "end_user",
            Self::AgentRuntime => "agent_runtime",
            Self::Service => "service",
            Self::Pipeline => "pipeline",
            Self::Workflow => "workflow",
            Self::JobPod => "job_pod",
            Self::Gateway => "gateway",
            Self::Program => "program",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CallerKind {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(())
    }
}

/// What makes two calls the same workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// AWS account that called, 12 digits.
    pub account: String,
    /// AWS region that was called.
    pub region: String,
    /// Role or user with the session's class, such as `nightly-etl/GlueJobRunnerSession` or
    /// `Developers/<person>`; never a raw session.
    pub caller: String,
    /// What kind of identity the caller is.
    pub caller_kind: CallerKind,
    /// Base model id without geo prefix, ARN or context suffix; the whole id where it is opaque.
    pub model: String,
    /// Where the model was asked to run: `in-region`, a geo profile (`us`, `eu`, …), `global`, or `opaque`.
    pub scope: String,
    /// Operation family: `Converse`, `InvokeModel`, or what the log says.
    pub operation: String,
    /// The requestMetadata asked for with `--group-by`, as `key=value` joined by `,`; empty without.
    pub tags: String,
}

impl WorkloadKey {
    /// A stable name for joining tables: 16 hexadecimal digits, FNV-1a over the key's fields. With a
    /// million workloads the chance that any two share a name is about 3 in 10⁸.
    pub fn id(&self) -> String {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let mut hash = OFFSET;
        for field in [
            &self.account,
            &self.region,
            &self.caller,
            &self.model,
            &self.scope,
            &self.operation,
            &self.tags,
        ] {
            for byte in field.bytes().chain([0x1f]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
            }
        }
        format!("{hash:016x}")
    }
}

/// Longest name (in characters) taken from a log into a key. AWS names end at 64, ARNs at 2,048; longer
/// ones can only be made to harm.
const MAX_NAME: usize = 256;

/// A name from a log made safe to print and to keep: control characters become `\u{fffd}`, and it is cut
/// after 256 characters.
pub fn clean(name: &str) -> String {
    name.chars().take(MAX_NAME).map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character can move the cursor, reorder text or hide: nothing to show on a terminal.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The four kinds of tokens that Bedrock bills apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Uncached input.
    pub input: Tokens,
    /// Input read from the prompt cache.
    pub cache_read: Tokens,
    /// Input written to the prompt cache, 5-minute and 1-hour together.
    pub cache_write: Tokens,
    /// Output.
    pub output: Tokens,
}

impl TokenCounts {
    /// All four kinds together.
    pub fn total(&self) -> Tokens {
        self.input + self.cache_read + self.cache_write + self.output
    }

    /// Everything the model read: uncached, cache read and cache write.
    pub fn total_input(&self) -> Tokens {
        self.input + self.cache_read + self.cache_write
    }
}

impl AddAssign for TokenCounts {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
    }
}

/// How many calls showed a signal that only bodies hold. A call without the body counts nowhere, so
/// "unknown" is `requests − errors − bodies`, and "no" is `bodies − yes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Calls whose request body was in the log.
    pub input_bodies: i64,
    /// Calls whose response body was in the log.
    pub output_bodies: i64,
    /// Calls that offered tools to the model.
    pub tools: i64,
    /// Calls inside a tool loop: a tool result in the messages, or a stop for tool use.
    pub agent_turns: i64,
    /// Calls with exactly one tool, which the model was forced to use: structured output by a detour.
    pub forced_tool: i64,
    /// Calls that asked for output by a JSON schema.
    pub json_schema: i64,
    /// Calls with a guardrail.
    pub guardrail: i64,
    /// Calls that carried earlier answers along: a conversation in progress.
    pub multi_turn: i64,
    /// Calls that asked for the priority tier.
    pub priority_tier: i64,
    /// Calls that asked for the flex tier.
    pub flex_tier: i64,
    /// Calls that asked for optimised latency.
    pub optimized_latency: i64,
}

impl AddAssign for Signals {
    fn add_assign(&mut self, other: Self) {
        self.input_bodies += other.input_bodies;
        self.output_bodies += other.output_bodies;
        self.tools += other.tools;
        self.agent_turns += other.agent_turns;
        self.forced_tool += other.forced_tool;
        self.json_schema += other.json_schema;
        self.guardrail += other.guardrail;
        self.multi_turn += other.multi_turn;
        self.priority_tier += other.priority_tier;
        self.flex_tier += other.flex_tier;
        self.optimized_latency += other.optimized_latency;
    }
}

/// What a workload did in one or more minutes: the sums of a `usage` row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Calls, failed ones included.
    pub requests: i64,
    /// Calls that failed: no tokens, no bodies.
    pub errors: i64,
    /// Calls of a streaming operation.
    pub streaming: i64,
    /// Tokens of all calls.
    pub tokens: TokenCounts,
    /// The part of `tokens.cache_write` known from bodies to have the 1-hour lifetime.
    pub cache_write_1h: Tokens,
    /// The part of `tokens` in calls above the model's long-context threshold.
    pub long_context: TokenCounts,
    /// Sum of the latencies that bodies told, milliseconds.
    pub latency_ms: i64,
    /// Calls whose latency was told.
    pub latency_count: i64,
    /// Signals from bodies.
    pub signals: Signals,
}

impl AddAssign for Activity {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.streaming += other.streaming;
        self.tokens += other.tokens;
        self.cache_write_1h += other.cache_write_1h;
        self.long_context += other.long_context;
        self.latency_ms += other.latency_ms;
        self.latency_count += other.latency_count;
        self.signals += other.signals;
    }
}

/// One workload in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteFacts {
    /// Which minute.
    pub minute: Minute,
    /// Calls in each ten seconds of it; they add up to `activity.requests`.
    pub tens: [i64; 6],
    /// What happened in it.
    pub activity: Activity,
}

/// How many calls had how many tokens, on a logarithmic grid.
///
/// Bin `b` holds the counts `t` with `b = floor(16 · ln t)`: sixteen bins for every factor of *e*, so a
/// bin is 6.4 % wide. Bin 0 also holds zero and one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeHistogram {
    /// Calls by bin.
    pub bins: BTreeMap<i32, i64>,
}

impl SizeHistogram {
    /// Bins for every factor of *e*.
    pub const BINS_PER_E: f64 = 16.0;

    /// The bin that `tokens` fall into.
    pub fn bin_of(tokens: Tokens) -> i32 {
        match tokens.0 {
            ..=1 => 0,
            few @ 2..LOOKED_UP => {
                let (bin, next) = BINS[sixteenth(few)];
                bin + i32::from(few >= next)
            }
            many => Self::by_logarithm(many),
        }
    }

    fn by_logarithm(tokens: i64) -> i32 {
        (Self::BINS_PER_E * (tokens as f64).ln()).floor() as i32
    }

    /// The smallest number of tokens (as a real number) in `bin`.
    pub fn lower_bound(bin: i32) -> f64 {
        (f64::from(bin) / Self::BINS_PER_E).exp()
    }

    /// Calls in all bins.
    pub fn count(&self) -> i64 {
        self.bins.values().sum()
    }
}

/// Numbers of tokens below this are looked up: calls with more are rare.
const LOOKED_UP: i64 = 1 << 20;

/// For each sixteenth of a power of two the bin of its first number, and the first number of the next bin.
/// A bin is wider than a sixteenth (6.4 % and at most 6.3 %), so no third one begins in it.
static BINS: LazyLock<Vec<(i32, i64)>> = LazyLock::new(|| {
    let mut bins = vec![(0, i64::MAX); sixteenth(LOOKED_UP)];
    let mut first = 2;
    while first < LOOKED_UP {
        let (at, bin) = (sixteenth(first), SizeHistogram::by_logarithm(first));
        let (mut below, mut end) = (first, first + ((1_i64 << first.ilog2()) / 16).max(1));
        let behind = end;
        while end - below > 1 {
            let middle = below + (end - below) / 2;
            match SizeHistogram::by_logarithm(middle) == bin {
                true => below = middle,
                false => end = middle,
            }
        }
        bins[at] = (bin, end);
        first = behind;
    }
    bins
});

/// The power of two at or below a number, and which sixteenth of the way to the next it has come.
fn sixteenth(number: i64) -> usize {
    let zeros = number.leading_zeros();
    let behind_first = (number as u64) << zeros << 1;
    (63 - zeros as usize) << 4 | (behind_first >> 60) as usize
}

impl AddAssign<&SizeHistogram> for SizeHistogram {
    fn add_assign(&mut self, other: &SizeHistogram) {
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
    }
}

/// All facts about one workload in the audited window.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Which workload.
    pub key: WorkloadKey,
    /// Active minutes only, ascending, each once.
    pub minutes: Vec<MinuteFacts>,
    /// Total input (uncached, cache read and cache write) per successful call.
    pub input_sizes: SizeHistogram,
    /// Output per successful call.
    pub output_sizes: SizeHistogram,
}

impl Workload {
    /// The sums of all minutes.
    pub fn total(&self) -> Activity {
        self.minutes.iter().fold(Activity::default(), |mut sum, minute| {
            sum += minute.activity;
            sum
        })
    }
}

/// The audited stretch of time in whole UTC days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

impl Window {
    /// Number of days, at least 1.
    pub fn days(&self) -> i64 {
        i64::from(self.to.0 - self.from.0).max(0) + 1
    }

    /// Whether the day is one of them.
    pub fn contains(&self, day: Day) -> bool {
        day >= self.from && day <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_looked_up_are_those_of_the_logarithm() {
        let beyond = (20..63).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]);
        for tokens in (2..LOOKED_UP + 10).chain(beyond) {
            let expected = SizeHistogram::by_logarithm(tokens);
            assert_eq!(SizeHistogram::bin_of(Tokens(tokens)), expected, "{tokens}");
        }
        assert_eq!([i64::MIN, -1, 0, 1].map(|n| SizeHistogram::bin_of(Tokens(n))), [0; 4]);
    }
}
