-- Savings by account and region: whose bill it is.
-- One row is one account and region in the audited window.
-- Reads: workloads. Units: tokens in the window, US dollars per 30 days of the workloads with a known
-- rate; unpriced_tokens are those without. Order: cost, largest first; unknown last.
SELECT
  account, region,
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
GROUP BY account, region
ORDER BY cost_month_usd DESC NULLS LAST, account, region
