---- MODULE NegLeaseTrusted ----
\* A lease instead of the log: nobody is granted what somebody else has, and an owner's appends go in unasked.
EXTENDS Ownership
GrantedToOne(n) ==
    /\ mode[n] = "claiming"
    /\ \A other \in Nodes \ {n} : mode[other] \in {"absent", "claiming"}
    /\ mode' = [mode EXCEPT ![n] = "reading"]
    /\ UNCHANGED <<engine, known, flight, late, told>>
InsertAnyway(frame) == log' = Append(log, frame)
====
