---- MODULE MCTenants ----
\* Two tenants at every bound, one of them of two topics: shares, reserve, push-out.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 3, 1>>
MCTenantOf == <<1, 1, 2>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
====
