//! One call written as a log record, in the key orders of several years.

use super::body;
use super::call::Call;
use super::random::Random;
use crate::units::Minute;

/// Where a record is logged: account and region of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
    /// Key prefix of everything logged there.
    pub(crate) prefix: String,
}

impl Place {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            prefix: format!("AWSLogs/{account}/BedrockModelInvocationLogs/{region}"),
        }
    }
}

/// The parts of a record that are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Schema,
    Timestamp,
    Account,
    Identity,
    Region,
    Request,
    Operation,
    Model,
    Inference,
    Metadata,
    Error,
    Input,
    Output,
}

use Part::{
    Account, Error, Identity, Inference, Input, Metadata, Model, Operation, Output, Region,
    Request, Schema, Timestamp,
};

/// Orders as seen in 2024, 2025 and 2026, and one that puts the bodies first: legal JSON, and
/// poison for readers that look at the front of a record only.
const ORDERS: [[Part; 13]; 4] = [
    [
        Schema, Timestamp, Account, Identity, Region, Request, Operation, Model, Inference, Error,
        Input, Output, Metadata,
    ],
    [
        Timestamp, Account, Identity, Region, Request, Operation, Model, Inference, Metadata,
        Error, Input, Output, Schema,
    ],
    [
        Schema, Timestamp, Account, Region, Request, Operation, Model, Inference, Identity,
        Metadata, Error, Input, Output,
    ],
    [
        Input, Output, Request, Schema, Operation, Model, Inference, Identity, Account, Region,
        Metadata, Error, Timestamp,
    ],
];

/// Bytes of a record besides the text in its bodies, about.
const ENVELOPE: usize = 950;

/// The request id of a call.
pub(crate) fn request_id(call: &Call) -> String {
    Random::seeded(call.seed).uuid()
}

/// `2026-10-01T02:00:07Z` for milliseconds since the epoch; log timestamps are whole seconds.
pub(crate) fn timestamp(at_ms: i64) -> String {
    let minute = Minute::of_seconds(at_ms.div_euclid(1000));
    let (of_day, second) = (minute.of_day(), at_ms.div_euclid(1000).rem_euclid(60));
    format!("{}T{:02}:{:02}:{second:02}Z", minute.day(), of_day / 60, of_day % 60)
}

/// Appends the record of `call`, without a newline. `bodies` false: text delivery is off.
pub(crate) fn write(call: &Call, place: &Place, bodies: bool, out: &mut String) {
    let template = &call.shared;
    let order = ORDERS[template.key_order % ORDERS.len()];
    out.push('{');
    let mut first = true;
    for part in order {
        let mark = out.len();
        if !first {
            out.push(',');
        }
        let start = out.len();
        write_part(part, call, place, bodies, out);
        if out.len() == start {
            out.truncate(mark);
        } else {
            first = false;
        }
    }
    out.push('}');
}

/// Appends one part, or nothing where the record has none.
fn write_part(part: Part, call: &Call, place: &Place, bodies: bool, out: &mut String) {
    let template = &call.shared;
    let mut string = |key: &str, value: &str| {
        for piece in ["\"", key, "\":\"", value, "\""] {
            out.push_str(piece);
        }
    };
    match part {
        Schema => {
            string("schemaType", "ModelInvocationLog");
            out.push_str(r#","schemaVersion":"1.0""#);
        }
        Timestamp => string("timestamp", &timestamp(call.at_ms)),
        Account => string("accountId", &place.account),
        Region => string("region", &place.region),
        Request => string("requestId", &request_id(call)),
        Operation => string("operation", template.operation),
        Model => string("modelId", &template.model),
        Inference => {
            if !template.inference_regions.is_empty() {
                let mut random = Random::seeded(call.seed ^ 3);
                string("inferenceRegion", random.pick(template.inference_regions));
            }
        }
        Error => {
            if let Err(code) = call.outcome {
                string("errorCode", code);
            }
        }
        Identity => {
            out.push_str(r#""identity":{"arn":""#);
            out.push_str(&call.arn);
            out.push_str(r#""}"#);
        }
        Metadata => {
            if let Some((app, user)) = call.metadata {
                out.push_str(&format!(
                    r#""requestMetadata":{{"app":"{app}","user":"u{user:04}"}}"#
                ));
            }
        }
        Input => write_input(call, place, bodies, out),
        Output => write_output(call, bodies, out),
    }
}

/// Bytes for request and answer text within the record's size.
fn share(call: &Call) -> (Option<usize>, Option<usize>) {
    match call.bytes {
        None => (None, None),
        Some(bytes) => {
            let text = bytes.saturating_sub(ENVELOPE);
            let answer = text * call.shared.answer_per_mille as usize / 1000;
            (Some(text - answer), Some(answer))
        }
    }
}

fn write_input(call: &Call, place: &Place, bodies: bool, out: &mut String) {
    let Ok(tokens) = call.outcome else {
        return out.push_str(r#""input":{}"#);
    };
    out.push_str(r#""input":{"inputContentType":"application/json""#);
    let mut counts = format!(r#","inputTokenCount":{}"#, tokens.input.0);
    if call.shared.features.cache {
        counts.push_str(&format!(
            r#","cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{}"#,
            tokens.cache_read.0, tokens.cache_write.0
        ));
    }
    // Counts stand before the body in some years and after it in others.
    let counts_first = call.shared.key_order % 2 == 1;
    if counts_first {
        out.push_str(&counts);
    }
    if bodies && !call.bodiless {
        if call.offloaded {
            out.push_str(&format!(
                r#","inputBodyS3Path":"s3://bedrock-logs-{}/{}""#,
                place.account,
                sidecar_key(call, place)
            ));
        } else {
            out.push_str(r#","inputBodyJson":"#);
            body::request(call, share(call).0, out);
        }
    }
    if !counts_first {
        out.push_str(&counts);
    }
    out.push('}');
}

fn write_output(call: &Call, bodies: bool, out: &mut String) {
    let Ok(tokens) = call.outcome else {
        return out.push_str(r#""output":{}"#);
    };
    out.push_str(r#""output":{"outputContentType":"application/json""#);
    if bodies && !call.bodiless {
        out.push_str(r#","outputBodyJson":"#);
        body::answer(call, share(call).1, out);
    }
    if call.shared.output.is_some() {
        out.push_str(&format!(r#","outputTokenCount":{}"#, tokens.output.0));
    }
    // Keys nobody announced turn up; readers must pass them by, whatever their type.
    if call.seed.is_multiple_of(4096) {
        out.push_str(r#","outputVideoSeconds":null,"outputVideoResolution":[1280,{"w":7.2e2}]"#);
    }
    out.push('}');
}

/// Key of the off-loaded request body, in the hour of its delivery.
pub(crate) fn sidecar_key(call: &Call, place: &Place) -> String {
    let hour = hour_path(call.delivered_ms);
    format!("{}/{hour}/data/{}_input.json.gz", place.prefix, request_id(call))
}

/// `2026/10/01/02` for milliseconds since the epoch.
pub(crate) fn hour_path(at_ms: i64) -> String {
    let stamp = timestamp(at_ms);
    format!("{}/{}/{}/{}", &stamp[0..4], &stamp[5..7], &stamp[8..10], &stamp[11..13])
}
