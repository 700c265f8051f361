---- MODULE NegUnfairRecv ----
\* Without strong fairness of Recv nothing need ever be delivered.
EXTENDS MCMailbox
UnfairSpec ==
    /\ Init
    /\ [][Next]_vars
    /\ WF_vars(Tick) /\ WF_vars(Recover) /\ \A m \in Msgs : WF_vars(Expire(m))
====
