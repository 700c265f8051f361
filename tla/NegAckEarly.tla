---- MODULE NegAckEarly ----
\* An ack that is answered before it is durable (against AC1): a crash undoes it.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
EarlyLogged(action, m) ==
    /\ tail' = Append(tail, <<action, m, mTimer'[m]>>)
    /\ flight' = IF flight = 0 THEN 1 ELSE flight
    /\ toldAcked' = IF action = "Ack" THEN toldAcked \cup {m} ELSE toldAcked
    /\ UNCHANGED <<dVars, draining, toldSent, toldEpoch>>
====
