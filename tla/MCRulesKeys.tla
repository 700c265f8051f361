---- MODULE MCRulesKeys ----
\* One key for three messages on two topics: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 2>>
MCKeyOf == <<1, 1, 1>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
