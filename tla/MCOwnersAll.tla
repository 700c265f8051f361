---- MODULE MCOwnersAll ----
\* All of it: a failover, and statements that come late.
EXTENDS Ownership
====
