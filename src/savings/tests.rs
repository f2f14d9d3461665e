//! Facts about money: worked examples, every blocker, and the sums that must always hold.

use std::sync::LazyLock;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::config::{Movable, Savings};
use crate::price::book::PriceBook;
use crate::tolerance::{Judgement, Verdict};
use crate::units::Minute;
use crate::workload::{
    Activity, CallerKind, MinuteFacts, Signals, SizeHistogram, Workload, WorkloadKey,
};

static BOOK: LazyLock<PriceBook> = LazyLock::new(PriceBook::embedded);

const SONNET_4_5: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA_PRO: &str = "amazon.nova-pro-v1:0";

fn usd(text: &str) -> Usd {
    Usd(text.parse().unwrap())
}

fn counts(input: i64, cache_read: i64, cache_write: i64, output: i64) -> TokenCounts {
    TokenCounts {
        input: Tokens(input),
        cache_read: Tokens(cache_read),
        cache_write: Tokens(cache_write),
        output: Tokens(output),
    }
}

/// `requests` good calls with bodies and nothing special in them.
fn calls(requests: i64, tokens: TokenCounts) -> Activity {
    let signals = Signals { input_bodies: requests, output_bodies: requests, ..Signals::default() };
    Activity { requests, tokens, signals, ..Activity::default() }
}

/// A pipeline in us-east-1 with one active minute a day.
fn workload(model: &str, scope: &str, days: &[Activity]) -> Workload {
    let minute = |(day, activity): (usize, &Activity)| MinuteFacts {
        minute: Minute(29_000_160 + day as i64 * Minute::PER_DAY),
        activity: *activity,
        ..MinuteFacts::default()
    };
    Workload {
        key: WorkloadKey {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            caller: "nightly/GlueJobRunnerSession".into(),
            caller_kind: CallerKind::Pipeline,
            model: model.into(),
            scope: scope.into(),
            operation: "InvokeModel".into(),
            tags: String::new(),
        },
        minutes: days.iter().enumerate().map(minute).collect(),
        input_sizes: SizeHistogram::default(),
        output_sizes: SizeHistogram::default(),
    }
}

fn judged(verdict: Verdict, decisive: bool, probability: f64) -> Judgement {
    Judgement {
        verdict,
        score: 0.0,
        probability,
        decisive,
        evidence: Vec::new(),
        run_count: 0,
        candidates: Vec::new(),
        lanes: Vec::new(),
        reason: "A pipeline collects the answers later".into(),
        settle: None,
    }
}

fn tolerant() -> Judgement {
    judged(Verdict::Tolerant, true, 0.99)
}

fn assess_with(workload: &Workload, judgement: &Judgement, config: &str) -> Assessment {
    let config: Savings = toml::from_str(config).unwrap();
    assess(workload, judgement, &BOOK, &config)
}

fn blockers(assessment: &Assessment) -> Vec<(&'static str, String)> {
    assessment.blockers.iter().map(|b| (b.name, b.share.to_string())).collect()
}

fn parts_add_up(assessment: &Assessment) {
    let mut sum = assessment.blocked;
    sum += assessment.pilot;
    sum += assessment.addressable;
    assert_eq!(sum, assessment.eligible);
}

fn lines_add_up(assessment: &Assessment) {
    for (mode, cost) in [
        (Mode::OnDemand, assessment.cost),
        (Mode::Batch, assessment.batch_cost),
        (Mode::Flex, assessment.flex_cost),
    ] {
        let lines = assessment.lines.iter().filter(|line| line.mode == mode);
        let sum: Usd = lines.clone().map(|line| line.amount).sum();
        assert_eq!(sum, cost.unwrap_or(Usd::ZERO), "{mode}");
        for line in lines {
            let product = Decimal::from(line.tokens.0) * line.usd_per_million;
            assert_eq!(line.amount.0 * Decimal::from(1_000_000), product);
        }
    }
}

