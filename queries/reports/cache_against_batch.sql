-- Prompt cache against batch: whether batch still pays when cache reads are lost to it.
-- One row is one workload that reads from or writes to the prompt cache.
-- Reads: workloads. Units: tokens and US dollars in the window, all tokens of the workload moved;
-- batch_saves_usd below zero says that batch is dearer than today. Order: cost, largest first.
SELECT
  caller, tags, model, verdict, mode,
  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
  round(CAST(cache_read_tokens AS double)
    / nullif(input_tokens + cache_read_tokens + cache_write_tokens, 0), 4) AS cache_read_share,
  cost_usd, batch_cost_usd, flex_cost_usd,
  CAST(cost_usd - batch_cost_usd AS decimal(20,6)) AS batch_saves_usd,
  workload
FROM workloads
WHERE cache_read_tokens + cache_write_tokens > 0
ORDER BY cost_usd DESC NULLS LAST, workload
