-- Sizes: one row is one workload, one day, input or output, and one size bin, merged from all objects.
-- Reads: partial_sizes (the same for one object; its place tells the workload by its number in the order of
-- the tables, and its key takes that place afterwards).
-- Units: tokens; bins are sixteenths of the natural logarithm. Order: day, then the table's own order.
WITH merged AS (
SELECT date, place, is_output, bin, sum(requests) AS requests
FROM partial_sizes
GROUP BY date, place, is_output, bin
)
SELECT
  date, place,
  CASE WHEN is_output THEN 'output' ELSE 'input' END AS kind,
  bin, exp(bin / 16.0) AS lower_tokens, exp((bin + 1) / 16.0) AS upper_tokens,
  requests
FROM merged
ORDER BY date, place, is_output, bin
