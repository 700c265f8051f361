---- MODULE MCRulesDead ----
\* Dead letters pushed out, reprocessed, purged: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 1>>
MCKeyOf == <<1, 1, 2>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
