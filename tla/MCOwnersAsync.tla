---- MODULE MCOwnersAsync ----
\* A standby for which nobody waits: frames hang together, terms are of one node, and what was told may be gone.
EXTENDS Ownership
====
