---- MODULE NegPipe ----
\* Two appends under way that say only the next number, as JetStream does: the engine compares no hash.
EXTENDS Ownership
InsertByNumber(frame) == log' = IF Len(frame) = Len(log) + 1 THEN Append(log, frame) ELSE log
====
