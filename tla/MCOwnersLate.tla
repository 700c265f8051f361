---- MODULE MCOwnersLate ----
\* Statements that come late.
EXTENDS Ownership
====
