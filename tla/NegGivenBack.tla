---- MODULE NegGivenBack ----
\* A recovery that gives back what is leased (against RT4): its holder is in time, and somebody else gets it.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
GivingRecover ==
    /\ ~up
    /\ up' = TRUE
    /\ state' = [m \in Msgs |-> IF state[m] = "leased" THEN "redelivered" ELSE state[m]]
    /\ Idle(InState({"leased"}))
    /\ UNCHANGED <<attempt, epoch, redrives, keep, window, reason, error, dlq, settled, crashes, accepted, delivered>>
====
