-- Ways of buying by month: what should stay on demand, go to batch or flex, or be provisioned.
-- One row is one calendar month (UTC) of the audited window and one recommended mode.
-- Reads: volume. Units: tokens and US dollars in that month, which the window may cover in part (days
-- tells). moved_cost_usd is what the same tokens cost once what can move has moved, so saved_usd is what
-- addressable tokens save by batch, or eligible ones by flex. Order: month, mode.
SELECT
  CAST(date_trunc('month', date) AS date) AS month,
  mode,
  count(DISTINCT date) AS days,
  count(DISTINCT workload) AS workloads,
  CAST(sum(tokens) AS bigint) AS tokens,
  CAST(sum(eligible_tokens) AS bigint) AS eligible_tokens,
  CAST(sum(addressable_tokens) AS bigint) AS addressable_tokens,
  CAST(sum(cost_usd) AS decimal(20,6)) AS cost_usd,
  CAST(sum(moved_cost_usd) AS decimal(20,6)) AS moved_cost_usd,
  CAST(sum(cost_usd - moved_cost_usd) AS decimal(20,6)) AS saved_usd
FROM volume
GROUP BY CAST(date_trunc('month', date) AS date), mode
ORDER BY month, mode
