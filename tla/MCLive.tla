---- MODULE MCLive ----
\* Every accepted message is acked or dead-lettered, whatever consumers do.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
