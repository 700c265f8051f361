---- MODULE MCIdempotency ----
\* One key for two of three messages, and capacities below their number.
EXTENDS Mailbox
MCKeyOf == [m \in Msgs |-> IF m = 3 THEN 1 ELSE m]
====
