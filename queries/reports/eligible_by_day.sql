-- Eligible volume by day: what nobody waits for, what somebody waits for, and what is not known.
-- One row is one UTC day of the audited window that has tokens.
-- Reads: volume. Units: tokens, US dollars in that day. Order: day.
SELECT
  date,
  CAST(sum(tokens) AS bigint) AS tokens,
  CAST(sum(eligible_tokens) AS bigint) AS eligible_tokens,
  CAST(sum(addressable_tokens) AS bigint) AS addressable_tokens,
  CAST(sum(pilot_tokens) AS bigint) AS pilot_tokens,
  CAST(sum(blocked_tokens) AS bigint) AS blocked_tokens,
  CAST(sum(interactive_tokens) AS bigint) AS interactive_tokens,
  CAST(sum(unclear_tokens) AS bigint) AS unclear_tokens,
  round(CAST(sum(eligible_tokens) AS double) / nullif(sum(tokens), 0), 4) AS eligible_share,
  CAST(sum(cost_usd) AS decimal(20,6)) AS cost_usd,
  CAST(sum(moved_cost_usd) AS decimal(20,6)) AS moved_cost_usd
FROM volume
GROUP BY date
ORDER BY date
