-- Price-book lines used: every rate that an amount of the audit rests on, with its source and date.
-- One row is one price-book line at one rate: a model, a way of buying, a token kind.
-- Reads: rates, workloads. Units: US dollars per million tokens after discounts; tokens and US dollars in
-- the window if all of it were bought that way. Order: model, way of buying, token kind, rate.
SELECT
  w.priced_as, r.mode, r.token_kind, r.usd_per_million,
  count(DISTINCT r.workload) AS workloads,
  CAST(sum(r.tokens) AS bigint) AS tokens,
  CAST(sum(r.cost_usd) AS decimal(20,6)) AS cost_usd,
  r.source
FROM rates AS r
JOIN workloads AS w ON w.workload = r.workload
GROUP BY w.priced_as, r.mode, r.token_kind, r.usd_per_million, r.source
ORDER BY w.priced_as NULLS LAST, r.mode, r.token_kind, r.usd_per_million, r.source
