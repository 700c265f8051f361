---- MODULE MCDeadLetters ----
\* Reprocess, purge and retention.
EXTENDS Mailbox
MCKeyOf == [m \in Msgs |-> m]
====
