---- MODULE NegRecoverAcks ----
\* A recovery that takes what was leased for done (against RT4): nobody acked it.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AckingRecover ==
    /\ ~up
    /\ up' = TRUE
    /\ state' = [m \in Msgs |-> IF state[m] = "leased" THEN "acked" ELSE state[m]]
    /\ Idle(InState({"leased"}))
    /\ UNCHANGED <<attempt, epoch, redrives, keep, window, reason, error, dlq, settled, crashes, accepted, delivered>>
====
