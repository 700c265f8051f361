---- MODULE NegUnfairExpire ----
\* Without the fairness of Expire: a lease that is over need never end.
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
    /\ WF_vars(Recover)
    /\ \A m \in Msgs : WF_vars(PurgeIsDue(m) /\ Purge(m))
    /\ \A m \in Msgs : SF_vars(Recv(m))
====
