---- MODULE MCTinyReserve ----
\* One tenant up to the reserve of four, and the smallest share of a topic.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 3, 1>>
MCTenantOf == <<1, 1, 1>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
