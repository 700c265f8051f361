---- MODULE MCTinyJournal ----
\* A journal: one message, facts that are not durable yet.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
====
