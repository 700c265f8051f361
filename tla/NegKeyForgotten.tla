---- MODULE NegKeyForgotten ----
\* A send that looks for no live key (against ID1).
EXTENDS Rules
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 1>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
Never(m) == FALSE
====
