---- MODULE NegForeignPushOut ----
\* Dead letters that make room for those of a tenant who has more (against DL3).
EXTENDS Mailbox
MCTopicOf == <<1, 2, 2, 2>>
MCTenantOf == <<1, 2>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
Oldest(m) == IF Len(dlq) >= DlqCapacity THEN {Head(dlq)} ELSE {}
====
