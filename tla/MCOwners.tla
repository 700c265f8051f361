---- MODULE MCOwners ----
\* Two nodes, a failover.
EXTENDS Ownership
====
