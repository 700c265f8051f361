---- MODULE NegResetAttempts ----
\* A recovery that counts attempts anew (against RT4): a message that crashes the server would never be dead-lettered.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
ResetRecover ==
    /\ ~up
    /\ up' = TRUE
    /\ attempt' = [m \in Msgs |-> IF state[m] = "leased" THEN 0 ELSE attempt[m]]
    /\ UNCHANGED <<state, epoch, redrives, releases, receipt, timer, left, visibility, ttl, keep, window, reason, error,
                   dlq, settled, crashes, accepted, delivered>>
====
