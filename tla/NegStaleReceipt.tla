---- MODULE NegStaleReceipt ----
\* Any receipt the message ever had settles it (against LE3).
EXTENDS MCMailbox
AnyReceipt(m, r) == state[m] = "leased" /\ timer[m] > 0
====
