-- The biggest unclear workloads and what would settle them.
-- One row is one workload that is unclear, or a hybrid whose rest is.
-- Reads: workloads. Units: tokens in the window, US dollars per 30 days; at_stake_month_usd is what it
-- would save if all of it could wait. Order: tokens, most first, priced or not.
SELECT
  caller, tags, model, account, region, verdict, probability, requests,
  total_tokens, cost_month_usd, savings_high_month_usd AS at_stake_month_usd, settle, workload
FROM workloads
WHERE settle IS NOT NULL
ORDER BY total_tokens DESC, workload
