//! The partial facts of one object: what its records add up to, by workload.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use twox_hash::XxHash64;

use super::ScanOptions;
use super::interned::{Interned, Workload};
use super::packed::size;
use crate::decode::body::{Body, Tier};
use crate::decode::record::Record;
use crate::decode::{Reject, Sink};
use crate::price::model;
use crate::tolerance::caller;
use crate::units::{Day, Minute, Tokens};
use crate::workload::{
    Activity, MinuteFacts, Signals, SizeHistogram, TokenCounts, WorkloadKey, clean,
};

/// A request on its UTC day: what counts once. The id is hashed by XXH64, which is the same on every machine
/// and in every version: ids outlive the run in the dataset's state.
pub type RequestId = (Day, u64);

/// What one object's records add up to. `records = rows + rejected + duplicates`.
#[derive(Debug, Default)]
pub struct Partial {
    /// Distinct workloads, in order of appearance.
    pub workloads: Vec<Arc<Workload>>,
    /// Facts of a workload (index into `workloads`) in a minute, each pair once.
    pub minutes: Vec<(u32, MinuteFacts)>,
    /// By day two sizes of each successful call: total input and output, as `packed::size` puts them.
    pub sizes: BTreeMap<Day, Vec<u64>>,
    /// Records that count.
    pub rows: u64,
    /// Records that could not be read, all of them counted.
    pub rejected: u64,
    /// The first of them, as many as `limits.max_rejects_listed`.
    pub rejects: Vec<Reject>,
    /// Records whose request id was met before, in this object or (by exclusion) in another.
    pub duplicates: u64,
    /// The part of `rows` outside the window.
    pub outside_window: u64,
    /// Request ids (hashed) that count here with the day of their record, in the order of the records.
    pub ids: Vec<RequestId>,
}

/// Adds records up. Holds nothing of a record but numbers, names and a hashed id.
pub(super) struct PartialSink<'o> {
    options: &'o ScanOptions,
    excluded: HashSet<RequestId, RandomState>,
    interned: &'o mut Interned,
    met: &'o mut Met,
    pub(super) partial: Partial,
}

/// What was met in an object. A thread uses one for all its objects, so that it grows once.
#[derive(Debug, Default)]
pub(super) struct Met {
    requests: HashSet<RequestId, RandomState>,
    /// Workload and minute → place among the facts.
    minutes: HashMap<(u32, Minute), u32, RandomState>,
    /// By the index of a workload, its latest minute and the place of that.
    latest: Vec<(Minute, u32)>,
    /// By the interned number of a workload, its index into `partial.workloads`, or `UNMET`.
    indices: Vec<u32>,
}

/// Requests and minutes up to which the room for them is kept for the next object: a megabyte or two.
const KEPT_ROOM: usize = 1 << 16;

/// The index of a workload that was not met in this object.
const UNMET: u32 = u32::MAX;

impl Met {
    fn clear(&mut self) {
        if self.requests.capacity().max(self.minutes.capacity()) > KEPT_ROOM {
            *self = Self::default();
        }
        self.requests.clear();
        self.minutes.clear();
        self.latest.clear();
        self.indices.clear();
    }
}

impl<'o> PartialSink<'o> {
    pub(super) fn new(
        options: &'o ScanOptions,
        interned: &'o mut Interned,
        met: &'o mut Met,
    ) -> Self {
        // An object is often like the one before.
        let partial = Partial {
            minutes: Vec::with_capacity(met.minutes.len().min(KEPT_ROOM)),
            ids: Vec::with_capacity(met.requests.len().min(KEPT_ROOM)),
            ..Partial::default()
        };
        met.clear();
        Self {
            options,
            excluded: options.exclude.iter().copied().collect(),
            interned,
            met,
            partial,
        }
    }

    /// The index of a record's workload.
    fn workload(&mut self, record: &Record<'_>) -> u32 {
        let number = self.interned.number(record, self.options) as usize;
        if number >= self.met.indices.len() {
            self.met.indices.resize(number + 1, UNMET);
        }
        let index = &mut self.met.indices[number];
        if *index == UNMET {
            *index = self.partial.workloads.len() as u32;
            self.partial.workloads.push(Arc::clone(self.interned.workload(number as u32)));
            self.met.latest.push((Minute(i64::MIN), 0));
        }
        *index
    }

    /// The facts of a workload in a minute.
    fn facts(&mut self, workload: u32, minute: Minute) -> &mut MinuteFacts {
        let minutes = &mut self.partial.minutes;
        let latest = &mut self.met.latest[workload as usize];
        if latest.0 != minute {
            let place = *self.met.minutes.entry((workload, minute)).or_insert_with(|| {
                minutes.push((workload, MinuteFacts { minute, ..MinuteFacts::default() }));
                minutes.len() as u32 - 1
            });
            *latest = (minute, place);
        }
        &mut minutes[latest.1 as usize].1
    }

