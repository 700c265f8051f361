---- MODULE MCLive ----
\* Every accepted message is acked or dead-lettered, whatever consumers do: with every time that a mailbox may be given.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl, 1}
====
