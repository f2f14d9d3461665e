-- Month over month: how calls and tokens moved, with the figures of the last audit that ended in each month.
-- One row is one calendar month (UTC) with calls, of all days ever read.
-- Reads: usage, audits. Units: calls, tokens; tokens_per_day over days with calls, so that months that were
-- read in part compare; change is against the month before in the table, 0.1 is 10 % more; US dollars per
-- 30 days, null where no audit ended in the month. Order: month.
WITH by_day AS (
  SELECT
    date, workload,
    sum(requests) AS requests,
    sum(input_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS tokens
  FROM usage
  GROUP BY date, workload
),
months AS (
  SELECT
    CAST(date_trunc('month', date) AS date) AS month,
    count(DISTINCT date) AS days,
    count(DISTINCT workload) AS workloads,
    sum(requests) AS requests,
    sum(tokens) AS tokens
  FROM by_day
  GROUP BY CAST(date_trunc('month', date) AS date)
),
ranked AS (
  SELECT
    CAST(date_trunc('month', window_to) AS date) AS month,
    cost_month_usd, eligible_cost_month_usd,
    savings_low_month_usd, savings_expected_month_usd, savings_high_month_usd,
    row_number() OVER (PARTITION BY CAST(date_trunc('month', window_to) AS date)
      ORDER BY window_to DESC, run_at DESC) AS place
  FROM audits
),
compared AS (
  SELECT
    month, days, workloads, requests, tokens,
    CAST(tokens AS double) / days AS tokens_per_day,
    lag(CAST(tokens AS double) / days) OVER (ORDER BY month) AS before_per_day
  FROM months
)
SELECT
  c.month,
  CAST(c.days AS bigint) AS days,
  CAST(c.workloads AS bigint) AS workloads,
  CAST(c.requests AS bigint) AS requests,
  CAST(c.tokens AS bigint) AS tokens,
  round(c.tokens_per_day, 1) AS tokens_per_day,
  round(c.tokens_per_day / nullif(c.before_per_day, 0) - 1, 4) AS change,
  r.cost_month_usd, r.eligible_cost_month_usd,
  r.savings_low_month_usd, r.savings_expected_month_usd, r.savings_high_month_usd
FROM compared AS c
LEFT JOIN ranked AS r ON r.month = c.month AND r.place = 1
ORDER BY c.month
