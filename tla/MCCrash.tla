---- MODULE MCCrash ----
\* Crashes and recoveries at any point.
EXTENDS Mailbox
MCKeyOf == [m \in Msgs |-> m]
====
