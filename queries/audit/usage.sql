-- Usage by workload: the rows of usage, one workload after the other, minute by minute.
-- Reads: usage. Order: workload, minute.
SELECT * FROM usage ORDER BY workload, minute
