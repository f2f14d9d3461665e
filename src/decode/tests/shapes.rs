//! Records of one shape, of nearly one shape, and of one no more: read as if none had been met.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::ends::{Fast, Slow};
use super::super::records::Records;
use super::generate::{self, Json, Style};
use super::{BOUNDS, Collect, Event};

/// What a leaf becomes: mostly another of its kind.
const STRINGS: &[&str] = &[
    r#""""#,
    r#""x""#,
    r#""end_turn""#,
    r#""2026-10-01T02:03:04Z""#,
    r#""a\"b\\""#,
    r#""\ud83e""#,
    r#""a string that is longer than a block of 64 bytes, with a \" in it, and with ü and more""#,
    "\"\u{1}\"",
    r#""1h""#,
    "7",
    "null",
    "{}",
    r#"{"type":"priority"}"#,
];
const NUMBERS: &[&str] =
    &["0", "7", "123456", "-1", "1.5", "01", "1e", "99999999999999999999", "null", r#""7""#, "[7]"];
const WORDS: &[&str] = &["true", "false", "null", "nul", r#""true""#];

/// A small generator, so that a case is a few seeds.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    /// The record with some leaves changed, one in `rarely`.
    fn varied(&mut self, json: &Json, rarely: usize) -> Json {
        match json {
            Json::Literal(literal) if self.below(rarely) == 0 => {
                let others = match literal.as_bytes() {
                    [b'"', ..] => STRINGS,
                    [b't' | b'f' | b'n', ..] => WORDS,
                    _ => NUMBERS,
                };
                Json::Literal(others[self.below(others.len())].to_owned())
            }
            Json::Literal(literal) => Json::Literal(literal.clone()),
            Json::Array(elements) => {
                let mut elements: Vec<Json> =
                    elements.iter().map(|element| self.varied(element, rarely)).collect();
                if !elements.is_empty() && self.below(rarely) == 0 {
                    let at = self.below(elements.len());
                    elements.insert(at, elements[at].clone());
                }
                Json::Array(elements)
            }
            Json::Object(members) => {
                let mut members: Vec<(String, Json)> = members
                    .iter()
                    .map(|(key, value)| (key.clone(), self.varied(value, rarely)))
                    .collect();
                if !members.is_empty() && self.below(4 * rarely) == 0 {
                    members.remove(self.below(members.len()));
                }
                Json::Object(members)
            }
        }
    }

    /// One byte changed, lost or doubled.
    fn damaged(&mut self, bytes: &mut Vec<u8>) {
        const BYTES: &[u8] = b"\"\\{}[],:0a \n\x80";
        let at = self.below(bytes.len());
        match self.below(3) {
            0 => bytes[at] = BYTES[self.below(BYTES.len())],
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
}

/// A log of records that are variants of `records`; `damage`: one in so many is damaged.
fn log(records: &[Json], seed: u64, count: usize, style: Style, damage: usize) -> Vec<u8> {
    let (mut draw, mut bytes) = (Draw(seed), Vec::new());
    for _ in 0..count {
        let rarely = [1000, 20, 5][draw.below(3)];
        let record = &records[draw.below(records.len())];
        let record = draw.varied(record, rarely);
        let mut line = record.render(style).into_bytes();
        if draw.below(damage) == 0 {
            draw.damaged(&mut line);
        }
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
    }
    bytes
}

fn events(mut records: Records<impl super::super::ends::Ends>, bytes: &[u8]) -> (Vec<Event>, u64) {
    let mut sink = Collect::default();
    records.push(bytes, &mut sink);
    records.finish(&mut sink);
    (sink.0, records.into_shapes().recalled())
}

proptest! {
    #[test]
    fn known_shapes_change_nothing(
        records in vec(generate::record(), 1..4),
        seed in any::<u64>(),
        style in prop_oneof![4 => Just(Style::Compact), 1 => Just(Style::Spaced), 1 => Just(Style::Pretty)],
    ) {
        let bytes = log(&records, seed, 60, style, 8);
        let (expected, _) = events(Records::with(BOUNDS, Slow), &bytes);
        for fast in Fast::all() {
            prop_assert_eq!(&events(Records::with(BOUNDS, fast), &bytes).0, &expected, "{:?}", fast);
        }
    }
}

/// The property would hold, and say nothing, if no shape was ever recalled.
#[test]
fn most_records_are_recalled() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut rows, mut recalled) = (0, 0);
    for seed in 0..40 {
        let record = generate::record().new_tree(&mut runner).unwrap().current();
        let bytes = log(&[record], seed, 60, Style::Compact, 8);
        let (events, count) = events(Records::new(BOUNDS), &bytes);
        rows += events.iter().filter(|event| event.reason().is_none()).count() as u64;
        recalled += count;
    }
    assert!(rows > 500, "{rows} rows");
    assert!(recalled * 2 > rows, "{recalled} of {rows} recalled");
}

#[test]
fn shapes_are_kept_from_stream_to_stream_and_bounded() {
    let record = |key: usize| {
        format!(
            r#"{{"timestamp":"2026-10-01T02:00:07Z","modelId":"m","k{key}":[{{"a":1}},"x"],"input":{{"inputTokenCount":7}}}}"#
        )
    };
    let mut shapes = super::super::shapes::Shapes::default();
    for round in 0..3 {
        let mut records = Records::new(BOUNDS).knowing(shapes);
        let mut sink = Collect::default();
        // Blocks are compared, so there has to be one more behind the record.
        let text = record(1) + &" ".repeat(100);
        records.push(text.as_bytes(), &mut sink);
        records.finish(&mut sink);
        assert_eq!(sink.0.len(), 1);
        shapes = records.into_shapes();
        assert_eq!(shapes.recalled(), round);
    }
    let kept = shapes.kept();
    // The last record of a stream has no block behind it. It is learned again, and nothing more is kept.
    for _ in 0..10 {
        let mut records = Records::new(BOUNDS).knowing(shapes);
        records.push(record(1).as_bytes(), &mut Collect::default());
        shapes = records.into_shapes();
    }
    assert_eq!((shapes.kept(), shapes.tried()), (kept, 11));
    // Ever new shapes are not learned for ever.
    let many: String = (0..20_000).map(|key| record(key) + "\n").collect();
    let mut records = Records::new(BOUNDS).knowing(shapes);
    let mut sink = Collect::default();
    records.push(many.as_bytes(), &mut sink);
    assert_eq!(sink.0.len(), 20_000);
    assert!(records.into_shapes().tried() < 100);
}
