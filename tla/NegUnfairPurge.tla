---- MODULE NegUnfairPurge ----
\* Without the fairness of the purges that time asks for: a dead letter that is due may stay, and time waits for it.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl, 1}
UnfairSpec ==
    /\ Init
    /\ [][Next]_vars
    /\ WF_vars(Tick)
    /\ WF_vars(Recover)
    /\ \A m \in Msgs : WF_vars(Expire(m))
    /\ \A m \in Msgs : SF_vars(Recv(m))
====
