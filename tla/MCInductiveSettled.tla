---- MODULE MCInductiveSettled ----
\* One message that is settled again and again: two receipts remembered.
EXTENDS Inductive
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
====
