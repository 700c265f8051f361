---- MODULE MCTinyRoom ----
\* Two messages in line, too large, over every capacity.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<2, 1>>
MCTtls == {NoTtl}
====
