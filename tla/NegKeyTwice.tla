---- MODULE NegKeyTwice ----
\* A send that does not look whether its key is live (against ID1).
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 1>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
NoKey(m) == FALSE
====
