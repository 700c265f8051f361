---- MODULE NegResetAttempts ----
\* A recovery that counts attempts anew (against RT4): a message that crashes the server would never be dead-lettered.
EXTENDS MCMailbox
ResetRecover ==
    /\ ~up
    /\ up' = TRUE
    /\ attempt' = [m \in Msgs |-> IF state[m] = "leased" THEN 0 ELSE attempt[m]]
    /\ UNCHANGED <<state, epoch, redrives, releases, timer, left, keep, window, crashes, accepted, delivered>>
====
