---- MODULE NegReplyEarly ----
\* A reply that leaves before its fact is durable (against AC1).
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
EarlyLogged(action, m) ==
    /\ tail' = Append(tail, <<action, m, mTimer'[m]>>)
    /\ flight' = IF flight = 0 THEN 1 ELSE flight
    /\ toldSent' = IF action = "Send" THEN toldSent \cup {m} ELSE toldSent
    /\ UNCHANGED <<dVars, draining, toldEpoch, toldAcked>>
====
