---- MODULE NegExpireDrops ----
\* An expiry that drops what nobody acked (against RT1): it is no dead letter first.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
DroppingExpire(m) ==
    /\ up
    /\ LeaseIsOver(m)
    /\ End(m, "purged")
    /\ UNCHANGED <<settled, up, crashes, accepted, delivered>>
====
