-- Sizes by workload: one row is one workload, input or output, and one size bin over the whole window.
-- Reads: sizes, from $from to $to. Order: workload, kind, bin.
SELECT workload, kind, bin, sum(requests) AS requests
FROM sizes
WHERE date BETWEEN $from AND $to
GROUP BY workload, kind, bin
ORDER BY workload, kind, bin
