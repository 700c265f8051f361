---- MODULE MCSettled ----
\* Verbs said again: settled receipts remembered, two at the most.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
