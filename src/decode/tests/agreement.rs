//! The decoder and the oracle, side by side.

use proptest::prelude::*;

use super::super::records::Bounds;
use super::generate::{self, Json, Style};
use super::{BOUNDS, Event, decode, oracle};

proptest! {
    #[test]
    fn records_of_any_layout_are_the_oracles((bytes, positions) in generate::log()) {
        let events = decode(&bytes, BOUNDS);
        prop_assert_eq!(&events, &oracle::events(&bytes, BOUNDS));
        // Well-formed JSON, so that every record is one event, wherever the oracle thinks it is.
        let found: Vec<u64> = events.iter().map(Event::position).collect();
        prop_assert_eq!(found, positions);
    }

    #[test]
    fn damaged_logs_are_the_oracles(bytes in generate::damaged_log()) {
        prop_assert_eq!(decode(&bytes, BOUNDS), oracle::events(&bytes, BOUNDS));
    }

    #[test]
    fn garbage_is_the_oracles(bytes in generate::garbage()) {
        prop_assert_eq!(decode(&bytes, BOUNDS), oracle::events(&bytes, BOUNDS));
    }

    #[test]
    fn bounds_are_the_oracles(
        bytes in generate::damaged_log(),
        max_record_bytes in 1usize..1500,
        max_tokens in 0i64..100_000,
    ) {
        let bounds = Bounds { max_record_bytes, max_tokens };
        prop_assert_eq!(decode(&bytes, bounds), oracle::events(&bytes, bounds));
    }

    #[test]
    fn key_order_and_white_space_change_nothing(
        (members, shuffled) in generate::good_members()
            .prop_flat_map(|members| (Just(members.clone()), Just(members).prop_shuffle())),
    ) {
        let event = |members: Vec<(String, Json)>, style| {
            let events = decode(Json::Object(members).render(style).as_bytes(), BOUNDS);
            prop_assert_eq!(events.len(), 1);
            Ok(events[0].clone())
        };
        let straight = event(members.clone(), Style::Compact)?;
        prop_assert_eq!(&event(shuffled, Style::Compact)?, &straight);
        prop_assert_eq!(&event(members.clone(), Style::Spaced)?, &straight);
        prop_assert_eq!(&event(members, Style::Pretty)?, &straight);
    }
}

/// A property over records that are all rejected, or show nothing, would hold and say nothing.
#[test]
fn generated_records_are_mostly_good_and_show_every_signal() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut rows, mut rejects) = (Vec::new(), std::collections::BTreeMap::new());
    for _ in 0..1000 {
        let record = generate::record().new_tree(&mut runner).unwrap().current();
        for event in decode(record.render(Style::Compact).as_bytes(), BOUNDS) {
            match event {
                Event::Row(row) => rows.push(*row),
                Event::Reject(reject) => *rejects.entry(reject.reason).or_insert(0) += 1,
            }
        }
    }
    assert!(rows.len() > 300, "{} rows, rejects {rejects:?}", rows.len());
    assert!(rejects.len() > 12, "{rejects:?}");
    let seen =
        |signal: fn(&super::Body) -> bool| rows.iter().filter(|row| signal(&row.body)).count();
    for (name, count) in [
        ("tools", seen(|body| body.tools)),
        ("forced_tool", seen(|body| body.forced_tool)),
        ("tool_result", seen(|body| body.tool_result)),
        ("tool_stop", seen(|body| body.tool_stop)),
        ("json_schema", seen(|body| body.json_schema)),
        ("guardrail", seen(|body| body.guardrail)),
        ("multi_turn", seen(|body| body.multi_turn)),
        ("optimized_latency", seen(|body| body.optimized_latency)),
        ("tier", seen(|body| body.tier.name().is_some())),
        ("latency_ms", seen(|body| body.latency_ms.is_some())),
        ("first_byte_ms", seen(|body| body.first_byte_ms.is_some())),
        ("cache_write_1h", seen(|body| body.cache_write_1h.is_some())),
    ] {
        assert!(count >= 5, "{name} in {count} of {} rows", rows.len());
    }
}
