---- MODULE MCRulesSettled ----
\* Settled receipts, two at the most: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
