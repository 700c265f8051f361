---- MODULE MCTinyPushed ----
\* Dead letters of two tenants, one of them of two topics: those of the one with the most go first.
EXTENDS Mailbox
MCTopicOf == <<3, 1, 2, 3>>
MCTenantOf == <<1, 1, 2>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
