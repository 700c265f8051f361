---- MODULE MCInductiveOne ----
\* One message, and all that may become of it.
EXTENDS Inductive
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
====
