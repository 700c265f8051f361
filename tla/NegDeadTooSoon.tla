---- MODULE NegDeadTooSoon ----
\* A message that is given up with an attempt left (against RT1, DL1).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Nothing(m) == FALSE
====
