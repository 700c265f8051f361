----------------------------- MODULE Capability -----------------------------
(***************************************************************************)
(* Capabilities on several nodes. Node 1 holds the keyring and the list of *)
(* revocations; the others ask it about what they do not know, and         *)
(* remember what it says for the TTL of their cache (S3, B8). A revocation *)
(* acts at once on the node that is told of it, and within the TTL         *)
(* everywhere when that is node 1: RevokedProp. Mirrors src/auth:          *)
(* authorize.ts, cache.ts, capability.ts, keyring.ts, remote.ts and        *)
(* revocation.ts.                                                          *)
(*                                                                         *)
(* Time is ticks. Every time is what is left of it, so that the state does *)
(* not grow with the clock; what is over is 0.                             *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS
    N,               \* nodes 1..N
    T,               \* capabilities 1..T, each with its own spelling
    NonceOf,         \* nonce of each, 1..Nonces: attenuating keeps it
    ParentOf,        \* what each is attenuated from; 0 for one that is minted
    Nonces,
    Keys,            \* root keys 1..Keys, in the order in which they are made
    Life,            \* ticks that a minted capability is good for
    Narrowed,        \* ticks that an attenuated one is good for, if what it came from is
    Ttl,             \* cap_cache_ttl
    RefusedTtl,      \* how long a refused token is remembered
    VerdictTtls,     \* for how long node 1 vouches at most, each time it is asked
    AskMax,          \* an answer is there in so many ticks, or there is none
    MissesMax,       \* missing answers in a row that are looked at
    RevocationsMax,  \* revocations that are looked at
    Joins            \* whether a second request may wait for the same answer

VARIABLES
    life,      \* what is left of each capability; -1 before there is one
    key,       \* the key that signed it; 0 before
    ring,      \* keys that node 1 verifies with; the newest mints
    grace,     \* of each nonce and key: -1, or what is left of the TTL since node 1 was told that it is over
    revoked,   \* of each node: the nonces and keys that it was told are revoked
    entry,     \* of each node and capability: what is left of its place in the cache
    refused,   \* of each node and capability: for how long it is refused without asking
    question,  \* of each node: what it has asked node 1: <<capability, stage, age, vouched for, age of the one who joined>>
    misses,    \* of each node: answers missing in a row
    held       \* of each node: a request under way, a long poll, a stream: <<capability, what is left of its vouching>>

vars == <<life, key, ring, grace, revoked, entry, refused, question, misses, held>>

Nodes == 1..N
Caps == 1..T
Things == 1..(Nonces + Keys)
KeyThing(k) == Nonces + k
Newest == CHOOSE k \in ring : \A other \in ring : other <= k
ThingsOf(t) == {NonceOf[t], KeyThing(key[t])}

NoQuestion == <<0, "none", 0, 0, -1>>
Nothing == <<0, 0>>
\* Where the keyring is, a verification needs nobody's word.
NoLimit == -1

Minimum(a, b) == IF a < b THEN a ELSE b
\* One tick later. (NegNoTtl replaces it for what is cached.)
Later(left) == IF left > 0 THEN left - 1 ELSE left
CachedLater(left) == Later(left)

Init ==
    /\ life = [t \in Caps |-> -1]
    /\ key = [t \in Caps |-> 0]
    /\ ring = {1}
    /\ grace = [r \in Things |-> -1]
    /\ revoked = [n \in Nodes |-> {}]
    /\ entry = [n \in Nodes |-> [t \in Caps |-> 0]]
    /\ refused = [n \in Nodes |-> [t \in Caps |-> 0]]
    /\ question = [n \in Nodes |-> NoQuestion]
    /\ misses = [n \in Nodes |-> 0]
    /\ held = [n \in Nodes |-> Nothing]

-----------------------------------------------------------------------------
(* What a node makes of a capability *)

\* Capability.failure: expiry, revocations this node knows of, and on node 1 the keyring. Asked at every use.
Stands(n, t) ==
    /\ life[t] > 0
    /\ ThingsOf(t) \cap revoked[n] = {}
    /\ n = 1 => key[t] \in ring

\* The capability of a request under way, with what is left of the word it rests on.
HeldStands(n) == Stands(n, held[n][1]) /\ held[n][2] # 0

Fresh(n, t) == entry[n][t] > 0
Known(t) == life[t] >= 0
Unasked(n, t) == Fresh(n, t) \/ refused[n][t] > 0

\* Whether a request that brings it now is let in at once: Authority.authenticate.
Admissible(n, t) ==
    /\ Known(t)
    /\ Stands(n, t)
    /\ IF n = 1 THEN Fresh(n, t) \/ refused[n][t] = 0 ELSE Fresh(n, t)

\* Whether the answer that is on its way to node n lets in whoever waits for it: Authority.answered.
AnswerLeft(n) == Minimum(question[n][4], Ttl) - question[n][3]
Vouchable(n) ==
    /\ question[n][2] = "valid"
    /\ Stands(n, question[n][1])
    /\ AnswerLeft(n) > 0

\* Verifying leaves a trace in the cache of node 1: authentic, or not. Whether it is good is asked anew each time.
Verified(t) ==
    LET asked == ~Unasked(1, t)
    IN  /\ entry' = IF asked /\ key[t] \in ring THEN [entry EXCEPT ![1][t] = Ttl] ELSE entry
        /\ refused' = IF asked /\ key[t] \notin ring THEN [refused EXCEPT ![1][t] = RefusedTtl] ELSE refused

\* Whoever is let in is a request under way, if none is looked at yet.
Held(n, t, left) == held' = IF held[n] = Nothing THEN [held EXCEPT ![n] = <<t, left>>] ELSE held

-----------------------------------------------------------------------------
(* Capabilities and keys come and go *)

Mint(t) ==
    /\ ~Known(t)
    /\ ParentOf[t] = 0
    /\ life' = [life EXCEPT ![t] = Life]
    /\ key' = [key EXCEPT ![t] = Newest]
    /\ UNCHANGED <<ring, grace, revoked, entry, refused, question, misses, held>>

\* Whoever holds one can make a narrower one of it, and asks nobody.
Attenuate(t) ==
    /\ ~Known(t)
    /\ ParentOf[t] # 0
    /\ Known(ParentOf[t])
    /\ life[ParentOf[t]] > 0
    /\ life' = [life EXCEPT ![t] = Minimum(life[ParentOf[t]], Narrowed)]
    /\ key' = [key EXCEPT ![t] = key[ParentOf[t]]]
    /\ UNCHANGED <<ring, grace, revoked, entry, refused, question, misses, held>>

\* Node 1 takes another keyring: what was refused before may be good now (Authority.useKeyring).
Ring(keys) ==
    /\ ring' = keys
    /\ refused' = [refused EXCEPT ![1] = [t \in Caps |-> 0]]

\* Requests under way whose capability is over by this end in the same step, without another payload (AU3).
EndsInvalid(n) ==
    held' = IF held[n] # Nothing /\
                (\/ life[held[n][1]] = 0
                 \/ ThingsOf(held[n][1]) \cap revoked'[n] # {}
                 \/ n = 1 /\ key[held[n][1]] \notin ring'
                 \/ held[n][2] = 0)
             THEN [held EXCEPT ![n] = Nothing] ELSE held

