---- MODULE NegLongWord ----
\* An answer that counts for as long as node 1 says, and not for the TTL of the cache at most (against S3).
EXTENDS Capability
MCNonceOf == <<1>>
MCParentOf == <<0>>
LongAnswerLeft(n) == question[n][4] - question[n][3]
====
