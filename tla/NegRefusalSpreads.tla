---- MODULE NegRefusalSpreads ----
\* A refused capability has the others refused (against AU5).
EXTENDS Capability
MCNonceOf == <<1, 2>>
MCParentOf == <<0, 0>>
SpreadingVerified(t) ==
    LET asked == ~Unasked(1, t)
    IN  /\ entry' = IF asked /\ key[t] \in ring THEN [entry EXCEPT ![1][t] = Ttl] ELSE entry
        /\ refused' = IF asked /\ key[t] \notin ring THEN [refused EXCEPT ![1] = [each \in Caps |-> RefusedTtl]] ELSE refused
====
