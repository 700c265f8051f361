---- MODULE NegRedrivesFree ----
\* A reprocess that no count bounds (against DL2).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Always(m) == TRUE
====
