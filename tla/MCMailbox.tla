---- MODULE MCMailbox ----
\* The lifecycle: every action, two messages, a crash.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