    /// Whether the record's request id counts here for the first time. Without an id it always does.
    fn is_new(&mut self, record: &Record<'_>) -> bool {
        if record.request_id.is_empty() || !self.options.dedupe {
            return true;
        }
        let day = Minute::of_seconds(record.timestamp).day();
        let id = (day, hashed_id(&record.request_id));
        if self.excluded.contains(&id) || !self.met.requests.insert(id) {
            return false;
        }
        self.partial.ids.push(id);
        true
    }
}

impl Sink for PartialSink<'_> {
    fn record(&mut self, record: &Record<'_>) {
        if !self.is_new(record) {
            self.partial.duplicates += 1;
            return;
        }
        self.partial.rows += 1;
        let minute = Minute::of_seconds(record.timestamp);
        if !self.options.covers(minute.day()) {
            self.partial.outside_window += 1;
            return;
        }
        let workload = self.workload(record);
        let activity = activity(record, self.partial.workloads[workload as usize].threshold);
        let facts = self.facts(workload, minute);
        facts.tens[(record.timestamp.rem_euclid(60) / 10) as usize] += 1;
        facts.activity += activity;
        if activity.errors == 0 {
            let tokens = activity.tokens;
            let [input, output] = [tokens.total_input(), tokens.output].map(SizeHistogram::bin_of);
            let sizes = self.partial.sizes.entry(minute.day()).or_default();
            sizes.extend([size(workload, false, input), size(workload, true, output)]);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.partial.rejected += 1;
        if self.partial.rejects.len() < self.options.limits.max_rejects_listed {
            self.partial.rejects.push(reject);
        }
    }
}

/// A request id as 64 bits. Two different ids among *n* meet with a chance of n²/2⁶⁵: 1 in 100,000 for
/// twenty million records. Holding them whole would take three times the memory.
fn hashed_id(id: &str) -> u64 {
    XxHash64::oneshot(0, id.as_bytes())
}

/// The tags that split workloads, as the key has them.
pub(super) fn tags(record: &Record<'_>, group_by: &[String]) -> String {
    let metadata = record.metadata();
    let value =
        |key: &String| metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let pairs: Vec<String> = group_by
        .iter()
        .filter_map(|key| value(key).map(|value| format!("{}={}", clean(key), clean(value))))
        .collect();
    pairs.join(",")
}

/// The workload a record belongs to.
pub(super) fn workload_key(
    record: &Record<'_>,
    tags: String,
    (account, region): (&str, &str),
) -> WorkloadKey {
    let caller = caller::read(&record.arn);
    let model = model::read(&record.model_id);
    let or = |field: &str, fallback: &str| clean(if field.is_empty() { fallback } else { field });
    WorkloadKey {
        account: or(&record.account, account),
        region: or(&record.region, region),
        caller: caller.name,
        caller_kind: caller.kind,
        scope: model.scope.to_string(),
        model: model.base,
        operation: clean(family(&record.operation)),
        tags,
    }
}

/// The operation without its way of answering: streaming is counted, it does not split a workload.
fn family(operation: &str) -> &str {
    match operation {
        "ConverseStream" => "Converse",
        "InvokeModelWithResponseStream" => "InvokeModel",
        other => other,
    }
}

/// Whether the operation sends its answer in parts.
pub(super) fn is_streaming(operation: &str) -> bool {
    operation.ends_with("Stream")
}

/// What one record adds.
fn activity(record: &Record<'_>, threshold: Option<i64>) -> Activity {
    let count = |tokens: Option<i64>| Tokens(tokens.unwrap_or(0));
    let tokens = TokenCounts {
        input: count(record.input_tokens),
        cache_read: count(record.cache_read_tokens),
        cache_write: count(record.cache_write_tokens),
        output: count(record.output_tokens),
    };
    let is_long = threshold.is_some_and(|threshold| tokens.total_input().0 > threshold);
    Activity {
        requests: 1,
        errors: i64::from(record.error_code.is_some()),
        streaming: i64::from(is_streaming(&record.operation)),
        tokens,
        // The body's word is about a part of the count and cannot exceed it.
        cache_write_1h: count(record.body.cache_write_1h).min(tokens.cache_write),
        long_context: if is_long { tokens } else { TokenCounts::default() },
        latency_ms: record.body.latency_ms.unwrap_or(0),
        latency_count: i64::from(record.body.latency_ms.is_some()),
        signals: signals(&record.body),
    }
}

fn signals(body: &Body) -> Signals {
    Signals {
        input_bodies: i64::from(body.has_input),
        output_bodies: i64::from(body.has_output),
        tools: i64::from(body.tools),
        agent_turns: i64::from(body.agent_turn()),
        forced_tool: i64::from(body.forced_tool),
        json_schema: i64::from(body.json_schema),
        guardrail: i64::from(body.guardrail),
        multi_turn: i64::from(body.multi_turn),
        priority_tier: i64::from(body.tier == Tier::Priority),
        flex_tier: i64::from(body.tier == Tier::Flex),
        optimized_latency: i64::from(body.optimized_latency),
    }
}
