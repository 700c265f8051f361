---- MODULE NegRepeatShort ----
\* A settled receipt that is remembered for a tick (against LE4).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
RememberShortly(m, r, verb, to) ==
    LET all == Append(settled, <<m, r, verb, to, 1>>)
    IN  settled' = IF Len(all) > SettledCapacity THEN Tail(all) ELSE all
====