#[test]
fn the_worked_example_halves_the_tolerant_60_percent() {
    // 2 billion tokens at 6 USD blended: three quarters input at 3, one quarter output at 15.
    let part = |percent: i64| {
        let million = 20 * percent * 1_000_000;
        calls(200_000, counts(million * 3 / 4, 0, 0, million / 4))
    };
    for model in [SONNET_4_5, "anthropic.claude-sonnet-4-6"] {
        let moved = workload(model, "global", &[part(60)]);
        let moved = assess_with(&moved, &tolerant(), "");
        let stays = workload(model, "global", &[part(40)]);
        let stays = assess_with(&stays, &judged(Verdict::Interactive, true, 0.0), "");
        assert_eq!(moved.cost.unwrap() + stays.cost.unwrap(), usd("12000"));
        assert_eq!((moved.cost, moved.batch_cost), (Some(usd("7200")), Some(usd("3600"))));
        let saved = Range { low: usd("3600"), expected: usd("3600"), high: usd("3600") };
        assert_eq!((moved.mode, moved.savings), (Mode::Batch, Some(saved)));
        assert_eq!((stays.mode, stays.savings), (Mode::OnDemand, Some(Range::default())));
        assert_eq!(moved.jobs, 4);
        assert_eq!(stays.eligible_cost, Some(Usd::ZERO));
        lines_add_up(&moved);
        assert!(
            moved.reason.starts_with(
                "A pipeline collects the answers later. Move 100 % of its tokens to batch jobs: \
                 $3,600.00 instead of $7,200.00 in this window."
            ),
            "{}",
            moved.reason
        );
    }
}

#[test]
fn the_real_cached_call_costs_4_4_times_more_by_batch() {
    let call =
        workload(SONNET_4_5, "us", &[calls(200, counts(200, 200 * 129_709, 200 * 411, 200 * 326))]);
    let assessment = assess_with(&call, &tolerant(), "");
    let ratio = assessment.batch_cost.unwrap().0 / assessment.cost.unwrap().0;
    assert_eq!(ratio.round_dp(1).to_string(), "4.4");
    assert_eq!(blockers(&assessment), [("cache_loss", "1".to_owned())]);
    assert_eq!((assessment.mode, assessment.savings), (Mode::OnDemand, Some(Range::default())));
    assert!(
        assessment.blockers[0]
            .sentence
            .starts_with("99.7 % of the input is read from the prompt cache")
    );
    assert!(assessment.reason.contains("It stays on demand. 99.7 %"), "{}", assessment.reason);
    let cached = assess_with(&call, &tolerant(), "[batch]\nprompt_cache = true");
    assert_eq!((cached.mode, blockers(&cached)), (Mode::Batch, Vec::new()));
    assert!(cached.batch_cost < cached.cost);
}

#[test]
fn batch_loses_once_about_56_percent_of_the_input_is_cached() {
    for (percent, loses) in [(0, false), (55, false), (56, true), (100, true)] {
        let read = 1_000_000 * percent;
        let day = calls(1000, counts(100_000_000 - read, read, 0, 0));
        let assessment = assess_with(&workload(SONNET_4_5, "us", &[day]), &tolerant(), "");
        assert_eq!(!assessment.blockers.is_empty(), loses, "{percent} % cached");
        parts_add_up(&assessment);
    }
}

#[test]
fn nova_writes_its_cache_for_nothing_and_reads_it_at_a_quarter() {
    let day = calls(1000, counts(1_000_000, 1_000_000, 1_000_000, 0));
    let assessment = assess_with(&workload("amazon.nova-lite-v1:0", "us", &[day]), &tolerant(), "");
    assert_eq!(assessment.cost, Some(usd("0.075")), "0.06 × (1 + 0.25 + 0)");
    assert_eq!(assessment.batch_cost, Some(usd("0.09")), "0.03 × 3");
    assert_eq!(assessment.mode, Mode::OnDemand);
}

