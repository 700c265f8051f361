---- MODULE MCDurability ----
\* A journal: facts that are not durable yet, replies that wait, crashes at any point.
EXTENDS Durability
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {-1}
====
