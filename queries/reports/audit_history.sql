-- Audit history: every audit into this place, and what moved since the one before.
-- One row is one audit run.
-- Reads: audits. Units: tokens in the window, US dollars per 30 days; shares 0 to 1; change columns are
-- against the run before, and new_prices and new_config tell whether its price lists or settings differ.
-- Order: time of the run.
WITH history AS (
  SELECT
    run_at, version, window_from, window_to, window_days, complete, workloads, requests,
    total_tokens, eligible_tokens, unpriced_tokens,
    cost_month_usd, savings_low_month_usd, savings_expected_month_usd, savings_high_month_usd,
    lag(cost_month_usd) OVER (ORDER BY run_at) AS cost_before,
    lag(savings_expected_month_usd) OVER (ORDER BY run_at) AS savings_before,
    lag(price_book || prices) OVER (ORDER BY run_at) AS prices_before,
    lag(config || parameters) OVER (ORDER BY run_at) AS config_before,
    price_book || prices AS prices_now,
    config || parameters AS config_now
  FROM audits
)
SELECT
  run_at, version, window_from, window_to, window_days, complete, workloads, requests,
  total_tokens, eligible_tokens,
  round(CAST(eligible_tokens AS double) / nullif(total_tokens, 0), 4) AS eligible_share,
  unpriced_tokens,
  cost_month_usd, savings_low_month_usd, savings_expected_month_usd, savings_high_month_usd,
  CAST(cost_month_usd - cost_before AS decimal(20,6)) AS cost_change_usd,
  CAST(savings_expected_month_usd - savings_before AS decimal(20,6)) AS savings_change_usd,
  prices_now <> prices_before AS new_prices,
  config_now <> config_before AS new_config
FROM history
ORDER BY run_at