#[test]
fn flex_keeps_the_cache_and_the_tools_that_batch_loses() {
    let cached = workload(NOVA_PRO, "us", &[calls(1000, counts(1_000_000, 9_000_000, 0, 0))]);
    let assessment = assess_with(&cached, &tolerant(), "");
    assert_eq!(blockers(&assessment), [("cache_loss", "1".to_owned())]);
    assert_eq!((assessment.cost, assessment.flex_cost), (Some(usd("2.6")), Some(usd("1.3"))));
    let range = Range { low: usd("1.3"), expected: usd("1.3"), high: usd("1.3") };
    assert_eq!((assessment.mode, assessment.savings), (Mode::Flex, Some(range)));
    assert_eq!((assessment.addressable, assessment.jobs), (TokenCounts::default(), 0));
    lines_add_up(&assessment);

    let mut turns = calls(1000, counts(1_000_000, 0, 0, 0));
    turns.signals.agent_turns = 700;
    let looped = workload("deepseek.v3.2", "in-region", &[turns]);
    let assessment = assess_with(&looped, &judged(Verdict::Tolerant, false, 0.8), "");
    assert_eq!(blockers(&assessment), [("agent_loop", "0.7".to_owned())]);
    // Flex saves 0.31 on all of it, batch only on the three tenths outside the loop.
    let range = Range { low: Usd::ZERO, expected: usd("0.248"), high: usd("0.31") };
    assert_eq!((assessment.mode, assessment.savings), (Mode::Flex, Some(range)));
    assert!(assessment.reason.contains("Batch is the lesser choice: 700 of 1,000 calls"));
}

#[test]
fn the_range_weighs_doubt_and_pilots() {
    let mut day = calls(1000, counts(1_000_000, 0, 0, 0));
    day.signals.forced_tool = 400;
    let piloted = workload(SONNET_4_5, "global", &[day]);
    let range = |judgement: &Judgement| assess_with(&piloted, judgement, "").savings.unwrap();
    let expected = Range { low: usd("0.9"), expected: usd("1.2"), high: usd("1.5") };
    assert_eq!(range(&tolerant()), expected);
    let doubtful = range(&judged(Verdict::Tolerant, false, 0.75));
    assert_eq!(doubtful, Range { low: Usd::ZERO, expected: usd("0.9"), high: usd("1.5") });
    let unclear = assess_with(&piloted, &judged(Verdict::Unclear, false, 0.5), "");
    let upper_bound = Range { high: usd("1.5"), ..Range::default() };
    assert_eq!((unclear.mode, unclear.savings), (Mode::OnDemand, Some(upper_bound)));
    assert_eq!((unclear.eligible, unclear.pilot), Default::default());
    assert!(unclear.reason.contains("if it can wait, up to $1.50 less"));
}

#[test]
fn a_pilot_that_would_lose_adds_nothing_and_takes_nothing() {
    let plain = calls(1000, counts(10_000_000, 0, 0, 0));
    let mut cached = calls(1000, counts(0, 1_000_000, 0, 0));
    cached.signals.guardrail = 1000;
    let two_days = workload(SONNET_4_5, "global", &[plain, cached]);
    let range = assess_with(&two_days, &tolerant(), "").savings.unwrap();
    assert_eq!(range, Range { low: usd("15"), expected: usd("15"), high: usd("15") });
}

#[test]
fn batch_comes_before_flex_at_the_same_price() {
    let plain = workload(NOVA_PRO, "us", &[calls(1000, counts(1_000_000, 0, 0, 0))]);
    let assessment = assess_with(&plain, &tolerant(), "");
    assert_eq!(assessment.batch_cost, assessment.flex_cost);
    assert_eq!((assessment.mode, assessment.jobs), (Mode::Batch, 1));
}

