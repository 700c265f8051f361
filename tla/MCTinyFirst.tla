---- MODULE MCTinyFirst ----
\* What a duplicate gets, and a budget that is too small, is said before any share.
EXTENDS Mailbox
MCTopicOf == <<1, 1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2, 1>>
MCSizeOf == <<1, 2, 1>>
MCTtls == {NoTtl}
====
