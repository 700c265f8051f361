---- MODULE NegLeasedTwice ----
\* A recv that leases a message whose lease is in force (against LE1, LE2).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AnyLive(m) == state[m] \in Live
====
