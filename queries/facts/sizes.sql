-- Sizes: one row is one workload, one day, input or output, and one size bin, merged from all objects.
-- Reads: partial_sizes (the same for one object), partial_workloads (one row is one workload: its number,
-- its place in the table's order, its key).
-- Units: tokens; bins are sixteenths of the natural logarithm. Order: day, then the table's own order.
WITH merged AS (
SELECT date, number, is_output, bin, sum(requests) AS requests
FROM partial_sizes
GROUP BY date, number, is_output, bin
)
SELECT
  workload, account, region, caller, caller_kind, model, scope, operation, tags,
  CASE WHEN is_output THEN 'output' ELSE 'input' END AS kind,
  bin, exp(bin / 16.0) AS lower_tokens, exp((bin + 1) / 16.0) AS upper_tokens,
  requests,
  date
FROM merged
JOIN partial_workloads USING (number)
ORDER BY date, place, is_output, bin
