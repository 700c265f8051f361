---- MODULE MCLease ----
\* Extensions and releases.
EXTENDS Mailbox
MCKeyOf == [m \in Msgs |-> m]
====
