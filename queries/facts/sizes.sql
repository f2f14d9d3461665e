-- Sizes: one row is one workload, one day, input or output, and one size bin, merged from all objects.
-- Reads: partial_sizes (the same for one object).
-- Units: tokens. Order: day, then the table's own order.
SELECT
  workload, account, region, caller, caller_kind, model, scope, operation, tags,
  kind, bin, lower_tokens, upper_tokens,
  sum(requests) AS requests,
  date
FROM partial_sizes
GROUP BY
  workload, account, region, caller, caller_kind, model, scope, operation, tags,
  kind, bin, lower_tokens, upper_tokens, date
ORDER BY date, account, region, caller, model, scope, operation, tags, kind, bin
