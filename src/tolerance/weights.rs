//! Weights of the evidence rules as log-odds, each with its derivation.
//!
//! A weight is ln(rate among tolerant workloads / rate among interactive ones). Measured rates are from
//! docs/inference.md. A false rate enters at the upper end of its 95 % interval (4.74 for one event, 3.0
//! for none, over the windows looked at), a recall at the lowest that was measured, so a measured weight
//! is a lower bound. Weights that rest on judgement say so and stay on the three steps of [`STRONG`],
//! [`MEDIUM`] and [`WEAK`].

use crate::workload::CallerKind;

/// A judged likelihood ratio of about 55: such an identity hardly ever belongs to the other side.
pub(super) const STRONG: f64 = 4.0;
/// A judged likelihood ratio of about 4.5.
pub(super) const MEDIUM: f64 = 1.5;
/// A judged likelihood ratio of about 2.
pub(super) const WEAK: f64 = 0.7;
/// A judged ratio of about 20, between [`MEDIUM`] and [`STRONG`]: a person's identity, which that
/// person's scripts use as well.
pub(super) const MEDIUM_STRONG: f64 = 3.0;

/// Clock and daily anchor: .08 (bots over 7 days, the lowest recall) over 4.74/18,950 windows of people.
pub(super) const SCHEDULE: f64 = 5.7;
/// Clock on fewer days than it takes to be decisive: half of [`SCHEDULE`].
pub(super) const SCHEDULE_SHORT: f64 = 2.8;
/// Daily anchor in a slot of 15 to 45 minutes: recall as for [`SCHEDULE`] over 3.0/1,822 windows of
/// people (none fired; the windows overlap, and most are thinned teams).
pub(super) const SCHEDULE_LOOSE: f64 = 3.9;
/// Either where runs go on for hours: judged. Long jobs start on time, and so do services that open.
pub(super) const SCHEDULE_OPENING: f64 = WEAK;
/// Worker pool: the level of the test, 1e-3, and a recall of a third (one closed loop in two had answers
/// short enough to show, and the rate asked for hides some) give 5.8; held to [`SCHEDULE`].
pub(super) const WORKER_POOL: f64 = 5.7;
/// Sparse but dense: .08 over 4.74/2,103 windows of people gives 3.6; lowered to the step below, because
/// nobody in those windows used a coding agent, which also calls a few times a minute.
pub(super) const SPARSE: f64 = MEDIUM_STRONG;
/// Sparse, ten a minute and overlapping, which no agent in sequence does: .08 over 3.0/2,103.
pub(super) const SPARSE_DENSE: f64 = 4.0;
/// Constant sizes: 2 of 4 batch jobs and 0 of 3 interactive ones, each with one success and one failure
/// added (Laplace): .5 / .2.
pub(super) const SIZE_CONSTANT: f64 = 0.9;
/// Regular sizes: 3 of 4 batch jobs against 68 % of all API clients says nothing, against 0 of 3
/// interactive ones 1.2; a quarter of that.
pub(super) const SIZE_REGULAR: f64 = 0.3;
/// Varied sizes: 0 of 4 batch jobs against 3 of 3 interactive ones, Laplace: .17 / .8.
pub(super) const SIZE_VARIED: f64 = -1.5;
/// Streaming: judged, a ratio of 7. Many SDKs and agents stream without anybody reading.
pub(super) const STREAMING: f64 = -1.9;
/// Round the clock: judged. A queue with long answers looks the same, so it may not decide alone.
pub(super) const ROUND_THE_CLOCK: f64 = -WEAK;
/// Conversations and tool loops: judged.
pub(super) const CONVERSATION: f64 = -MEDIUM;
/// Priority tier or optimised latency: judged. The caller pays for speed.
pub(super) const PRIORITY: f64 = -STRONG;
/// Flex tier: judged. The caller accepted to wait longer.
pub(super) const FLEX: f64 = MEDIUM;
/// A declared tag: judged. The caller's own word, which only an override outweighs for certain.
pub(super) const DECLARED: f64 = 5.7;
/// An override: more than everything else together, so that score and verdict agree.
pub(super) const OVERRIDE: f64 = 40.0;

/// Share of its weight that a rule on machine timing keeps beside a heavier one: judged.
pub(super) const BESIDE: f64 = 0.1;

/// What a kind of identity says by itself, and in which words. The steps are those of
/// the fact sheet on identities: judged, not measured.
pub(super) fn of_kind(kind: CallerKind) -> Option<(f64, &'static str)> {
    Some(match kind {
        CallerKind::Person => (-MEDIUM_STRONG, "a person who signed in"),
        CallerKind::CodingAgent => (-MEDIUM_STRONG, "a person's coding agent"),
        CallerKind::EndUser => (-STRONG, "an end user in a browser or a mobile app"),
        CallerKind::AgentRuntime => (-MEDIUM, "an agent runtime that serves sessions"),
        CallerKind::Service => {
            (-STRONG, "a Bedrock service that calls while somebody waits for its answer")
        }
        CallerKind::Pipeline => (STRONG, "a data or build pipeline"),
        CallerKind::Workflow => (MEDIUM, "a workflow engine, which is sometimes awaited"),
        CallerKind::JobPod => (MEDIUM, "a scheduled Kubernetes job"),
        CallerKind::Gateway | CallerKind::Program | CallerKind::Unknown => return None,
    })
}
