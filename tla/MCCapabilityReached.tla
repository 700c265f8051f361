---- MODULE MCCapabilityReached ----
\* What the properties speak of happens: each Debug invariant must fail.
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
====
