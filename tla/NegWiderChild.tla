---- MODULE NegWiderChild ----
\* An attenuated capability that outlives what it was made of (against AU6).
EXTENDS Capability
MCNonceOf == <<1, 1>>
MCParentOf == <<0, 1>>
WideningAttenuate(t) ==
    /\ ~Known(t)
    /\ ParentOf[t] # 0
    /\ Known(ParentOf[t])
    /\ life[ParentOf[t]] > 0
    /\ life' = [life EXCEPT ![t] = Narrowed]
    /\ key' = [key EXCEPT ![t] = key[ParentOf[t]]]
    /\ UNCHANGED <<ring, grace, revoked, entry, refused, question, misses, held>>
====
