---- MODULE MCTinyOrder ----
\* A bound that is full is named before the share of it, the smallest that there is.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
