---- MODULE NegNewestOut ----
\* A dead letter that pushes out the newest of them (against DL3).
EXTENDS Rules
MCTopicOf == <<1, 2, 3>>
MCTenantOf == <<1, 1, 1>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
Newest(m) == IF Len(dlq) < DlqCapacity THEN {} ELSE {dlq[Len(dlq)]}
====
