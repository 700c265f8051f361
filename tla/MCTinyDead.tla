---- MODULE MCTinyDead ----
\* Three dead letters on two topics, room for one each: reprocess and purge.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 1>>
MCKeyOf == <<1, 1, 2>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
