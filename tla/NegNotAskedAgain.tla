---- MODULE NegNotAskedAgain ----
\* What is in the cache is let in without another look (against AU1): after its time, too.
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
HastyAdmissible(n, t) ==
    /\ Known(t)
    /\ \/ Fresh(n, t)
       \/ n = 1 /\ Stands(n, t) /\ refused[n][t] = 0
====