#[test]
fn signals_take_their_share_in_order_and_rules_can_be_changed() {
    let mut day = calls(1000, counts(1_000_003, 7, 0, 999));
    day.signals.input_bodies = 900;
    day.signals.agent_turns = 100;
    day.signals.tools = 400;
    day.signals.forced_tool = 200;
    day.signals.guardrail = 50;
    let mixed = workload(SONNET_4_5, "global", &[day]);
    let assessment = assess_with(&mixed, &tolerant(), "");
    let names: Vec<_> = assessment.blockers.iter().map(|b| b.name).collect();
    assert_eq!(
        names,
        ["agent_loop", "forced_tool", "offered_tools", "guardrail", "unknown_bodies"]
    );
    assert_eq!(assessment.blocked.input, Tokens(100_000));
    assert!(assessment.reason.contains("Move 90 % of its tokens"), "{}", assessment.reason);
    assert!(assessment.reason.contains("50 % of them after a pilot. 10 % cannot move. 100 of"));
    assert_eq!(assessment.pilot.input + assessment.addressable.input, Tokens(900_003));
    parts_add_up(&assessment);
    let strict = "[rules]\nforced_tool = \"blocked\"\nunknown_bodies = \"eligible\"\nagent_loop = \
                  \"needs_pilot\"";
    let assessment = assess_with(&mixed, &tolerant(), strict);
    let names: Vec<_> = assessment.blockers.iter().map(|b| (b.name, b.effect)).collect();
    assert_eq!(
        names,
        [
            ("forced_tool", Effect::Blocked),
            ("agent_loop", Effect::NeedsPilot),
            ("offered_tools", Effect::NeedsPilot),
            ("guardrail", Effect::NeedsPilot)
        ]
    );
    parts_add_up(&assessment);
}

#[test]
fn days_with_few_calls_are_blocked_and_jobs_are_counted_by_day() {
    let day = |requests| calls(requests, counts(requests * 10, 0, 0, 0));
    let uneven = workload(SONNET_4_5, "global", &[day(99), day(100), day(120_001), day(0)]);
    let assessment = assess_with(&uneven, &tolerant(), "");
    assert_eq!((assessment.blocked.input, assessment.jobs), (Tokens(990), 1 + 3));
    assert_eq!(assessment.blockers[0].name, "too_few_records");
    assert_eq!(
        assessment.blockers[0].sentence,
        "On 1 of 3 days fewer than 100 calls could be gathered for a job (at most 99)."
    );
    let weekly = assess_with(&uneven, &tolerant(), "[batch]\npooling_hours = 168");
    assert_eq!((weekly.blockers.len(), weekly.jobs), (0, 3));
    // Calls in a tool loop do not count towards the job's records.
    let mut looped = day(120);
    looped.signals.agent_turns = 30;
    let assessment = assess_with(&workload(SONNET_4_5, "global", &[looped]), &tolerant(), "");
    assert_eq!(
        blockers(&assessment),
        [("agent_loop", "0.25".to_owned()), ("too_few_records", "0.75".to_owned())]
    );
}

#[test]
fn a_batch_price_is_unknown_unless_a_price_file_says_none() {
    let day = calls(1000, counts(1_000_000, 0, 0, 0));
    let opus = workload("anthropic.claude-opus-4-7", "global", &[day]);
    let unknown = assess_with(&opus, &tolerant(), "");
    assert_eq!(blockers(&unknown), [("no_batch_price", "1".to_owned())]);
    assert!(unknown.blockers[0].sentence.contains("not proof that there is none"));
    assert_eq!((unknown.batch_cost, unknown.savings), (None, Some(Range::default())));
    let text = "model,scope,batch_input,batch_output,source,date\n\
                anthropic.claude-opus-4-7,any,none,none,our account team,2026-11-01\n";
    let book = PriceBook::embedded().with_user(text, "ours.csv").unwrap();
    let none = assess(&opus, &tolerant(), &book, &Savings::default());
    assert_eq!(
        none.blockers[0].sentence,
        "anthropic.claude-opus-4-7 has no batch price here (our account team, 2026-11-01, row any)."
    );
    let sonnet = workload("anthropic.claude-sonnet-4-6", "global", &[day]);
    let derived = assess_with(&sonnet, &tolerant(), "");
    assert!(derived.assumptions.iter().any(|a| a.contains("taken as 0.5 of on-demand")));
    let strict = assess_with(&sonnet, &tolerant(), "derive_batch_from_region = false");
    assert_eq!((strict.mode, strict.batch_cost), (Mode::OnDemand, None));
    assert_eq!(strict.blockers[0].name, "no_batch_price");
}

