---- MODULE NegTtlAsRetention ----
\* A ttl that is over and gives the wrong reason (against DL1, AC2).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
Misnamed(m) ==
    /\ up
    /\ \/ LeaseIsOver(m) /\ Return(m, Backoffs(m), Error("expired"))
       \/ TtlIsOver(m) /\ DeadLetter(m, "retention", error[m])
    /\ UNCHANGED <<settled, up, crashes, accepted, delivered>>
====
