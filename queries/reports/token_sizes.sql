-- Token size distribution: how large calls are, by quantile.
-- One row is one workload and input (all the model reads) or output, over all days in the table.
-- Reads: sizes. Units: calls; tokens a call, the largest of the size bin (6.4 % wide) that the quantile
-- falls into. Order: calls, most first.
WITH bins AS (
  SELECT
    workload, caller, model, kind, bin,
    min(upper_tokens) AS upper_tokens, sum(requests) AS requests
  FROM sizes
  GROUP BY workload, caller, model, kind, bin
),
running AS (
  SELECT
    workload, caller, model, kind, upper_tokens,
    sum(requests) OVER (PARTITION BY workload, kind ORDER BY bin
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS up_to_here,
    sum(requests) OVER (PARTITION BY workload, kind) AS calls
  FROM bins
)
SELECT
  caller, model, kind,
  CAST(max(calls) AS bigint) AS calls,
  CAST(ceil(min(CASE WHEN up_to_here * 10 >= calls THEN upper_tokens END)) AS bigint) - 1 AS p10_tokens,
  CAST(ceil(min(CASE WHEN up_to_here * 2 >= calls THEN upper_tokens END)) AS bigint) - 1 AS p50_tokens,
  CAST(ceil(min(CASE WHEN up_to_here * 10 >= calls * 9 THEN upper_tokens END)) AS bigint) - 1 AS p90_tokens,
  CAST(ceil(min(CASE WHEN up_to_here * 100 >= calls * 99 THEN upper_tokens END)) AS bigint) - 1 AS p99_tokens,
  CAST(ceil(max(upper_tokens)) AS bigint) - 1 AS largest_tokens,
  workload
FROM running
GROUP BY workload, caller, model, kind
ORDER BY calls DESC, workload, kind
