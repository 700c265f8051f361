---- MODULE NegOutOfOrder ----
\* A recv that leases any message that is there to be had (against LE1).
EXTENDS Rules
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
AnyOfThem(m) == Available(m)
====
