---- MODULE MCReached ----
\* Every state is reached: each Debug invariant must fail.
EXTENDS MCMailbox
====
