---- MODULE MCLiveForever ----
\* The same where a message may wait for ever: then it takes somebody who asks for it.
EXTENDS Mailbox
MCTopicOf == <<1, 1>>
MCTenantOf == <<1>>
MCKeyOf == <<1, 2>>
MCSizeOf == <<1, 1>>
MCTtls == {NoTtl, 1}
====
