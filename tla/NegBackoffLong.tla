---- MODULE NegBackoffLong ----
\* A message that comes back later than any backoff (against RT1).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Later(m) == {BackoffMax + 1}
====
