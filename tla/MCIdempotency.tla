---- MODULE MCIdempotency ----
\* One key for three of four messages on two topics, and every capacity below demand.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1, 1>>
MCTenantOf == <<1, 1>>
MCKeyOf == <<1, 1, 1, 2>>
MCSizeOf == <<1, 2, 1, 1>>
MCTtls == {NoTtl}
====
