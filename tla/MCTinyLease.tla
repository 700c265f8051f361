---- MODULE MCTinyLease ----
\* Extensions, releases, backoffs and retry_after of one message.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
====
