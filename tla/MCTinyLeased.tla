---- MODULE MCTinyLeased ----
\* Four leases, half of them held elsewhere.
EXTENDS Mailbox
MCTopicOf == <<1, 1, 2>>
MCTenantOf == <<1, 2>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
