---- MODULE MCTinyDie ----
\* A journal: all that a process can lose.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {2}
====