\* A rollover begins: both keys verify, the newer one mints.
Rotate ==
    /\ Newest < Keys
    /\ Ring(ring \cup {Newest + 1})
    /\ UNCHANGED revoked
    /\ EndsInvalid(1)
    /\ UNCHANGED <<life, key, grace, entry, question, misses>>

\* It ends: the older ones are gone.
Retire ==
    /\ ring # {Newest}
    /\ Ring({Newest})
    /\ grace' = [r \in Things |->
                    IF grace[r] = -1 /\ \E k \in ring \ {Newest} : r = KeyThing(k) THEN Ttl ELSE grace[r]]
    /\ UNCHANGED revoked
    /\ EndsInvalid(1)
    /\ UNCHANGED <<life, key, entry, question, misses>>

Exists(r) == \/ \E t \in Caps : Known(t) /\ NonceOf[t] = r
             \/ \E k \in 1..Newest : KeyThing(k) = r

\* Node n is told that a nonce or a key id is revoked: Authority.revoke. Every spelling of the nonce leaves the cache.
Revoke(n, r) ==
    /\ Exists(r)
    /\ r \notin revoked[n]
    /\ Cardinality({<<m, s>> \in Nodes \X Things : s \in revoked[m]}) < RevocationsMax
    /\ revoked' = [revoked EXCEPT ![n] = @ \cup {r}]
    /\ grace' = IF n = 1 /\ grace[r] = -1 THEN [grace EXCEPT ![r] = Ttl] ELSE grace
    /\ entry' = [entry EXCEPT ![n] = [t \in Caps |-> IF NonceOf[t] = r THEN 0 ELSE @[t]]]
    /\ UNCHANGED ring
    /\ EndsInvalid(n)
    /\ UNCHANGED <<life, key, refused, question, misses>>

