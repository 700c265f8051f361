---- MODULE MCTinyExact ----
\* A share that three lack a hundredth of.
EXTENDS Mailbox
MCTopicOf == <<1, 1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 1, 1>>
MCTtls == {NoTtl}
====
