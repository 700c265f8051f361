---- MODULE MCInductiveSmall ----
\* One message, without what has no part in another: the smallest.
EXTENDS Inductive
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
====
