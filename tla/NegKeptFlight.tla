---- MODULE NegKeptFlight ----
\* Who lets go keeps what it has under way.
EXTENDS Ownership
LapseAndKeep(n) ==
    /\ mode[n] \notin {"absent", "halted"}
    /\ mode' = [mode EXCEPT ![n] = "absent"]
    /\ UNCHANGED <<engine, known, flight, late, told>>
====
