---- MODULE NegMemoryKept ----
\* A recovery that finds what was not durable (against AC1): memory outlives its process.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
KeepingDie ==
    /\ phase = "dying"
    /\ draining = 0
    /\ phase' = "down"
    /\ IF dUp THEN D!Crash ELSE UNCHANGED dVars
    /\ UNCHANGED <<mVars, crashes, tail, flight, draining, told>>
====
