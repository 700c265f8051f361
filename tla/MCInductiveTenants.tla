---- MODULE MCInductiveTenants ----
\* Three messages of two tenants at every bound.
EXTENDS Inductive
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 2>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
