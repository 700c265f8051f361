---- MODULE MCRulesTimes ----
\* Delay, ttl, retentions, a crash: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 2}
====
