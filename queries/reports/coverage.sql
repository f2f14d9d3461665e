-- Coverage: what was delivered and read each day, and what could not be.
-- One row is one UTC day with log objects or calls. Objects lie at the day they were delivered, calls at
-- the day they were made, so a record of midnight may stand in both.
-- Reads: objects, usage. Units: objects, bytes as stored, records (counted + rejected + duplicates), calls.
-- Gone objects were read, counted and deleted since. A day without objects between others is a gap in
-- the logs. Order: day.
WITH delivered AS (
  SELECT
    date,
    count(*) AS objects,
    sum(CASE WHEN error IS NULL THEN 0 ELSE 1 END) AS unreadable_objects,
    sum(bytes) AS bytes,
    sum(records) AS records,
    sum(rejects) AS rejected,
    sum(duplicates) AS duplicates,
    sum(CASE WHEN gone THEN 1 ELSE 0 END) AS gone_objects
  FROM objects
  GROUP BY date
),
by_place AS (
  SELECT
    date, account, region,
    sum(requests) AS requests,
    sum(errors) AS errors,
    count(DISTINCT workload) AS workloads
  FROM usage
  GROUP BY date, account, region
),
called AS (
  SELECT
    date,
    sum(requests) AS requests,
    sum(errors) AS errors,
    sum(workloads) AS workloads,
    count(DISTINCT account) AS accounts,
    count(DISTINCT region) AS regions
  FROM by_place
  GROUP BY date
)
SELECT
  coalesce(d.date, c.date) AS date,
  CAST(coalesce(d.objects, 0) AS bigint) AS objects,
  CAST(coalesce(d.unreadable_objects, 0) AS bigint) AS unreadable_objects,
  CAST(coalesce(d.bytes, 0) AS bigint) AS bytes,
  CAST(coalesce(d.records, 0) AS bigint) AS records,
  CAST(coalesce(d.rejected, 0) AS bigint) AS rejected,
  CAST(coalesce(d.duplicates, 0) AS bigint) AS duplicates,
  CAST(coalesce(d.gone_objects, 0) AS bigint) AS gone_objects,
  CAST(coalesce(c.requests, 0) AS bigint) AS requests,
  CAST(coalesce(c.errors, 0) AS bigint) AS errors,
  CAST(coalesce(c.workloads, 0) AS bigint) AS workloads,
  CAST(coalesce(c.accounts, 0) AS bigint) AS accounts,
  CAST(coalesce(c.regions, 0) AS bigint) AS regions
FROM delivered AS d
FULL OUTER JOIN called AS c ON c.date = d.date
ORDER BY 1
