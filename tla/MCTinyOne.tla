---- MODULE MCTinyOne ----
\* One message, two attempts: small enough to be drawn (docs/diagrams/states.svg).
EXTENDS Mailbox
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
====
