//! Every record shape that readers must cope with, looked for in the company scenario.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{company, count, inflate, is_record_object, records, run, text};
use crate::units::Tokens;

#[test]
fn the_text_of_objects_has_every_shape() {
    let (objects, _) = run(&company());
    let mut all = String::new();
    let mut several = 0;
    for object in objects.iter().filter(|o| is_record_object(&o.key)) {
        all.push_str(&String::from_utf8(inflate(&object.bytes)).unwrap());
        let members = object.bytes.windows(4).filter(|w| w == b"\x1f\x8b\x08\x00").count();
        several += usize::from(members > 1);
    }
    assert!(several > 0, "no object of several gzip members");
    let missing: Vec<&str> = [
        "}{\"",                           // joined without newline
        "{\n  \"",                        // pretty-printed
        ",\"[DONE]\"]",                   // text among the chunks
        "\\\"inputTokenCount\\\":999999", // decoy key inside a string
        "\\ud83d\\ude80",                 // surrogate pair
        "\u{6771}\u{4eac}",               // another script
        "\"ttl\":\"1h\"",
        "\"guardrailConfig\"",
        "\"json_schema\"",
        "\"toolChoice\"",
        "\"serviceTier\":{\"type\":\"priority\"}",
        "\"service_tier\":\"flex\"",
        "\"latency\":\"optimized\"",
        "\"toolResult\"",
        "\"stopReason\":\"tool_use\"",
    ]
    .into_iter()
    .filter(|needle| !all.contains(needle))
    .collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

#[test]
fn the_fields_of_records_have_every_shape() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    // The job of Monday, the fifth day, is the only one with an opaque profile.
    let spec = super::Spec { days: 5, ..company() };
    for l in records(&run(&spec).0) {
        let mut saw = |shape, present: bool| {
            *seen.entry(shape).or_default() += usize::from(present);
        };
        let r = &l.record;
        let first = r.as_object().and_then(|map| map.keys().next()).map_or("", String::as_str);
        saw("schemaType first", first == "schemaType");
        saw("timestamp first", first == "timestamp");
        saw("bodies first", first == "input");
        let failed = r.get("errorCode").is_some();
        saw("failed call", failed && r["input"] == json!({}) && r["output"] == json!({}));
        saw("metadata", r.pointer("/requestMetadata/app").is_some());
        saw("inference region", r.get("inferenceRegion").is_some());
        saw("cache counts", count(&l, "/input/cacheReadInputTokenCount") > Tokens(0));
        saw("off-loaded request", r.pointer("/input/inputBodyS3Path").is_some());
        let answer = r.pointer("/output/outputBodyJson");
        saw("no bodies", answer.is_none() && !failed);
        let chunks = answer.and_then(Value::as_array);
        saw("array answer", chunks.is_some());
        let last = chunks.and_then(|chunks| chunks.last());
        let metrics = "amazon-bedrock-invocationMetrics";
        saw("stream latency", last.is_some_and(|last| last.get(metrics).is_some()));
        saw("Converse latency", count(&l, "/output/outputBodyJson/metrics/latencyMs") > Tokens(0));
        let output = r.pointer("/output/outputTokenCount");
        let model = text(&l, "/modelId");
        saw("embedding without output count", model.contains("embed") && output.is_none());
        saw("bare model", model.starts_with("anthropic."));
        saw("geo profile", model.starts_with("eu.") || model.starts_with("us."));
        saw("global profile", model.starts_with("global."));
        saw("profile ARN", model.contains(":inference-profile/"));
        saw("opaque profile", model.contains(":application-inference-profile/"));
        saw("provisioned model", model.contains(":provisioned-model/"));
        let arn = text(&l, "/identity/arn");
        saw("IAM user", arn.contains(":user/"));
        saw("assumed role", arn.contains(":assumed-role/"));
    }
    let missing: Vec<_> = seen.iter().filter(|(_, n)| **n == 0).map(|(shape, _)| shape).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}
