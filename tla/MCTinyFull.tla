---- MODULE MCTinyFull ----
\* A message too large for every recv, a third that finds no room.
EXTENDS Mailbox
MCTopicOf == <<1, 2, 1>>
MCTenantOf == <<1, 1>>
MCKeyOf == <<1, 2, 3>>
MCSizeOf == <<1, 2, 1>>
MCTtls == {NoTtl}
====
