---- MODULE MCTinyBackoff ----
\* Backoffs of four attempts, with room to grow, and retry_after.
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
====
