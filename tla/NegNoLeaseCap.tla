---- MODULE NegNoLeaseCap ----
\* Extensions without a cap (against LE5): a consumer can hold a message for ever.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
AlwaysExtend(m, length) == TRUE
====
