---- MODULE NegReserveShut ----
\* A reserve that tenants within their share do not get either (against BD5).
EXTENDS Mailbox
MCTopicOf == <<1, 1, 2, 3>>
MCTenantOf == <<1, 1, 2>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
Shut(share, whole, used, own) == (whole - used) * Percent > TenantReserve * whole
====
