---- MODULE NegAckForgotten ----
\* A recovery that forgets what was acked (against AC1): it is delivered again.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
ForgetfulRecover ==
    /\ ~up
    /\ up' = TRUE
    /\ state' = [m \in Msgs |-> IF state[m] = "acked" THEN "queued" ELSE state[m]]
    /\ UNCHANGED <<attempt, epoch, redrives, releases, receipt, timer, left, visibility, ttl, keep, window, reason, error,
                   dlq, settled, crashes, accepted, delivered>>
====
