-- Savings by workload: what each caller spends, what of it can move, and what that saves.
-- One row is one workload in the audited window.
-- Reads: workloads. Units: tokens in the window, US dollars per 30 days; null is unknown.
-- Order: expected savings, then cost, largest first; unknown last.
SELECT
  caller, tags, model, scope, account, region, verdict, decisive, mode,
  total_tokens, eligible_tokens, addressable_tokens, pilot_tokens, blocked_tokens,
  cost_month_usd, eligible_cost_month_usd,
  savings_low_month_usd, savings_expected_month_usd, savings_high_month_usd,
  reason, workload
FROM workloads
ORDER BY savings_expected_month_usd DESC NULLS LAST, cost_month_usd DESC NULLS LAST, workload
