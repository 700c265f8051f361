---- MODULE MCTinyShare ----
\* A line of three, a third of it for each tenant: one of two topics, which comes back from the dead letters, and another.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 3>>
MCTenantOf == <<1, 1, 2>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
