-- Usage: one row is one workload in one active minute, merged from the partial facts of all objects.
-- Reads: partial_usage (one row is one workload in one minute in one object), partial_workloads (one row is
-- one workload: its number, its place in the table's order, its key).
-- Units: tokens; latency in milliseconds. Order: day, then the table's own order.
WITH merged AS (
SELECT
  date, minute, number,
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(streaming_requests) AS streaming_requests,
  sum(input_tokens) AS input_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(cache_write_tokens) AS cache_write_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(long_input_tokens) AS long_input_tokens,
  sum(long_cache_read_tokens) AS long_cache_read_tokens,
  sum(long_cache_write_tokens) AS long_cache_write_tokens,
  sum(long_output_tokens) AS long_output_tokens,
  sum(ten_00) AS ten_00,
  sum(ten_10) AS ten_10,
  sum(ten_20) AS ten_20,
  sum(ten_30) AS ten_30,
  sum(ten_40) AS ten_40,
  sum(ten_50) AS ten_50,
  sum(latency_ms_sum) AS latency_ms_sum,
  sum(latency_count) AS latency_count,
  sum(input_bodies) AS input_bodies,
  sum(output_bodies) AS output_bodies,
  sum(tools) AS tools,
  sum(agent_turns) AS agent_turns,
  sum(forced_tool) AS forced_tool,
  sum(json_schema) AS json_schema,
  sum(guardrail) AS guardrail,
  sum(multi_turn) AS multi_turn,
  sum(priority_tier) AS priority_tier,
  sum(flex_tier) AS flex_tier,
  sum(optimized_latency) AS optimized_latency
FROM partial_usage
GROUP BY date, minute, number
)
SELECT
  minute, workload, account, region, caller, caller_kind, model, scope, operation, tags,
  requests, errors, streaming_requests, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, cache_write_1h_tokens, long_input_tokens, long_cache_read_tokens,
  long_cache_write_tokens, long_output_tokens, ten_00, ten_10, ten_20, ten_30, ten_40, ten_50,
  latency_ms_sum, latency_count, input_bodies, output_bodies, tools, agent_turns, forced_tool,
  json_schema, guardrail, multi_turn, priority_tier, flex_tier, optimized_latency,
  date
FROM merged
JOIN partial_workloads USING (number)
ORDER BY date, place, minute