-----------------------------------------------------------------------------
(* Requests *)

Admit(n, t) ==
    /\ Admissible(n, t)
    /\ IF n = 1 THEN Verified(t) ELSE UNCHANGED <<entry, refused>>
    /\ Held(n, t, IF n = 1 THEN NoLimit ELSE entry[n][t])
    /\ UNCHANGED <<life, key, ring, grace, revoked, question, misses>>

Deny(n, t) ==
    /\ Known(t)
    /\ ~Admissible(n, t)
    /\ n = 1 \/ Unasked(n, t)
    /\ IF n = 1 THEN Verified(t) ELSE UNCHANGED <<entry, refused>>
    /\ UNCHANGED <<life, key, ring, grace, revoked, question, misses, held>>

\* Nobody here knows: node 1 is asked (RemoteVerifier.verify).
Ask(n, t) ==
    /\ n # 1
    /\ Known(t)
    /\ ~Unasked(n, t)
    /\ question[n] = NoQuestion
    /\ question' = [question EXCEPT ![n] = <<t, "asked", 0, 0, -1>>]
    /\ UNCHANGED <<life, key, ring, grace, revoked, entry, refused, misses, held>>

\* Another request with the same capability waits for the same answer.
Join(n, t) ==
    /\ Joins
    /\ ~Unasked(n, t)
    /\ question[n][1] = t
    /\ question[n][5] = -1
    /\ question' = [question EXCEPT ![n][5] = 0]
    /\ UNCHANGED <<life, key, ring, grace, revoked, entry, refused, misses, held>>

\* Node 1 decides, with what it knows at this moment. The answer is on its way.
Judge(n) ==
    LET t == question[n][1]
    IN  /\ question[n][2] = "asked"
        /\ Verified(t)
        /\ \E ttl \in IF Admissible(1, t) THEN VerdictTtls ELSE {0} :
             question' = [question EXCEPT ![n][2] = IF Admissible(1, t) THEN "valid" ELSE "refused", ![n][4] = ttl]
        /\ UNCHANGED <<life, key, ring, grace, revoked, misses, held>>

\* Its life is counted from the question: a late answer is no fresh one.
Answered(n) ==
    LET t == question[n][1]
        left == AnswerLeft(n)
    IN  /\ entry' = IF question[n][2] = "valid" THEN [entry EXCEPT ![n][t] = IF left > 0 THEN left ELSE 0] ELSE entry
        /\ refused' = IF question[n][2] = "refused" THEN [refused EXCEPT ![n][t] = RefusedTtl] ELSE refused
        /\ question' = [question EXCEPT ![n] = NoQuestion]
        /\ misses' = [misses EXCEPT ![n] = 0]
        /\ UNCHANGED <<life, key, ring, grace, revoked>>

