---- MODULE MCDeadLetters ----
\* Dead letters on two topics, more than there is room for: reprocess, purge, retention of the ready and of the dead.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 1>>
MCKeyOf == <<1, 1, 2>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
