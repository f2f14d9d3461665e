-- Rejects by reason: what could not be read, why, and where to look.
-- One row is one source and one reason.
-- Reads: rejects. Units: rejects (records, or whole objects where they could not be opened), objects.
-- Order: rejects, most first.
SELECT
  source, reason,
  count(*) AS rejects,
  CAST(sum(CASE WHEN position IS NULL THEN 1 ELSE 0 END) AS bigint) AS whole_objects,
  count(DISTINCT key) AS objects,
  min(date) AS first_date,
  max(date) AS last_date,
  min(key) AS example_key
FROM rejects
GROUP BY source, reason
ORDER BY rejects DESC, source, reason
