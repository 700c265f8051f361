---- MODULE MCPairsPushed ----
\* What else may be while a dead letter pushes out another: a crash and its time, delay, ttl, backoff, release, one key twice.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 1>>
MCSizeOf == <<1, 1>>
MCTtls == {2}
====
