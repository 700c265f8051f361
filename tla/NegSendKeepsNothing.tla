---- MODULE NegSendKeepsNothing ----
\* A send that is answered, and keeps the key and not the message (against AC1).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
LosingSend(m) ==
    /\ up
    /\ Sendable(m)
    /\ window' = [window EXCEPT ![m] = TReplay]
    /\ accepted' = accepted \cup {m}
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, timer, left, visibility, ttl, keep, reason, error, dlq,
                   settled, up, crashes, delivered>>
====
