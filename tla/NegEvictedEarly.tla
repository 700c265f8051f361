---- MODULE NegEvictedEarly ----
\* A crash that forgets the idempotency windows (against ID4).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
ForgetfulCrash ==
    /\ up
    /\ crashes < CrashesMax
    /\ up' = FALSE
    /\ crashes' = crashes + 1
    /\ window' = [m \in Msgs |-> 0]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, timer, left, visibility, ttl, keep, reason, error,
                   dlq, settled, accepted, delivered>>
====
