//! Body signals in the words of Converse, Anthropic Messages, OpenAI chat completions and Nova.

use super::super::body::{Body, Tier};
use super::{record_with, row};

/// What a call's bodies show; a body that is not JSON text here is absent.
fn shown(request: &str, answer: &str) -> Body {
    let mut sides = Vec::new();
    if !request.is_empty() {
        sides.push(format!(r#","input":{{"inputBodyJson":{request}}}"#));
    }
    if !answer.is_empty() {
        sides.push(format!(r#","output":{{"outputBodyJson":{answer}}}"#));
    }
    let body = row(&record_with(&sides.concat())).body;
    sides.reverse();
    assert_eq!(row(&record_with(&sides.concat())).body, body, "output first: {request} {answer}");
    body
}

/// Checks requests: each shows what `change` sets and nothing else.
fn requests(change: impl Fn(&mut Body), cases: &[&str]) {
    let mut expected = Body { has_input: true, ..Body::default() };
    change(&mut expected);
    for case in cases {
        assert_eq!(shown(case, ""), expected, "{case}");
    }
}

/// Checks answers: each shows what `change` sets and nothing else, alone and as the last chunk of
/// three.
fn answers(change: impl Fn(&mut Body), cases: &[&str]) {
    let mut expected = Body { has_output: true, ..Body::default() };
    change(&mut expected);
    for case in cases {
        assert_eq!(shown("", case), expected, "{case}");
        let chunks = format!(r#"[{{"type":"ping"}},"[DONE]",{case}]"#);
        assert_eq!(shown("", &chunks), expected, "{chunks}");
    }
}

#[test]
fn what_cannot_be_looked_into_is_unknown() {
    for text in ["", "null", "true", "12", r#""{\"tools\":[{}],\"stop_reason\":\"tool_use\"}""#] {
        assert_eq!(shown(text, text), Body::default(), "{text}");
    }
    assert_eq!(shown("[{\"tools\":[{}]}]", ""), Body::default());
    requests(|_| (), &["{}", r#"{"prompt":"x"}"#, r#"{"inputText":"x","dimensions":1024}"#]);
    answers(|_| (), &["{}", r#"{"embedding":[0.1,-2e-3],"inputTextTokenCount":7}"#]);
    assert!(shown("", "[]").has_output);
    assert!(shown("", r#"["[DONE]",[{"stop_reason":"tool_use"}],null]"#).has_output);
    assert!(!shown("", r#"["[DONE]",[{"stop_reason":"tool_use"}],null]"#).tool_stop);
}

/// Names count where an API puts them, not wherever they turn up.
#[test]
fn decoys() {
    requests(
        |_| (),
        &[
            r#"{"system":[{"text":"{\"toolConfig\":{\"tools\":[1]}}"}]}"#,
            r#"{"inputBodyJson":{"tools":[{}]},"input":{"messages":[{"role":"tool"}]}}"#,
            r#"{"messages":[{"role":"user","content":[{"text":"tool_result"},
                {"json":{"type":"tool_result"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":"tool_result"}]}"#,
            r#"{"metadata":{"service_tier":"priority"},
                "additional":{"performanceConfig":{"latency":"optimized"}}}"#,
            r#"{"tools":{"a":{}},"toolConfig":[{"tools":[{}]}],"messages":{"role":"tool"}}"#,
        ],
    );
    answers(
        |_| (),
        &[
            r#"{"output":{"message":{"content":[{"toolUse":{"input":{"stopReason":"tool_use",
                "metrics":{"latencyMs":1}}}}]}}}"#,
            r#"{"content":[{"type":"tool_use","input":{"stop_reason":"tool_use"}}],
                "metrics":[{"latencyMs":1}]}"#,
            r#"{"choices":{"finish_reason":"tool_calls"},"message":"tool_use",
                "delta":["tool_use"]}"#,
            r#"{"trace":{"guardrail":null},"usage":{"serviceTier":"flex"}}"#,
        ],
    );
}

#[test]
fn tools() {
    requests(
        |body| body.tools = true,
        &[
            r#"{"toolConfig":{"tools":[{"toolSpec":{"name":"a"}}]}}"#,
            r#"{"toolConfig":{"tools":[{"toolSpec":{}},{"toolSpec":{}}],"toolChoice":{"any":{}}}}"#,
            r#"{"toolConfig":{"tools":[{"toolSpec":{}}],"toolChoice":{"auto":{}}}}"#,
            r#"{"tools":[{"name":"a","input_schema":{}}],"tool_choice":{"type":"auto"}}"#,
            r#"{"tools":[{"name":"a"},{"name":"b"}],"tool_choice":{"type":"tool","name":"a"}}"#,
            r#"{"tools":[{"type":"function","function":{}}],"tool_choice":"auto"}"#,
            r#"{"tools":[{}],"tool_choice":"none"}"#,
        ],
    );
    requests(
        |_| (),
        &[
            r#"{"tools":[]}"#,
            r#"{"tools":null,"tool_choice":"required"}"#,
            r#"{"toolConfig":{"tools":[],"toolChoice":{"any":{}}}}"#,
            r#"{"toolConfig":{"tools":[{"cachePoint":{"type":"default"}}]}}"#,
        ],
    );
}

#[test]
fn one_forced_tool() {
    let forced = |body: &mut Body| (body.tools, body.forced_tool) = (true, true);
    requests(
        forced,
        &[
            r#"{"toolConfig":{"tools":[{"toolSpec":{}}],"toolChoice":{"tool":{"name":"a"}}}}"#,
            r#"{"toolConfig":{"toolChoice":{"any":{}},"tools":[{"toolSpec":{}}]}}"#,
            r#"{"toolConfig":{"tools":[{"toolSpec":{}},{"cachePoint":{}}],
                "toolChoice":{"any":{}}}}"#,
            r#"{"tools":[{"name":"a"}],"tool_choice":{"type":"tool","name":"a"}}"#,
            r#"{"tool_choice":{"type":"any","disable_parallel_tool_use":true},"tools":[{}]}"#,
            r#"{"tools":[{}],"tool_choice":"required"}"#,
            r#"{"tools":[{}],"tool_choice":{"type":"function","function":{"name":"a"}}}"#,
        ],
    );
    // It stops for tool use, and nobody answers.
    let request = r#"{"tools":[{}],"tool_choice":{"type":"any"}}"#;
    let body = shown(request, r#"{"stop_reason":"tool_use"}"#);
    assert!(body.tool_stop && body.forced_tool && !body.agent_turn());
    assert!(shown(r#"{"tools":[{}]}"#, r#"{"stop_reason":"tool_use"}"#).agent_turn());
    assert!(shown("", r#"{"stop_reason":"tool_use"}"#).agent_turn());
}

#[test]
fn tool_results() {
    let looped = |body: &mut Body| (body.tool_result, body.multi_turn) = (true, true);
    requests(
        looped,
        &[
            r#"{"messages":[{"role":"user","content":[{"text":"x"}]},{"role":"assistant",
                "content":[{"toolUse":{}}]},{"role":"user",
                "content":[{"toolResult":{"toolUseId":"t"}}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use"}]},
                {"content":[{"tool_use_id":"t","type":"tool_result"}],"role":"user"}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{}]},{"role":"tool",
                "tool_call_id":"t","content":"42"}]}"#,
        ],
    );
    requests(
        |body| body.tool_result = true,
        &[r#"{"messages":[{"role":"user","content":[{"text":"a"},{"toolResult":{}}]}]}"#],
    );
    assert!(shown(r#"{"messages":[{"role":"tool"}]}"#, "").agent_turn());
}

#[test]
fn conversations() {
    requests(
        |body| body.multi_turn = true,
        &[
            r#"{"messages":[{"role":"user"},{"role":"assistant"},{"role":"user"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"Hello"},{"role":"user",
                "content":"x"}]}"#,
        ],
    );
    requests(
        |_| (),
        &[
            r#"{"messages":[{"role":"user"}]}"#,
            r#"{"messages":[{"role":"system"},{"role":"user"}]}"#,
            // The beginning of an answer, put into the model's mouth.
            r#"{"messages":[{"role":"user"},{"role":"assistant","content":"{"}]}"#,
            r#"{"messages":[]}"#,
            r#"{"messages":"x"}"#,
            r#"{"messages":[1,"assistant",null,[{"role":"assistant"}]]}"#,
        ],
    );
}

#[test]
fn output_by_a_json_schema() {
    requests(
        |body| body.json_schema = true,
        &[
            r#"{"outputConfig":{"textFormat":{"type":"json_schema",
                "structure":{"jsonSchema":{"schema":"{}"}}}}}"#,
            r#"{"outputConfig":{"textFormat":{"structure":{"jsonSchema":{"schema":"{}"}}}}}"#,
            r#"{"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}"#,
            r#"{"output_format":{"type":"json_schema","schema":{}}}"#,
            r#"{"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}"#,
            r#"{"response_format":"json_schema"}"#,
        ],
    );
    requests(
        |_| (),
        &[
            r#"{"response_format":{"type":"json_object"}}"#,
            r#"{"output_config":{"effort":"low"}}"#,
            r#"{"text":{"type":"json_schema"}}"#,
            r#"{"response_format":[{"type":"json_schema"}]}"#,
        ],
    );
}

#[test]
fn guardrails() {
    let guarded = |body: &mut Body| body.guardrail = true;
    requests(
        guarded,
        &[
            r#"{"guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"}}"#,
            r#"{"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}}"#,
        ],
    );
    requests(|_| (), &[r#"{"guardrailConfig":null}"#]);
    answers(
        guarded,
        &[
            r#"{"stopReason":"guardrail_intervened"}"#,
            r#"{"trace":{"guardrail":{"inputAssessment":{}}}}"#,
            r#"{"metadata":{"trace":{"guardrail":{}}}}"#,
            r#"{"amazon-bedrock-guardrailAction":"INTERVENED"}"#,
            // It was asked for and let the answer pass.
            r#"{"amazon-bedrock-guardrailAction":"NONE"}"#,
        ],
    );
}

#[test]
fn stop_reasons() {
    answers(
        |body| body.tool_stop = true,
        &[
            r#"{"stopReason":"tool_use","output":{}}"#,
            r#"{"messageStop":{"stopReason":"tool_use"}}"#,
            r#"{"type":"message","role":"assistant","stop_reason":"tool_use"}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null}}"#,
            r#"{"choices":[{"index":0,"finish_reason":"tool_calls",
                "message":{"tool_calls":[{}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":null},{"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[{"stop_reason":"tool_calls"}]}"#,
        ],
    );
    answers(
        |_| (),
        &[
            r#"{"stopReason":"end_turn"}"#,
            r#"{"stop_reason":null,"delta":{"stop_reason":"max_tokens"}}"#,
            r#"{"choices":[{"finish_reason":"stop"}]}"#,
            r#"{"stopReason":["tool_use"],"delta":"tool_use"}"#,
        ],
    );
}

#[test]
fn service_tiers() {
    for (name, tier) in [
        ("default", Tier::Standard),
        ("standard", Tier::Standard),
        ("priority", Tier::Priority),
        ("flex", Tier::Flex),
        ("reserved", Tier::Reserved),
        ("auto", Tier::Unknown),
        ("", Tier::Unknown),
    ] {
        let texts = [
            format!(r#"{{"serviceTier":{{"type":"{name}"}}}}"#),
            format!(r#"{{"service_tier":"{name}"}}"#),
            format!(r#"{{"service_tier":{{"x":1,"type":"{name}"}}}}"#),
        ];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        requests(|body| body.tier = tier, &texts);
        answers(|body| body.tier = tier, &texts);
    }
    requests(
        |_| (),
        &[r#"{"serviceTier":null,"service_tier":7}"#, r#"{"serviceTier":{"type":1}}"#],
    );
    // What the call got outweighs what it asked for, whichever stands first in the record.
    let asked = |name: &str| format!(r#"{{"service_tier":"{name}"}}"#);
    assert_eq!(shown(&asked("priority"), &asked("default")).tier, Tier::Standard);
    assert_eq!(shown(&asked("auto"), &asked("flex")).tier, Tier::Flex);
    assert_eq!(shown(&asked("flex"), &asked("auto")).tier, Tier::Flex);
}

#[test]
fn optimized_latency() {
    let text = r#"{"performanceConfig":{"latency":"optimized"}}"#;
    requests(|body| body.optimized_latency = true, &[text]);
    let last = r#"{"metadata":{"performanceConfig":{"latency":"optimized"}}}"#;
    answers(|body| body.optimized_latency = true, &[text, last]);
    requests(
        |_| (),
        &[
            r#"{"performanceConfig":{"latency":"standard"}}"#,
            r#"{"performanceConfig":"optimized"}"#,
        ],
    );
}

#[test]
fn latencies() {
    answers(
        |body| body.latency_ms = Some(812),
        &[
            r#"{"metrics":{"latencyMs":812}}"#,
            r#"{"metadata":{"metrics":{"latencyMs":812}}}"#,
            r#"{"amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"invocationLatency":812}}"#,
        ],
    );
    let metrics = |first: &str, last: &str| {
        let metrics = format!(r#"{{"firstByteLatency":{first},"invocationLatency":{last}}}"#);
        format!(r#"{{"amazon-bedrock-invocationMetrics":{metrics}}}"#)
    };
    answers(
        |body| (body.latency_ms, body.first_byte_ms) = (Some(812), Some(310)),
        &[&metrics("310", "812")],
    );
    for wrong in ["-1", "-0", "1.5", "1e3", "\"812\"", "null", "86400001", "99999999999999999999"] {
        answers(|_| (), &[&metrics(wrong, wrong)]);
        answers(|_| (), &[&format!(r#"{{"metrics":{{"latencyMs":{wrong}}}}}"#)]);
    }
    answers(|body| body.latency_ms = Some(86_400_000), &[r#"{"metrics":{"latencyMs":86400000}}"#]);
}

#[test]
fn cache_writes_by_lifetime() {
    answers(
        |body| body.cache_write_1h = Some(411),
        &[
            r#"{"usage":{"cache_creation":{"ephemeral_5m_input_tokens":9,
                "ephemeral_1h_input_tokens":411}}}"#,
            r#"{"type":"message_start",
                "message":{"usage":{"cache_creation":{"ephemeral_1h_input_tokens":411}}}}"#,
            r#"{"usage":{"cacheDetails":[{"ttl":"5m","inputTokens":9},{"ttl":"1h",
                "inputTokens":411}]}}"#,
            r#"{"usage":{"cacheDetails":[{"inputTokens":411,"ttl":"1h"},{"inputTokens":9,
                "ttl":"5m"}]}}"#,
            r#"{"metadata":{"usage":{"cacheDetails":[{"ttl":"1h","inputTokens":411}]}}}"#,
        ],
    );
    answers(
        |body| body.cache_write_1h = Some(0),
        &[r#"{"usage":{"cache_creation":{"ephemeral_1h_input_tokens":0}}}"#],
    );
    answers(
        |_| (),
        &[
            r#"{"usage":{"cacheWriteInputTokens":411,"cache_creation_input_tokens":411}}"#,
            r#"{"usage":{"cache_creation":{"ephemeral_1h_input_tokens":-411}}}"#,
            r#"{"usage":{"cache_creation":null,"cacheDetails":{"ttl":"1h","inputTokens":411}}}"#,
            r#"{"usage":{"cacheDetails":[{"ttl":"1h"},{"inputTokens":411},{"ttl":1,
                "inputTokens":4}]}}"#,
        ],
    );
}

/// A stream's chunks together, as InvokeModelWithResponseStream logs them.
#[test]
fn whole_streams() {
    let anthropic = r#"[
        {"type":"message_start","message":{"model":"m","role":"assistant","stop_reason":null,
            "usage":{"input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":7}}}},
        {"type":"content_block_delta","delta":{"type":"text_delta","text":"stop_reason"}},
        {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}},
        {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,
            "outputTokenCount":9,"invocationLatency":1500,"firstByteLatency":400}}]"#;
    let expected = Body {
        has_output: true,
        tool_stop: true,
        latency_ms: Some(1500),
        first_byte_ms: Some(400),
        cache_write_1h: Some(7),
        ..Body::default()
    };
    assert_eq!(shown("", anthropic), expected);
    let openai = r#"[{"choices":[{"delta":{"content":"a"},"finish_reason":null}]},
        {"choices":[{"delta":{},"finish_reason":"stop"}],"service_tier":"default",
            "amazon-bedrock-invocationMetrics":{"invocationLatency":20,"firstByteLatency":10}},
                "[DONE]"]"#;
    let expected = Body {
        has_output: true,
        tier: Tier::Standard,
        latency_ms: Some(20),
        first_byte_ms: Some(10),
        ..Body::default()
    };
    assert_eq!(shown("", openai), expected);
    let nova = r#"[{"messageStart":{"role":"assistant"}},
        {"contentBlockDelta":{"delta":{"text":"x"},"contentBlockIndex":0}},
        {"messageStop":{"stopReason":"tool_use"}},
        {"metadata":{"usage":{"inputTokens":1},"metrics":{"latencyMs":77}}}]"#;
    let expected =
        Body { has_output: true, tool_stop: true, latency_ms: Some(77), ..Body::default() };
    assert_eq!(shown("", nova), expected);
}