#[test]
fn service_calls_stay_even_where_flex_would_be_cheaper() {
    let mut embed = workload(NOVA_PRO, "us", &[calls(1000, counts(1_000_000, 0, 0, 0))]);
    embed.key.caller_kind = CallerKind::Service;
    let assessment = assess_with(&embed, &tolerant(), "");
    assert_eq!(blockers(&assessment), [("service_made", "1".to_owned())]);
    assert_eq!((assessment.mode, assessment.savings), (Mode::OnDemand, Some(Range::default())));
}

#[test]
fn opaque_ids_are_unknown_and_never_free_until_they_are_mapped() {
    let profile = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc";
    let day = calls(1000, counts(1_000_000, 0, 0, 0));
    let opaque = workload(profile, "opaque", &[day]);
    let unpriced = assess_with(&opaque, &tolerant(), "");
    assert_eq!((unpriced.cost, unpriced.savings, unpriced.mode), (None, None, Mode::Unknown));
    assert_eq!((unpriced.priced_as, unpriced.eligible_cost), (None, None));
    assert!(unpriced.reason.contains("[savings.profiles]"), "{}", unpriced.reason);
    let map = format!("[profiles]\n\"{profile}\" = \"us.{SONNET_4_5}\"");
    let priced = assess_with(&opaque, &tolerant(), &map);
    assert_eq!((priced.cost, priced.priced_as.as_deref()), (Some(usd("3.3")), Some(SONNET_4_5)));

    let provisioned = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc";
    let hourly = assess_with(&workload(provisioned, "opaque", &[day]), &tolerant(), "");
    assert_eq!(blockers(&hourly), [("already_provisioned", "1".to_owned())]);
    assert_eq!((hourly.mode, hourly.cost, hourly.savings), (Mode::Provisioned, None, None));

    let strange = assess_with(&workload("nobody.knows-me", "in-region", &[day]), &tolerant(), "");
    assert_eq!((strange.cost, strange.mode), (None, Mode::Unknown));
}

#[test]
fn a_missing_rate_makes_the_cost_unknown_only_where_its_tokens_are() {
    let plain = calls(1000, counts(1_000_000, 0, 0, 0));
    let cached = calls(1000, counts(1_000_000, 1, 0, 0));
    let model = "deepseek.v3.2";
    let known = assess_with(&workload(model, "in-region", &[plain]), &tolerant(), "");
    assert_eq!(known.cost, Some(usd("0.62")));
    let unknown = assess_with(&workload(model, "in-region", &[cached]), &tolerant(), "");
    assert_eq!((unknown.cost, unknown.savings, unknown.mode), (None, None, Mode::Unknown));
    assert!(unknown.assumptions.iter().any(|a| a.contains("no rate for cache_read")));
}

#[test]
fn discounts_are_by_mode_and_can_turn_the_choice() {
    let day = calls(1000, counts(1_000_000, 0, 0, 0));
    let sonnet = workload(SONNET_4_5, "global", &[day]);
    let discount = |percent: u32| {
        format!("[[discount]]\nmode = \"on_demand\"\nmodel = \"anthropic.*\"\npercent = {percent}")
    };
    let some = assess_with(&sonnet, &tolerant(), &discount(10));
    assert_eq!((some.cost, some.savings.unwrap().high), (Some(usd("2.7")), usd("1.2")));
    assert!(
        some.lines[0].source.ends_with("less 10 % negotiated discount"),
        "{}",
        some.lines[0].source
    );
    let half = assess_with(&sonnet, &tolerant(), &discount(50));
    assert_eq!(half.blockers[0].name, "cache_loss");
    assert_eq!(
        half.blockers[0].sentence,
        "Batch would not be cheaper: $1.50 by batch against $1.50 today."
    );
}

