-- Batch candidates: how the runs of each workload would become batch jobs.
-- One row is one workload with runs that nobody waits for.
-- Reads: runs, workloads. Units: runs, calls, minutes, tokens in the window; jobs by the quotas in force,
-- null where it cannot be a job; US dollars per 30 days. Order: expected savings, largest first.
WITH batches AS (
  SELECT
    workload,
    count(*) AS runs,
    sum(requests) AS requests,
    sum(total_tokens) AS tokens,
    min(requests) AS least_requests,
    max(requests) AS most_requests,
    max(minutes) AS longest_minutes,
    sum(jobs) AS jobs
  FROM runs
  GROUP BY workload
)
SELECT
  w.caller, w.tags, w.model, w.account, w.region, w.mode,
  CAST(b.runs AS bigint) AS runs,
  CAST(b.requests AS bigint) AS requests,
  CAST(b.tokens AS bigint) AS tokens,
  CAST(b.least_requests AS bigint) AS least_requests_per_run,
  CAST(b.most_requests AS bigint) AS most_requests_per_run,
  CAST(b.longest_minutes AS bigint) AS longest_run_minutes,
  CAST(b.jobs AS bigint) AS jobs,
  w.savings_expected_month_usd, w.workload
FROM batches AS b
JOIN workloads AS w ON w.workload = b.workload
ORDER BY w.savings_expected_month_usd DESC NULLS LAST, w.workload
