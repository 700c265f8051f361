---- MODULE NegNoTtl ----
\* A cache without a TTL: what was good once is good until something puts it out (against S3).
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
NoTtl(left) == left
====
