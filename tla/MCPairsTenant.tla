---- MODULE MCPairsTenant ----
\* What else may be where a tenant is beyond its share: a crash and its time, delay, ttl, backoff, release, retention of the dead.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {2}
====
