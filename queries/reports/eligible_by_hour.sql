-- Eligible volume by hour of day: when the traffic runs that could wait.
-- One row is one UTC hour of the day, 0 to 23, over the audited window; hours without calls are left out.
-- Reads: usage, volume. Units: calls, tokens; active_days are days with calls in that hour. A minute's
-- tokens count as eligible by its workload's eligible share of that day: exact for a workload that is
-- tolerant as a whole, in proportion for a hybrid. Order: hour.
WITH by_day AS (
  SELECT
    date, workload,
    CAST(sum(eligible_tokens) AS double) / nullif(sum(tokens), 0) AS eligible_share
  FROM volume
  GROUP BY date, workload
),
by_hour AS (
  SELECT
    date, workload,
    extract(hour FROM minute AT TIME ZONE 'UTC') AS hour_of_day,
    sum(requests) AS requests,
    sum(input_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS tokens
  FROM usage
  GROUP BY date, workload, extract(hour FROM minute AT TIME ZONE 'UTC')
)
SELECT
  CAST(h.hour_of_day AS bigint) AS hour_of_day,
  count(DISTINCT h.date) AS active_days,
  CAST(sum(h.requests) AS bigint) AS requests,
  CAST(sum(h.tokens) AS bigint) AS tokens,
  CAST(round(sum(h.tokens * d.eligible_share), 0) AS bigint) AS eligible_tokens,
  round(sum(h.tokens * d.eligible_share) / nullif(sum(h.tokens), 0), 4) AS eligible_share
FROM by_hour AS h
JOIN by_day AS d ON d.date = h.date AND d.workload = h.workload
GROUP BY h.hour_of_day
ORDER BY hour_of_day
