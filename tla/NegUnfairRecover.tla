---- MODULE NegUnfairRecover ----
\* Without the fairness of Recover: a crashed process may stay down.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
UnfairSpec ==
    /\ Init
    /\ [][Next]_vars
    /\ WF_vars(Tick)
    /\ \A m \in Msgs : WF_vars(Expire(m))
    /\ \A m \in Msgs : WF_vars(PurgeIsDue(m) /\ Purge(m))
    /\ \A m \in Msgs : SF_vars(Recv(m))
====
