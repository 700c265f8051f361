---- MODULE MCTinyGather ----
\* A journal that gathers: two messages in one append.
EXTENDS Durability
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {-1}
====
