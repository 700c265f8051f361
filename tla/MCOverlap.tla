---- MODULE MCOverlap ----
\* Capabilities of two root keys at a time, before, during and after a rollover.
EXTENDS Capability
MCNonceOf == <<1, 2>>
MCParentOf == <<0, 0>>
====
