---- MODULE MCRollover ----
\* A rollover of the root key, a capability of either, a revocation by nonce or by key id.
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
====
