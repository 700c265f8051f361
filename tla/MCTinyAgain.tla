---- MODULE MCTinyAgain ----
\* One key twice, retentions of a tick, two crashes, a nack that asks for the dead letters and is said again.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 1>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
