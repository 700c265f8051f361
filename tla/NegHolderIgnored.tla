---- MODULE NegHolderIgnored ----
\* A lease that its holder cannot extend (against LE3).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Nobody(m) == FALSE
====
