-- What stands between eligible tokens and batch: volume by blocker.
-- One row is one blocker that holds eligible tokens, and its effect (blocked or needs_pilot).
-- Reads: evidence. Units: tokens and US dollars in the window; no token is held twice. Order: tokens,
-- most first.
SELECT
  rule AS blocker, effect,
  count(DISTINCT workload) AS workloads,
  CAST(sum(tokens) AS bigint) AS tokens,
  CAST(sum(cost_usd) AS decimal(20,6)) AS cost_usd,
  CAST(sum(CASE WHEN cost_usd IS NULL THEN tokens ELSE 0 END) AS bigint) AS unpriced_tokens
FROM evidence
WHERE kind = 'blocker' AND tokens > 0
GROUP BY rule, effect
ORDER BY tokens DESC, blocker, effect
