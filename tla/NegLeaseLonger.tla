---- MODULE NegLeaseLonger ----
\* A lease that may be extended for longer than there is (against LE5).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Whatever(m, length) == TRUE
====
