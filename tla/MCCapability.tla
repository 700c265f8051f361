---- MODULE MCCapability ----
\* A capability and a narrower one made of it, a node that verifies and one that asks, a revocation at any point.
EXTENDS Capability
MCNonceOf == <<1, 1>>
MCParentOf == <<0, 1>>
====
