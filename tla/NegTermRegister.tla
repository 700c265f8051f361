---- MODULE NegTermRegister ----
\* Terms from a register, which gives no number twice, instead of from the log: an older one lands behind a newer one.
EXTENDS Ownership
\* The register gave the nodes numbers in turn.
ReadRegister(n) ==
    /\ mode[n] = "reading"
    /\ Holds(n)
    /\ Len(log) < LogMax
    /\ \E turn \in 0..1 : Announce(n, 2 * turn + n)
====
