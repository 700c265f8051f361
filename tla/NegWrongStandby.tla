---- MODULE NegWrongStandby ----
\* A failover to a standby that lacks what was answered.
EXTENDS Ownership
FailoverToAny ==
    /\ failovers < FailoversMax
    /\ failovers' = failovers + 1
    /\ \E kept \in 0..standby : log' = SubSeq(log, 1, kept) /\ standby' = kept
    /\ mode' = [n \in Nodes |-> IF Awaited(n) THEN Doubted(n) ELSE mode[n]]
    /\ flight' = [n \in Nodes |-> IF Awaited(n) THEN Unanswered(n) ELSE flight[n]]
    /\ UNCHANGED <<known, late, told>>
====
