---- MODULE MCTinyKeys ----
\* One key for three messages on two topics.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 2>>
MCKeyOf == <<1, 1, 1>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
