-- Tokens by hour: one row is one workload, one day and one hour (UTC) with calls, of the days from $1 to $2.
-- Reads: usage. Order: none.
SELECT
  workload, date,
  CAST(extract(hour FROM minute AT TIME ZONE 'UTC') AS bigint) AS hour,
  sum(input_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS tokens
FROM usage
WHERE date BETWEEN $1 AND $2
GROUP BY workload, date, extract(hour FROM minute AT TIME ZONE 'UTC')
