---- MODULE NegFactLost ----
\* A fact that is told as durable and that no disk has (against AC1).
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
LosingFollow(entry) == UNCHANGED dVars
====
