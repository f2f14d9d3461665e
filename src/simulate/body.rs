//! Request and response bodies, in the form of each operation and model family.

use super::call::{Call, Features, Tools};
use super::random::Random;
use super::words;

/// What decides the form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Converse,
    Anthropic,
    AnthropicStream,
    OpenAi,
    OpenAiStream,
    TitanEmbedding,
    NovaEmbedding,
}

/// Messages at most in a request of a few words; longer histories add nothing but bytes.
const FEW: u64 = 3;

impl Form {
    fn of(call: &Call) -> Self {
        let model = call.shared.model.as_str();
        let stream = call.shared.operation == "InvokeModelWithResponseStream";
        match (call.shared.operation, stream) {
            ("Converse" | "ConverseStream", _) => Self::Converse,
            _ if model.contains("titan-embed") => Self::TitanEmbedding,
            _ if model.contains("multimodal-embeddings") => Self::NovaEmbedding,
            (_, true) if model.contains("openai.") => Self::OpenAiStream,
            (_, false) if model.contains("openai.") => Self::OpenAi,
            (_, true) => Self::AnthropicStream,
            (_, false) => Self::Anthropic,
        }
    }
}

/// Appends the request body, about `bytes` long (`None`: a few words).
pub(crate) fn request(call: &Call, bytes: Option<usize>, out: &mut String) {
    let mut random = Random::seeded(call.seed ^ 1);
    let random = &mut random;
    match Form::of(call) {
        Form::Converse => converse_request(call, random, bytes, out),
        Form::Anthropic | Form::AnthropicStream => anthropic_request(call, random, bytes, out),
        Form::OpenAi | Form::OpenAiStream => {
            out.push_str(r#"{"messages":["#);
            messages(call, random, bytes, [r#"{"role":""#, r#"","content":""#, r#""}"#], out);
            out.push_str(r#"],"max_completion_tokens":2048,"stream":"#);
            out.push_str(if Form::of(call) == Form::OpenAi { "false" } else { "true" });
            if let Some(tier) = call.shared.features.tier {
                out.push_str(&format!(r#","service_tier":"{tier}""#));
            }
            out.push('}');
        }
        Form::TitanEmbedding => {
            out.push_str(r#"{"inputText":""#);
            words::text(random, bytes.unwrap_or(24), out);
            out.push_str(r#"","dimensions":1024,"normalize":true}"#);
        }
        Form::NovaEmbedding => {
            out.push_str(r#"{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"text":"#);
            out.push_str(r#"{"truncationMode":"END","value":""#);
            words::text(random, bytes.unwrap_or(24), out);
            out.push_str(r#""},"embeddingPurpose":"GENERIC_INDEX","embeddingDimension":1024}}"#);
        }
    }
}

/// Appends the response body, about `bytes` long (`None`: a few words).
pub(crate) fn answer(call: &Call, bytes: Option<usize>, out: &mut String) {
    let mut random = Random::seeded(call.seed ^ 2);
    let random = &mut random;
    match Form::of(call) {
        Form::Converse => converse_answer(call, random, bytes, out),
        Form::Anthropic => {
            let stop = stop_reason(call);
            out.push_str(r#"{"id":"msg_bdrk_01","type":"message","role":"assistant","#);
            out.push_str(r#""content":[{"type":"text","text":""#);
            words::text(random, bytes.unwrap_or(10), out);
            out.push_str(&format!(r#""}}],"stop_reason":"{stop}","stop_sequence":null,"#));
            out.push_str(&format!(r#""usage":{}}}"#, anthropic_usage(call)));
        }
        Form::AnthropicStream => anthropic_chunks(call, random, bytes, out),
        Form::OpenAi => {
            out.push_str(r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"#);
            out.push_str(r#""message":{"role":"assistant","content":""#);
            words::text(random, bytes.unwrap_or(10), out);
            out.push_str(r#""},"finish_reason":"stop"}],"usage":"#);
            out.push_str(&openai_usage(call));
            out.push('}');
        }
        Form::OpenAiStream => openai_chunks(call, random, bytes, out),
        Form::TitanEmbedding => {
            out.push_str(r#"{"embedding":["#);
            words::vector(random, dimensions(bytes), out);
            let input = counts(call).input.0;
            out.push_str(&format!(r#"],"inputTextTokenCount":{input}}}"#));
        }
        // An array at the top, as batches of embeddings come back.
        Form::NovaEmbedding => {
            out.push_str(r#"[{"embeddingType":"TEXT","embedding":["#);
            words::vector(random, dimensions(bytes), out);
            out.push_str("]}]");
        }
    }
}

/// A number of an embedding takes about 13 bytes. Sample-data gets 4 numbers.
fn dimensions(bytes: Option<usize>) -> usize {
    bytes.map_or(4, |bytes| (bytes / 13).max(4))
}

fn counts(call: &Call) -> crate::workload::TokenCounts {
    call.outcome.unwrap_or_default()
}

fn stop_reason(call: &Call) -> &'static str {
    match call.shared.features.tools {
        Tools::Forced => "tool_use",
        Tools::Loop if !call.last => "tool_use",
        _ => "end_turn",
    }
}

/// Alternating messages from the oldest: `parts` are what stands before the role, between role and
/// text, and after the text. The last message is the user's.
fn messages(
    call: &Call,
    random: &mut Random,
    bytes: Option<usize>,
    parts: [&str; 3],
    out: &mut String,
) {
    let all = 2 * call.turn + 1;
    let count = if bytes.is_none() { all.min(FEW) } else { all };
    let each = bytes.map_or(22, |bytes| (bytes / count as usize).saturating_sub(60).max(8));
    for i in 0..count {
        if i > 0 {
            out.push(',');
        }
        out.push_str(parts[0]);
        out.push_str(if i % 2 == 0 { "user" } else { "assistant" });
        out.push_str(parts[1]);
        words::text(random, each, out);
        out.push_str(parts[2]);
    }
}

/// The tool exchange that a later call of a loop carries: what the model asked for and what came
/// back, with JSON inside the result's text.
fn tool_exchange(call: &Call, out: &mut String) {
    let id = call.seed & 0xffff;
    out.push_str(r#",{"role":"assistant","content":[{"toolUse":{"name":"search_orders","#);
    out.push_str(r#""input":{"query":"late","limit":5},"#);
    out.push_str(&format!(r#""toolUseId":"tooluse_{id}"}}}}]}},"#));
    out.push_str(r#"{"role":"user","content":[{"toolResult":{"status":"success","content":"#);
    out.push_str(&format!(
        r#"[{{"text":"{{\"orders\":[{{\"id\":{id},\"inputTokenCount\":7}}]}}"}}],"#
    ));
    out.push_str(&format!(r#""toolUseId":"tooluse_{id}"}}}}]}}"#));
}

fn anthropic_tool_exchange(call: &Call, out: &mut String) {
    let id = call.seed & 0xffff;
    out.push_str(r#",{"role":"assistant","content":[{"type":"tool_use","name":"read_file","#);
    out.push_str(&format!(r#""input":{{"path":"src/main.rs"}},"id":"toolu_{id}"}}]}},"#));
    out.push_str(r#"{"role":"user","content":[{"type":"tool_result","#);
    out.push_str(&format!(r#""tool_use_id":"toolu_{id}","#));
    out.push_str(&format!(r#""content":"fn main() {{\n    println!(\"{id}\");\n}}"}}]}}"#));
}

/// A JSON schema as the string that Converse wants.
const SCHEMA: &str = r#"{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\"}}}"#;

fn converse_request(call: &Call, random: &mut Random, bytes: Option<usize>, out: &mut String) {
    let Features { tools, schema, guardrail, cache, tier, optimized } = call.shared.features;
    out.push_str(r#"{"messages":["#);
    let parts = [r#"{"role":""#, r#"","content":[{"text":""#, r#""}]}"#];
    messages(call, random, bytes, parts, out);
    if tools == Tools::Loop && call.turn > 0 {
        tool_exchange(call, out);
    }
    out.push_str(r#"],"system":[{"text":""#);
    // The same instructions in all calls of a caller.
    let mut fixed = Random::of(0, &call.arn);
    words::text(&mut fixed, bytes.map_or(8, |bytes| bytes / 12), out);
    out.push_str(r#""}"#);
    if cache {
        out.push_str(r#",{"cachePoint":{"type":"default"}}"#);
    }
    out.push_str(r#"],"inferenceConfig":{"maxTokens":4096,"temperature":0.2}"#);
    if tools != Tools::None {
        out.push_str(r#","toolConfig":{"tools":[{"toolSpec":{"name":"search_orders","#);
        out.push_str(r#""inputSchema":{"json":{"type":"object"}}}}]"#);
        if tools == Tools::Forced {
            out.push_str(r#","toolChoice":{"tool":{"name":"search_orders"}}"#);
        }
        out.push('}');
    }
    if schema {
        out.push_str(r#","outputConfig":{"textFormat":{"type":"json_schema","structure":"#);
        out.push_str(&format!(r#"{{"jsonSchema":{{"schema":"{SCHEMA}"}}}}}}}}"#));
    }
    if guardrail {
        out.push_str(
            r#","guardrailConfig":{"guardrailIdentifier":"gr7q2x","guardrailVersion":"3"}"#,
        );
    }
    if let Some(tier) = tier {
        out.push_str(&format!(r#","serviceTier":{{"type":"{tier}"}}"#));
    }
    if optimized {
        out.push_str(r#","performanceConfig":{"latency":"optimized"}"#);
    }
    out.push('}');
}

fn converse_answer(call: &Call, random: &mut Random, bytes: Option<usize>, out: &mut String) {
    out.push_str(r#"{"output":{"message":{"role":"assistant","content":[{"text":""#);
    words::text(random, bytes.unwrap_or(10), out);
    out.push_str(r#""}"#);
    if stop_reason(call) == "tool_use" {
        let id = call.seed & 0xffff;
        out.push_str(&format!(
            r#",{{"toolUse":{{"toolUseId":"tooluse_{id}","name":"search_orders","input":{{}}}}}}"#
        ));
    }
    let tokens = counts(call);
    out.push_str(&format!(r#"]}}}},"stopReason":"{}","#, stop_reason(call)));
    out.push_str(&format!(r#""metrics":{{"latencyMs":{}}},"#, call.latency_ms));
    out.push_str(&format!(
        r#""usage":{{"inputTokens":{},"outputTokens":{},"totalTokens":{}"#,
        tokens.input.0,
        tokens.output.0,
        tokens.total().0,
    ));
    if call.shared.features.cache {
        out.push_str(&format!(
            r#","cacheReadInputTokens":{},"cacheWriteInputTokens":{}"#,
            tokens.cache_read.0, tokens.cache_write.0
        ));
    }
    out.push('}');
    if let Some(tier) = call.shared.features.tier {
        out.push_str(&format!(r#","serviceTier":{{"type":"{tier}"}}"#));
    }
    out.push('}');
}

fn anthropic_request(call: &Call, random: &mut Random, bytes: Option<usize>, out: &mut String) {
    let Features { tools, schema, cache, .. } = call.shared.features;
    out.push_str(r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":4096,"messages":["#);
    let parts = [r#"{"role":""#, r#"","content":[{"type":"text","text":""#, r#""}]}"#];
    messages(call, random, bytes, parts, out);
    if tools == Tools::Loop && call.turn > 0 {
        anthropic_tool_exchange(call, out);
    }
    out.push_str(r#"],"system":[{"type":"text","text":""#);
    let mut fixed = Random::of(0, &call.arn);
    words::text(&mut fixed, bytes.map_or(8, |bytes| bytes / 12), out);
    out.push('"');
    if cache {
        // The 1-hour lifetime costs more and only the body tells it apart.
        let lifetime = if call.seed & 7 == 0 { r#","ttl":"1h""# } else { "" };
        out.push_str(&format!(r#","cache_control":{{"type":"ephemeral"{lifetime}}}"#));
    }
    out.push_str("}]");
    if tools != Tools::None {
        out.push_str(r#","tools":[{"name":"read_file","input_schema":{"type":"object"}}]"#);
        if tools == Tools::Forced {
            out.push_str(r#","tool_choice":{"type":"tool","name":"read_file"}"#);
        }
    }
    if schema {
        out.push_str(r#","output_config":{"format":{"type":"json_schema","schema":"#);
        out.push_str(r#"{"type":"object","properties":{"label":{"type":"string"}}}}}"#);
    }
    out.push('}');
}

fn anthropic_usage(call: &Call) -> String {
    let tokens = counts(call);
    let mut usage = format!(r#"{{"input_tokens":{}"#, tokens.input.0);
    if call.shared.features.cache {
        let (hour, minutes) = match call.seed & 7 {
            0 => (tokens.cache_write.0, 0),
            _ => (0, tokens.cache_write.0),
        };
        usage.push_str(&format!(
            r#","cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":"#,
            tokens.cache_write.0, tokens.cache_read.0,
        ));
        usage.push_str(&format!(
            r#"{{"ephemeral_5m_input_tokens":{minutes},"ephemeral_1h_input_tokens":{hour}}}"#,
        ));
    }
    usage.push_str(&format!(r#","output_tokens":{}}}"#, tokens.output.0));
    usage
}

fn openai_usage(call: &Call) -> String {
    let (input, output) = (counts(call).input.0, counts(call).output.0);
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}"#,
        input + output
    )
}

/// What the last chunk of a response stream tells about time.
fn invocation_metrics(call: &Call) -> String {
    let tokens = counts(call);
    let first_byte = call.latency_ms.min(300 + (call.seed % 500) as i64);
    let mut metrics = r#""amazon-bedrock-invocationMetrics":{"#.to_owned();
    metrics.push_str(&format!(r#""inputTokenCount":{},"#, tokens.input.0));
    metrics.push_str(&format!(r#""outputTokenCount":{},"#, tokens.output.0));
    metrics.push_str(&format!(r#""invocationLatency":{},"#, call.latency_ms));
    metrics.push_str(&format!(r#""firstByteLatency":{first_byte}}}"#));
    metrics
}

/// A chunk holds a few words and takes about 110 bytes.
fn anthropic_chunks(call: &Call, random: &mut Random, bytes: Option<usize>, out: &mut String) {
    let usage = anthropic_usage(call);
    out.push_str(r#"[{"type":"message_start","message":"#);
    out.push_str(r#"{"role":"assistant","content":[],"usage":"#);
    out.push_str(&usage);
    out.push_str(r#"}},{"type":"content_block_start","index":0,"#);
    out.push_str(r#""content_block":{"type":"text","text":""}}"#);
    for _ in 0..bytes.map_or(1, |bytes| (bytes / 110).max(1)) {
        out.push_str(r#",{"type":"content_block_delta","index":0,"#);
        out.push_str(r#""delta":{"type":"text_delta","text":""#);
        words::text(random, bytes.map_or(6, |_| 14), out);
        out.push_str(r#""}}"#);
    }
    out.push_str(r#",{"type":"content_block_stop","index":0},{"type":"message_delta","delta":"#);
    out.push_str(&format!(r#"{{"stop_reason":"{}"}},"#, stop_reason(call)));
    out.push_str(&format!(r#""usage":{{"output_tokens":{}}}}}"#, counts(call).output.0));
    out.push_str(r#",{"type":"message_stop""#);
    // A guardrail that steps in ends the stream without metrics.
    if !call.shared.features.guardrail {
        out.push_str(&format!(",{}", invocation_metrics(call)));
    }
    out.push_str("}]");
}

fn openai_chunks(call: &Call, random: &mut Random, bytes: Option<usize>, out: &mut String) {
    out.push('[');
    for _ in 0..bytes.map_or(1, |bytes| (bytes / 125).max(1)) {
        out.push_str(r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","#);
        out.push_str(r#""choices":[{"index":0,"delta":{"content":""#);
        words::text(random, bytes.map_or(6, |_| 14), out);
        out.push_str(r#""}}]},"#);
    }
    out.push_str(&format!(r#"{{"choices":[],"usage":{}"#, openai_usage(call)));
    if !call.shared.features.guardrail {
        out.push_str(&format!(",{}", invocation_metrics(call)));
    }
    out.push_str(r#"},"[DONE]"]"#);
}