\* The answer lets in whoever waited for it,
Vouch(n) ==
    /\ Vouchable(n)
    /\ Answered(n)
    /\ Held(n, question[n][1], AnswerLeft(n))

\* or nobody: it says no, it is stale, or what is known here speaks against it.
Dismiss(n) ==
    /\ question[n][2] \in {"valid", "refused"}
    /\ ~Vouchable(n)
    /\ Answered(n)
    /\ UNCHANGED held

\* There is no answer: nobody is let in (B8: it fails closed).
Lose(n) ==
    /\ question[n] # NoQuestion
    /\ misses[n] < MissesMax
    /\ misses' = [misses EXCEPT ![n] = @ + 1]
    /\ question' = [question EXCEPT ![n] = NoQuestion]
    /\ UNCHANGED <<life, key, ring, grace, revoked, entry, refused, held>>

\* A request under way gets a payload.
Serve(n) ==
    /\ held[n] # Nothing
    /\ HeldStands(n)
    /\ UNCHANGED vars

\* There is one for it, and it may not have it.
Cut(n) ==
    /\ held[n] # Nothing
    /\ ~HeldStands(n)
    /\ held' = [held EXCEPT ![n] = Nothing]
    /\ UNCHANGED <<life, key, ring, grace, revoked, entry, refused, question, misses>>

\* It ends by itself.
End(n) ==
    /\ held[n] # Nothing
    /\ held' = [held EXCEPT ![n] = Nothing]
    /\ UNCHANGED <<life, key, ring, grace, revoked, entry, refused, question, misses>>

-----------------------------------------------------------------------------
(* The nodes and time *)

\* The cache is emptied: a spike of failures (K6), or everything in it made room.
Purge(n) ==
    /\ entry' = [entry EXCEPT ![n] = [t \in Caps |-> 0]]
    /\ UNCHANGED <<life, key, ring, grace, revoked, refused, question, misses, held>>

\* Another process takes the node over: it knows the revocations that were answered, and nothing else.
Restart(n) ==
    /\ entry' = [entry EXCEPT ![n] = [t \in Caps |-> 0]]
    /\ refused' = [refused EXCEPT ![n] = [t \in Caps |-> 0]]
    /\ question' = [question EXCEPT ![n] = NoQuestion]
    /\ misses' = [misses EXCEPT ![n] = 0]
    /\ held' = [held EXCEPT ![n] = Nothing]
    /\ UNCHANGED <<life, key, ring, grace, revoked>>

QuestionLater(q) ==
    IF q = NoQuestion THEN q ELSE <<q[1], q[2], q[3] + 1, q[4], IF q[5] = -1 THEN -1 ELSE q[5] + 1>>

Tick ==
    /\ \A n \in Nodes : question[n] = NoQuestion \/ question[n][3] < AskMax
    /\ life' = [t \in Caps |-> Later(life[t])]
    /\ grace' = [r \in Things |-> Later(grace[r])]
    /\ entry' = [n \in Nodes |-> [t \in Caps |-> CachedLater(entry[n][t])]]
    /\ refused' = [n \in Nodes |-> [t \in Caps |-> Later(refused[n][t])]]
    /\ question' = [n \in Nodes |-> QuestionLater(question[n])]
    /\ held' = [n \in Nodes |-> <<held[n][1], CachedLater(held[n][2])>>]
    /\ UNCHANGED <<key, ring, revoked, misses>>

Next ==
    \/ \E t \in Caps : Mint(t) \/ Attenuate(t)
    \/ Rotate \/ Retire \/ Tick
    \/ \E n \in Nodes :
        \/ \E r \in Things : Revoke(n, r)
        \/ \E t \in Caps : Admit(n, t) \/ Deny(n, t) \/ Ask(n, t) \/ Join(n, t)
        \/ Judge(n) \/ Vouch(n) \/ Dismiss(n) \/ Lose(n) \/ Serve(n) \/ Cut(n) \/ End(n) \/ Purge(n) \/ Restart(n)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must hold *)

