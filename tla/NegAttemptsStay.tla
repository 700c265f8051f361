---- MODULE NegAttemptsStay ----
\* A reprocess that leaves the attempts as they were (against DL2).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Unforgiven(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ RedrivesLeft(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ UNCHANGED <<attempt, epoch, releases, receipt, timer, left, visibility, ttl, window, settled, up, crashes, accepted>>
====
