---- MODULE NegKeyOnly ----
\* A key of shard and number and no hash: after a lost tail a frame goes behind one that its owner never saw.
EXTENDS Ownership
InsertByKey(frame) == log' = IF Len(frame) = Len(log) + 1 THEN Append(log, frame) ELSE log
====
