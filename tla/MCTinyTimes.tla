---- MODULE MCTinyTimes ----
\* Delay, ttl, retention of the ready and of the dead, a crash, on one message.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 2}
====
