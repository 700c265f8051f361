---- MODULE MCVerdict ----
\* Answers that come late, are joined, or do not come; words that count for less than the TTL.
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
====
