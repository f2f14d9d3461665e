-- Agreement of evidence: how often each rule fires, and how often it speaks against the verdict.
-- One row is one rule that fired as evidence.
-- Reads: evidence, workloads. Units: workloads; weights are log-odds, above zero for tolerant. A rule
-- agrees where its sign is the verdict's; on unclear workloads it can do neither. Order: workloads, most
-- first.
SELECT
  e.rule,
  count(*) AS workloads,
  CAST(sum(CASE WHEN e.decisive THEN 1 ELSE 0 END) AS bigint) AS decisive,
  CAST(sum(CASE WHEN (e.weight > 0 AND w.verdict IN ('tolerant', 'hybrid'))
    OR (e.weight < 0 AND w.verdict = 'interactive') THEN 1 ELSE 0 END) AS bigint) AS agrees,
  CAST(sum(CASE WHEN (e.weight < 0 AND w.verdict IN ('tolerant', 'hybrid'))
    OR (e.weight > 0 AND w.verdict = 'interactive') THEN 1 ELSE 0 END) AS bigint) AS disagrees,
  CAST(sum(CASE WHEN w.verdict = 'unclear' THEN 1 ELSE 0 END) AS bigint) AS on_unclear,
  round(min(e.weight), 3) AS least_weight,
  round(max(e.weight), 3) AS greatest_weight
FROM evidence AS e
JOIN workloads AS w ON w.workload = e.workload
WHERE e.kind = 'evidence'
GROUP BY e.rule
ORDER BY workloads DESC, e.rule