#[test]
fn tiers_lifetimes_and_long_context_have_their_own_lines() {
    let mut day = calls(1000, counts(4_000_000, 0, 3_000_000, 1_000_000));
    day.cache_write_1h = Tokens(1_000_000);
    day.long_context = counts(1_000_000, 0, 0, 500_000);
    let sonnet = assess_with(&workload(SONNET_4_5, "global", &[day]), &tolerant(), "");
    let lines: Vec<_> = sonnet
        .lines
        .iter()
        .filter(|line| line.mode == Mode::OnDemand)
        .map(|line| (line.kind, line.tokens.0, line.amount.0.normalize().to_string()))
        .collect();
    assert_eq!(
        lines,
        [
            ("input", 3_000_000, "9".to_owned()),
            ("output", 500_000, "7.5".to_owned()),
            ("cache_write_5m", 2_000_000, "7.5".to_owned()),
            ("cache_write_1h", 1_000_000, "6".to_owned()),
            ("long_context_input", 1_000_000, "6".to_owned()),
            ("long_context_output", 500_000, "11.25".to_owned()),
        ]
    );
    lines_add_up(&sonnet);
    let batch: Decimal = "4.5".parse().unwrap();
    let batch = batch
        + Decimal::new(45, 1)
        + Decimal::new(375, 2)
        + Decimal::from(3)
        + Decimal::new(5625, 3);
    assert_eq!(sonnet.batch_cost, Some(Usd(batch)));

    let mut tiers = calls(100, counts(1_000_000, 0, 0, 0));
    tiers.signals.priority_tier = 25;
    tiers.signals.flex_tier = 50;
    let nova = assess_with(&workload(NOVA_PRO, "us", &[tiers]), &tolerant(), "");
    assert_eq!(nova.cost, Some(usd("0.75")), "a quarter at 1.4, half at 0.4, a quarter at 0.8");
}

#[test]
fn unknown_lifetimes_of_cache_writes_are_said() {
    let mut day = calls(100, counts(0, 0, 1_000_000, 0));
    day.signals.input_bodies = 50;
    let writes = workload(SONNET_4_5, "global", &[day]);
    let short = assess_with(&writes, &tolerant(), "");
    assert_eq!(short.cost, Some(usd("3.75")));
    assert!(
        short
            .assumptions
            .iter()
            .any(|a| a.starts_with("The lifetime of 500,000 cache-write tokens"))
    );
    let long = assess_with(&writes, &tolerant(), "cache_write_lifetime = \"1h\"");
    assert_eq!(long.cost, Some(usd("4.875")), "half at 3.75, half at 6");
}

#[test]
fn provisioned_throughput_needs_a_price_a_steady_load_and_a_break_even() {
    let day = calls(100, counts(1_000_000, 0, 0, 100_000));
    let mut chat = workload(NOVA_PRO, "us", &[]);
    let hours = 0..24 * 8;
    chat.minutes = hours
        .map(|hour| MinuteFacts {
            minute: Minute(29_000_160 + hour * 60),
            activity: day,
            ..MinuteFacts::default()
        })
        .collect();
    let interactive = judged(Verdict::Interactive, true, 0.01);
    let price = |usd: &str| {
        format!(
            "[[provisioned]]\nmodel = \"amazon.nova-pro*\"\nusd_per_hour = \
             {usd}\ntokens_per_minute = 600000"
        )
    };
    // 1.12 USD an hour on demand; the busiest minute needs two units.
    let cheap = assess_with(&chat, &interactive, &price("0.5"));
    assert_eq!((cheap.mode, cheap.savings), (Mode::Provisioned, Some(Range::default())));
    assert!(cheap.reason.contains("2 model units"), "{}", cheap.reason);
    assert!(
        cheap.reason.contains("$192.00 over its 192 hours, against $215.04 on demand"),
        "{}",
        cheap.reason
    );
    assert_eq!(assess_with(&chat, &interactive, &price("0.6")).mode, Mode::OnDemand);
    assert_eq!(assess_with(&chat, &interactive, "").mode, Mode::OnDemand);
    chat.minutes.retain(|m| m.minute.0 / 60 % 24 < 11 || m.minute.0 > 29_000_160 + 190 * 60);
    assert_eq!(assess_with(&chat, &interactive, &price("0.1")).mode, Mode::OnDemand);
}

