---- MODULE MCPairsAppend ----
\* What else may be where several facts share an append: delay, ttl, retentions, backoff, reprocess, release, time while down.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {2}
====
