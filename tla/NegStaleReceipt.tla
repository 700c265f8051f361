---- MODULE NegStaleReceipt ----
\* Any receipt that the message ever had settles its lease (against LE3).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AnyReceipt(m, r) == state[m] = "leased" /\ timer[m] > 0
====
