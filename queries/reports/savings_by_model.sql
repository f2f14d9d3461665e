-- Savings by model: which models carry the spend, and how much of each could wait.
-- One row is one base model in one scope (in-region, a geo profile, global) in the audited window.
-- Reads: workloads. Units: tokens in the window, US dollars per 30 days of the workloads with a known
-- rate; unpriced_tokens are those without. Order: cost, largest first; unknown last.
SELECT
  model, scope,
  count(*) AS workloads,
  CAST(sum(requests) AS bigint) AS requests,
  CAST(sum(total_tokens) AS bigint) AS total_tokens,
  CAST(sum(eligible_tokens) AS bigint) AS eligible_tokens,
  CAST(sum(addressable_tokens) AS bigint) AS addressable_tokens,
  round(CAST(sum(eligible_tokens) AS double) / nullif(sum(total_tokens), 0), 4) AS eligible_share,
  CAST(sum(CASE WHEN cost_usd IS NULL THEN total_tokens ELSE 0 END) AS bigint) AS unpriced_tokens,
  CAST(sum(cost_month_usd) AS decimal(20,6)) AS cost_month_usd,
  CAST(sum(savings_low_month_usd) AS decimal(20,6)) AS savings_low_month_usd,
  CAST(sum(savings_expected_month_usd) AS decimal(20,6)) AS savings_expected_month_usd,
  CAST(sum(savings_high_month_usd) AS decimal(20,6)) AS savings_high_month_usd
FROM workloads
GROUP BY model, scope
ORDER BY cost_month_usd DESC NULLS LAST, model, scope
