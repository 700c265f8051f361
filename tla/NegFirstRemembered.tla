---- MODULE NegFirstRemembered ----
\* A memory of settled receipts that is full and forgets the newest (against LE4).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl, 1}
KeepFirst(m, r, verb, to) ==
    settled' = IF Len(settled) < SettledCapacity THEN Append(settled, <<m, r, verb, to, TReplay>>) ELSE settled
====