#[test]
fn every_movable_setting_reads() {
    for (text, movable) in [
        ("blocked", Movable::Blocked),
        ("needs_pilot", Movable::NeedsPilot),
        ("eligible", Movable::Eligible),
    ] {
        let config: Savings = toml::from_str(&format!("[rules]\nguardrail = \"{text}\"")).unwrap();
        assert_eq!(config.rules.guardrail, movable);
    }
}

fn any_activity() -> impl Strategy<Value = Activity> {
    let tokens = (0..2_000_000_i64, 0..3_000_000_i64, 0..500_000_i64, 0..200_000_i64);
    let calls = (0..400_i64, 0..50_i64);
    let signals = (0..400_i64, 0..200_i64, 0..99_i64, 0..99_i64, 0..99_i64, 0..99_i64, 0..99_i64);
    (tokens, calls, signals, 0..400_000_i64).prop_map(|(tokens, (requests, errors), s, hour)| {
        let tokens = counts(tokens.0, tokens.1, tokens.2, tokens.3);
        let signals = Signals {
            input_bodies: s.0,
            agent_turns: s.1,
            forced_tool: s.2,
            guardrail: s.3,
            tools: s.4,
            priority_tier: s.5,
            flex_tier: s.6,
            ..Signals::default()
        };
        let long_context = counts(tokens.input.0 / 3, tokens.cache_read.0 / 5, hour / 9, 0);
        let cache_write_1h = Tokens(hour);
        Activity {
            requests,
            errors,
            tokens,
            signals,
            long_context,
            cache_write_1h,
            ..Activity::default()
        }
    })
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![Verdict::Tolerant, Verdict::Unclear, Verdict::Interactive])
}

proptest! {
    #[test]
    fn parts_add_up_and_the_range_is_ordered(
        days in prop::collection::vec(any_activity(), 1..12),
        model in prop::sample::select(vec![
            SONNET_4_5, NOVA_PRO, "anthropic.claude-sonnet-4-6", "anthropic.claude-opus-4-7",
            "zai.glm-5.3", "amazon.nova-2-lite-v1:0", "moonshotai.kimi-k3", "nobody.knows-me",
        ]),
        scope in prop::sample::select(vec!["in-region", "us", "global", "opaque"]),
        verdict in any_verdict(),
        decisive in any::<bool>(),
        probability in prop::num::f64::ANY,
        discount in 0..=100_u32,
    ) {
        let config = format!("[[discount]]\nmode = \"on_demand\"\npercent = {discount}");
        let workload = workload(model, scope, &days);
        let assessment = assess_with(&workload, &judged(verdict, decisive, probability), &config);
        parts_add_up(&assessment);
        lines_add_up(&assessment);
        prop_assert_eq!(assessment.savings.is_none(), assessment.cost.is_none());
        let share: Decimal = assessment.blockers.iter().map(|blocker| blocker.share).sum();
        prop_assert!(share <= "1.00001".parse().unwrap());
        let tolerant = verdict == Verdict::Tolerant;
        let eligible = if tolerant { workload.total().tokens } else { TokenCounts::default() };
        prop_assert_eq!(assessment.eligible, eligible);
        if let (Some(range), Some(cost)) = (assessment.savings, assessment.cost) {
            prop_assert!(Usd::ZERO <= range.low && range.low <= range.expected);
            prop_assert!(range.expected <= range.high && range.high <= cost);
            if verdict != Verdict::Tolerant {
                prop_assert_eq!((range.low, range.expected), (Usd::ZERO, Usd::ZERO));
            }
            if verdict == Verdict::Interactive {
                prop_assert_eq!(range.high, Usd::ZERO);
            }
        }
    }
}
