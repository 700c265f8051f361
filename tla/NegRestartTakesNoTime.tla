---- MODULE NegRestartTakesNoTime ----
\* A restart that counts none of the time that it took (against TM1, RT4).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
Timeless(d) == up' = TRUE /\ UNCHANGED shardVars
====
