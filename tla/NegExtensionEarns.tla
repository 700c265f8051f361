---- MODULE NegExtensionEarns ----
\* An extension that earns as much again (against LE5).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
Earns(m) ==
    /\ up
    /\ Holds(m)
    /\ timer' = [timer EXCEPT ![m] = visibility[m]]
    /\ left' = [left EXCEPT ![m] = InflightFactor * visibility[m]]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, visibility, ttl, keep, window, reason, error, dlq, settled,
                   up, crashes, accepted, delivered>>
====