\* Node n may do something for whoever presents t: let a request in, now or with the answer that is on its way, or give one
\* that is under way another payload.
Allows(n, t) ==
    \/ Admissible(n, t)
    \/ question[n][1] = t /\ Vouchable(n)
    \/ held[n][1] = t /\ HeldStands(n)

\* Node n itself was told, or it is node 1 and the key is gone.
OverHere(n, t) == ThingsOf(t) \cap revoked[n] # {} \/ (n = 1 /\ key[t] \notin ring)
\* Node 1 was told, and the TTL has passed since.
OverEverywhere(t) == \E r \in ThingsOf(t) : grace[r] = 0

\* S3, AU3: at once where it is said, within the TTL everywhere.
RevokedProp ==
    [](\A t \in Caps : Known(t) =>
        \A n \in Nodes : OverHere(n, t) \/ OverEverywhere(t) => ~Allows(n, t))

\* AU1: nor anything under one that expired, or that nobody minted.
ExpiredInv == \A n \in Nodes, t \in Caps : life[t] <= 0 => ~Allows(n, t)

\* A capability that is good is let in where the keyring is, whatever happened before: a rollover interrupts nobody (P3, AU5).
GoodInv ==
    \A t \in Caps : Known(t) /\ life[t] > 0 /\ key[t] \in ring /\ ThingsOf(t) \cap revoked[1] = {} => Admissible(1, t)

\* Attenuating widens nothing, and leaves behind nothing: what revokes the one revokes the other.
NarrowerInv ==
    \A t \in Caps : ParentOf[t] # 0 /\ Known(t) => life[t] <= life[ParentOf[t]] /\ ThingsOf(t) = ThingsOf(ParentOf[t])

\* Nobody's word counts longer than the TTL, and nobody asks where the keyring is.
TypeOK ==
    /\ \A t \in Caps : life[t] \in -1..Life /\ key[t] \in 0..Keys /\ (life[t] = -1 <=> key[t] = 0)
    /\ ring # {} /\ ring \subseteq 1..Keys
    /\ \A r \in Things : grace[r] \in -1..Ttl
    /\ \A n \in Nodes :
        /\ revoked[n] \subseteq Things
        /\ \A t \in Caps : entry[n][t] \in 0..Ttl /\ refused[n][t] \in 0..RefusedTtl /\ (~Known(t) => ~Unasked(n, t))
        /\ question[n][1] \in 0..T
        /\ question[n][2] \in {"none", "asked", "valid", "refused"}
        /\ question[n][3] \in 0..AskMax
        /\ question[n][5] <= question[n][3]
        /\ misses[n] \in 0..MissesMax
        /\ held[n][1] \in 0..T
        /\ held[n][2] \in IF n = 1 /\ held[n] # Nothing THEN {NoLimit} ELSE 0..Ttl
    /\ question[1] = NoQuestion
    /\ \A r \in revoked[1] : grace[r] # -1

\* Known not to hold: each is reached (MCCapabilityReached).
DebugGraceInv == ~\E n \in Nodes, t \in Caps : Allows(n, t) /\ \E r \in ThingsOf(t) : grace[r] > 0
DebugStaleAnswerInv == ~\E n \in Nodes : question[n][2] = "valid" /\ AnswerLeft(n) <= 0
DebugRevokedMeanwhileInv == ~\E n \in Nodes : question[n][2] = "valid" /\ ~Stands(n, question[n][1])
DebugOverlapInv == ~\E s, t \in Caps : key[s] # key[t] /\ Admissible(1, s) /\ Admissible(1, t)
DebugHeldOverInv == ~\E n \in Nodes : held[n] # Nothing /\ ~HeldStands(n)
DebugOverThenKnownInv == ~\E n \in Nodes, t \in Caps : Fresh(n, t) /\ OverEverywhere(t)
=============================================================================
