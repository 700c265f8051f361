---- MODULE MCLease ----
\* Extensions, releases, delays, ttls, retry_after.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl, 2}
====
