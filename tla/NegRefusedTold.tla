---- MODULE NegRefusedTold ----
\* Nobody looks whether an append went in: a former owner answers after the next one did.
EXTENDS Ownership
RefusedIsDurable(n) ==
    \E i \in DOMAIN flight[n] :
        /\ flight[n][i][2] = "refused"
        /\ mode[n] = "serving"
        /\ Settle(n, i)
        /\ Tell(flight[n][i][1])
        /\ UNCHANGED <<engine, late>>
====
