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
    u.date,
    extract(hour FROM u.minute AT TIME ZONE 'UTC') AS hour_of_day,
    sum(u.requests) AS requests,
    sum(u.input_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens,
    sum((u.input_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens)
      * d.eligible_share) AS eligible_tokens
  FROM usage AS u
  JOIN by_day AS d ON d.date = u.date AND d.workload = u.workload
  GROUP BY u.date, extract(hour FROM u.minute AT TIME ZONE 'UTC')
)
SELECT
  CAST(hour_of_day AS bigint) AS hour_of_day,
  count(*) AS active_days,
  CAST(sum(requests) AS bigint) AS requests,
  CAST(sum(tokens) AS bigint) AS tokens,
  CAST(round(sum(eligible_tokens), 0) AS bigint) AS eligible_tokens,
  round(sum(eligible_tokens) / nullif(sum(tokens), 0), 4) AS eligible_share
FROM by_hour
GROUP BY hour_of_day
ORDER BY hour_of_day
