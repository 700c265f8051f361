---- MODULE NegReleaseCounted ----
\* A release of what was never written that leaves the attempt counted (against LE7).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
Counted(m) ==
    /\ state' = [state EXCEPT ![m] = "redelivered"]
    /\ releases' = [releases EXCEPT ![m] = @ + 1]
    /\ receipt' = [receipt EXCEPT ![m] = 0]
    /\ timer' = [timer EXCEPT ![m] = 0]
    /\ left' = [left EXCEPT ![m] = 0]
    /\ visibility' = [visibility EXCEPT ![m] = 0]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ UNCHANGED <<attempt, epoch, redrives, ttl, window, reason, error, dlq>>
====
