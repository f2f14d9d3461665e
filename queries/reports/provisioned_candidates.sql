-- Provisioned-throughput candidates: steady, busy traffic that somebody waits for.
-- One row is one interactive or unclear workload that is active in at least half of the hours of its active
-- days in the audited window.
-- Reads: usage, workloads. Units: hours; tokens a minute; US dollars per 30 days. What a model unit carries
-- and costs is yours to compare: [[savings.provisioned]] in halfrate.toml, after which mode says
-- provisioned where it pays. Order: cost, largest first; unknown last.
WITH by_day AS (
  SELECT
    u.date, u.workload,
    count(DISTINCT extract(hour FROM u.minute AT TIME ZONE 'UTC')) AS hours,
    count(*) AS minutes,
    max(u.input_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS peak_tokens,
    sum(u.input_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens
  FROM usage AS u
  JOIN workloads AS w ON w.workload = u.workload
  WHERE u.date BETWEEN w.window_from AND w.window_to AND w.verdict IN ('interactive', 'unclear')
  GROUP BY u.date, u.workload
),
busy AS (
  SELECT
    workload,
    sum(hours) AS active_hours,
    count(*) AS active_days,
    sum(minutes) AS active_minutes,
    max(peak_tokens) AS peak_tokens,
    sum(tokens) AS tokens
  FROM by_day
  GROUP BY workload
)
SELECT
  w.caller, w.tags, w.model, w.scope, w.account, w.region, w.verdict, w.mode,
  CAST(b.active_hours AS bigint) AS active_hours,
  CAST(b.active_days AS bigint) AS active_days,
  round(CAST(b.active_hours AS double) / (w.window_days * 24), 4) AS active_share_of_window,
  CAST(b.peak_tokens AS bigint) AS peak_tokens_per_minute,
  round(CAST(b.tokens AS double) / b.active_minutes, 1) AS mean_tokens_per_active_minute,
  w.cost_month_usd, w.workload
FROM busy AS b
JOIN workloads AS w ON w.workload = b.workload
WHERE b.active_hours * 2 >= b.active_days * 24
ORDER BY w.cost_month_usd DESC NULLS LAST, w.workload
