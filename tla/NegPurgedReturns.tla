---- MODULE NegPurgedReturns ----
\* A reprocess that takes what was purged (against DL2): what is over comes back.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
WideReprocess(m) ==
    /\ up
    /\ state[m] \in {"dead_lettered", "purged"}
    /\ RedrivesLeft(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ attempt' = [attempt EXCEPT ![m] = 0]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ UNCHANGED <<epoch, releases, receipt, timer, left, visibility, ttl, keep, window, settled, up, crashes, accepted>>
====
