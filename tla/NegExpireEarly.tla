---- MODULE NegExpireEarly ----
\* An expiry that does not look at the deadline (against RT3): the lease of a consumer that is in time ends.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AnyLease(m) == state[m] = "leased"
====
