---- MODULE MCNodes ----
\* Several nodes that ask: each is told at another time.
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
====
