---- MODULE MCInductiveTwo ----
\* Two messages of a topic under one key: who is first, one dead letter pushed out by another, bounds below demand.
EXTENDS Inductive
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 1>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
