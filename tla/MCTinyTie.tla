---- MODULE MCTinyTie ----
\* Dead letters of three tenants that hold as many.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 2, 3>>
MCTenantOf == <<1, 2, 3>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
