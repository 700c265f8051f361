---- MODULE NegShareIgnored ----
\* A tenant beyond its share that takes from the reserve (against BD5).
EXTENDS Mailbox
MCTopicOf == <<1, 1, 2, 3>>
MCTenantOf == <<1, 1, 2>>
MCKeyOf == <<1, 2, 3, 4>>
MCSizeOf == <<1, 1, 1, 1>>
MCTtls == {NoTtl}
Always(m, bound, ms, elsewhere, ofTenant) == TRUE
====
