---- MODULE MCRulesReserve ----
\* One tenant up to the reserve, the smallest share of a topic: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1, 2, 3, 1>>
MCTenantOf == <<1, 1, 1>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
