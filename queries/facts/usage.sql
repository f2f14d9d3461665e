-- Usage: one row is one workload in one active minute, merged from the partial facts of all objects.
-- Reads: partial_usage (one row is one workload in one minute in one object; its place tells the workload by
-- its number in the order of the tables, and its key takes that place afterwards).
-- Units: tokens; latency in milliseconds. Order: day, then the table's own order.
SELECT
  date, place, minute,
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
GROUP BY date, place, minute
ORDER BY date, place, minute
