---- MODULE NegReprocessOpens ----
\* A reprocess that opens the idempotency window anew (against ID4).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
Opens(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ RedrivesLeft(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ attempt' = [attempt EXCEPT ![m] = 0]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ window' = [window EXCEPT ![m] = TReplay]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ UNCHANGED <<epoch, releases, receipt, timer, left, visibility, ttl, settled, up, crashes, accepted>>
====
