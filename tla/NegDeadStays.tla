---- MODULE NegDeadStays ----
\* A purge that leaves its message among the dead letters (against DL3): a bound would push out what is not there.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
StayingEnd(m, to) ==
    /\ state' = [state EXCEPT ![m] = to]
    /\ Idle({m})
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ UNCHANGED <<attempt, epoch, redrives, window, dlq>>
====
