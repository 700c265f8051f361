---- MODULE NegHashOfEngine ----
\* An owner asks the engine for the hash of the last frame: it goes on behind a stranger's.
EXTENDS Ownership
SendBehindAny(n) ==
    /\ mode[n] = "serving"
    /\ Len(flight[n]) < FlightMax
    /\ Len(End) < LogMax
    /\ flight' = [flight EXCEPT ![n] = Append(@, <<Append(End, <<TermOf(known[n]), n, "data">>), "way">>)]
    /\ UNCHANGED <<engine, mode, known, late, told>>
====
