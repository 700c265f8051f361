---- MODULE NegDelayIgnored ----
\* A nack that does not do what it was asked (against RT1).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Nothing(m) == {0}
====
