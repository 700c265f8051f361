---- MODULE MCOverlapReached ----
\* Capabilities of two root keys are good at a time.
EXTENDS Capability
MCNonceOf == <<1, 2>>
MCParentOf == <<0, 0>>
====
