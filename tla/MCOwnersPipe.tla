---- MODULE MCOwnersPipe ----
\* Two appends under way.
EXTENDS Ownership
====
