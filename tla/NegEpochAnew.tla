---- MODULE NegEpochAnew ----
\* A reprocess that counts epochs anew (against LE2): a receipt of old would be valid again.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AnewReprocess(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ RedrivesLeft(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ attempt' = [attempt EXCEPT ![m] = 0]
    /\ epoch' = [epoch EXCEPT ![m] = 0]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ UNCHANGED <<releases, receipt, timer, left, visibility, ttl, keep, window, settled, up, crashes, accepted>>
====
