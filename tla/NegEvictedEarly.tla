---- MODULE NegEvictedEarly ----
\* A crash that forgets the idempotency windows (against ID4).
EXTENDS MCMailbox
ForgetfulCrash ==
    /\ up
    /\ crashes < CrashesMax
    /\ up' = FALSE
    /\ crashes' = crashes + 1
    /\ window' = [m \in Msgs |-> 0]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, timer, left, keep, accepted, delivered>>
====
