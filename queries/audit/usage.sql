-- Usage by workload: the rows of usage in the window, one workload after the other, minute by minute.
-- Reads: usage, from $from to $to. Order: workload, minute.
SELECT * FROM usage WHERE date BETWEEN $from AND $to ORDER BY workload, minute
