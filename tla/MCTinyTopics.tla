---- MODULE MCTinyTopics ----
\* The share of a tenant, and that of its topics in it.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1, 3>>
MCTenantOf == <<1, 1, 1>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
