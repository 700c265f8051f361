---- MODULE MCRulesCrash ----
\* A crash with two messages on their way: the rules of steps.
EXTENDS Rules
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl}
====
