---- MODULE MCKept ----
\* Dead letters are kept for ever and nobody purges one: it stays, so fairness asks for no more than is due.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
====
