---- MODULE NegFound ----
\* What is found by reading again is taken for durable.
EXTENDS Ownership
FoundIsDurable(n) ==
    /\ Settle(n, Len(flight[n]))
    /\ Tell(Tip(n))
    /\ UNCHANGED <<engine, late>>
====
