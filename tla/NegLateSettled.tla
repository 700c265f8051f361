---- MODULE NegLateSettled ----
\* A lease that is settled after its deadline (against LE3).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
WheneverValid(m, r) == state[m] = "leased" /\ r = receipt[m]
====
