---- MODULE NegDeadUnbounded ----
\* Dead letters that make no room for one too many (against DL3).
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
Nobody(m) == {}
====
