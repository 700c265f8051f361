---- MODULE MCMailbox ----
\* The lifecycle: every action, two messages.
EXTENDS Mailbox
MCKeyOf == [m \in Msgs |-> m]
====
