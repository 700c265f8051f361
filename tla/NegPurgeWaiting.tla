---- MODULE NegPurgeWaiting ----
\* A purge that takes messages which are no dead letters (against DL3).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
WidePurge(m) ==
    /\ up
    /\ state[m] \in Waiting \cup {"dead_lettered"}
    /\ End(m, "purged")
    /\ UNCHANGED <<settled, up, crashes, accepted, delivered>>
====
