------------------------------ MODULE Mailbox ------------------------------
(***************************************************************************)
(* What may happen to the messages of one topic in one shard. The rules    *)
(* are those of docs/lifecycle.md; each definition names the rule and the  *)
(* TypeScript that mirrors it. Time is countdowns, so that the states are  *)
(* finitely many: a deadline is the number of ticks that are left.         *)
(* There are no bounds of a model here; those are in MC*.tla.              *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS
    N,               \* messages 1..N, sent in this order: a message is its own sequence number
    KeyOf,           \* [1..N -> keys]: the idem_key of each
    MaxAttempts,     \* limits.maxAttempts
    MaxRedrives,     \* limits.maxRedrives
    Visibility,      \* length of a lease, in ticks
    InflightFactor,  \* a lease with its extensions lasts at most this many times as long (LE5)
    Backoff,         \* longest backoff, in ticks
    TReplay,         \* idempotency window, in ticks
    ReleasesMax,     \* uncounted releases in a row (LE7)
    ReadyRetention,  \* ticks a message may wait for a consumer; 0 for ever
    ShardCapacity,   \* queued + leased + redelivered
    GlobalInflight,  \* leased
    DedupCapacity,   \* open idempotency windows
    CrashesMax       \* liveness needs crashes to come to an end

VARIABLES
    state,     \* spec/vocabulary.ts STATES
    attempt,   \* leases counted since the send or the last reprocess
    epoch,     \* leases ever; the receipt of a lease is its epoch
    redrives,  \* reprocesses so far
    releases,  \* uncounted releases in a row
    timer,     \* leased: ticks to the deadline; queued, redelivered: ticks to the not-before
    left,      \* leased: ticks that extensions may still reach (LE5)
    keep,      \* queued, redelivered: ticks to the end of its retention
    window,    \* ticks that its idempotency entry still lives (ID1)
    up,        \* the process runs
    crashes,   \* crashes so far
    accepted,  \* history: messages whose send was answered
    delivered  \* history: deliveries counted since the send or the last reprocess, whatever recovery makes of `attempt`

vars == <<state, attempt, epoch, redrives, releases, timer, left, keep, window, up, crashes, accepted, delivered>>

Msgs == 1..N
States == {"absent", "queued", "leased", "redelivered", "acked", "dead_lettered", "purged"}
Waiting == {"queued", "redelivered"}
Live == Waiting \cup {"leased"}

TypeOK ==
    /\ state \in [Msgs -> States]
    /\ attempt \in [Msgs -> 0..MaxAttempts]
    /\ epoch \in [Msgs -> Nat]
    /\ redrives \in [Msgs -> 0..MaxRedrives]
    /\ releases \in [Msgs -> 0..ReleasesMax]
    /\ timer \in [Msgs -> Nat]
    /\ left \in [Msgs -> 0..(InflightFactor * Visibility)]
    /\ keep \in [Msgs -> 0..ReadyRetention]
    /\ window \in [Msgs -> 0..TReplay]
    /\ up \in BOOLEAN
    /\ crashes \in 0..CrashesMax
    /\ accepted \subseteq Msgs
    /\ delivered \in [Msgs -> Nat]

Init ==
    /\ state = [m \in Msgs |-> "absent"]
    /\ attempt = [m \in Msgs |-> 0]
    /\ epoch = [m \in Msgs |-> 0]
    /\ redrives = [m \in Msgs |-> 0]
    /\ releases = [m \in Msgs |-> 0]
    /\ timer = [m \in Msgs |-> 0]
    /\ left = [m \in Msgs |-> 0]
    /\ keep = [m \in Msgs |-> 0]
    /\ window = [m \in Msgs |-> 0]
    /\ up = TRUE
    /\ crashes = 0
    /\ accepted = {}
    /\ delivered = [m \in Msgs |-> 0]

Depth == Cardinality({m \in Msgs : state[m] \in Live})
Inflight == Cardinality({m \in Msgs : state[m] = "leased"})
Windows == Cardinality({m \in Msgs : window[m] > 0})

-----------------------------------------------------------------------------
(* Guards, as in spec/lifecycle.ts *)

\* guards.isAvailable (LE1)
Available(m) == state[m] \in Waiting /\ timer[m] = 0

\* guards.retentionIsOver (DL1, I5)
Overdue(m) == state[m] \in Waiting /\ ReadyRetention > 0 /\ keep[m] = 0

\* guards.holdsLease (LE3): receipt r settles the lease
Valid(m, r) == state[m] = "leased" /\ r = epoch[m] /\ timer[m] > 0
Holds(m) == \E r \in 1..epoch[m] : Valid(m, r)

\* guards.attemptsLeft (RT1)
AttemptsLeft(m) == attempt[m] < MaxAttempts

\* guards.mayExtend (LE5)
MayExtend(m) == left[m] >= Visibility

-----------------------------------------------------------------------------
(* Updates, as in spec/lifecycle.ts *)

\* updates.close: the lease ends without another delivery
Close(m, to) ==
    /\ state' = [state EXCEPT ![m] = to]
    /\ releases' = [releases EXCEPT ![m] = 0]
    /\ timer' = [timer EXCEPT ![m] = 0]
    /\ left' = [left EXCEPT ![m] = 0]
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ UNCHANGED <<attempt, epoch, redrives, window, up, crashes, accepted, delivered>>

\* updates.giveBack (RT1): redelivered after a backoff that the jitter chooses, 0..Backoff
GiveBack(m) ==
    \E backoff \in 0..Backoff :
        /\ state' = [state EXCEPT ![m] = "redelivered"]
        /\ releases' = [releases EXCEPT ![m] = 0]
        /\ timer' = [timer EXCEPT ![m] = backoff]
        /\ left' = [left EXCEPT ![m] = 0]
        /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
        /\ UNCHANGED <<attempt, epoch, redrives, window, up, crashes, accepted, delivered>>

\* RT2: decided at the return itself
Return(m) == IF AttemptsLeft(m) THEN GiveBack(m) ELSE Close(m, "dead_lettered")

-----------------------------------------------------------------------------
(* Actions: spec/vocabulary.ts ACTION_OF; src/core/decide.ts and apply.ts *)

\* decideSend (AC1, ID1, ID2, BD1). A duplicate and a refusal change nothing: they are no steps.
Send(m) ==
    /\ up
    /\ state[m] = "absent"
    /\ \A earlier \in Msgs : earlier < m => state[earlier] # "absent"
    /\ \A other \in Msgs : KeyOf[other] = KeyOf[m] => window[other] = 0
    /\ Windows < DedupCapacity
    /\ Depth < ShardCapacity
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ window' = [window EXCEPT ![m] = TReplay]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ accepted' = accepted \cup {m}
    /\ UNCHANGED <<attempt, epoch, redrives, releases, timer, left, up, crashes, delivered>>

\* decideRecv (LE1, LE2, BD1): the available message with the lowest sequence number
Recv(m) ==
    /\ up
    /\ Available(m)
    /\ \A other \in Msgs : other < m => ~Available(other)
    /\ Inflight < GlobalInflight
    /\ state' = [state EXCEPT ![m] = "leased"]
    /\ attempt' = [attempt EXCEPT ![m] = @ + 1]
    /\ delivered' = [delivered EXCEPT ![m] = @ + 1]
    /\ epoch' = [epoch EXCEPT ![m] = @ + 1]
    /\ timer' = [timer EXCEPT ![m] = Visibility]
    /\ left' = [left EXCEPT ![m] = InflightFactor * Visibility]
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ UNCHANGED <<redrives, releases, window, up, crashes, accepted>>

\* decideAck (LE3)
Ack(m) == up /\ Holds(m) /\ Close(m, "acked")

\* decideNack (LE3, RT1, RT2): given back, or to the dead letters because the consumer says so
Nack(m) == up /\ Holds(m) /\ (Return(m) \/ Close(m, "dead_lettered"))

\* decideExtend (LE5)
Extend(m) ==
    /\ up
    /\ Holds(m)
    /\ MayExtend(m)
    /\ timer' = [timer EXCEPT ![m] = Visibility]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, left, keep, window, up, crashes, accepted, delivered>>

\* decideRelease (LE7): the lease whose bytes were never written does not count, ReleasesMax times in a row
Release(m) ==
    /\ up
    /\ Holds(m)
    /\ IF releases[m] < ReleasesMax
       THEN /\ state' = [state EXCEPT ![m] = IF attempt[m] = 1 THEN "queued" ELSE "redelivered"]
            /\ attempt' = [attempt EXCEPT ![m] = @ - 1]
            /\ delivered' = [delivered EXCEPT ![m] = @ - 1]
            /\ releases' = [releases EXCEPT ![m] = @ + 1]
            /\ timer' = [timer EXCEPT ![m] = 0]
            /\ left' = [left EXCEPT ![m] = 0]
            /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
            /\ UNCHANGED <<epoch, redrives, window, up, crashes, accepted>>
       ELSE Return(m)

\* decideExpire (RT3, and the retention of DL1)
Expire(m) ==
    /\ up
    /\ \/ state[m] = "leased" /\ timer[m] = 0 /\ Return(m)
       \/ Overdue(m) /\ Close(m, "dead_lettered")

\* decideReprocess (DL2)
Reprocess(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ redrives[m] < MaxRedrives
    /\ Depth < ShardCapacity
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ attempt' = [attempt EXCEPT ![m] = 0]
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ UNCHANGED <<epoch, releases, timer, left, window, up, crashes, accepted>>

\* decidePurge (DL3)
Purge(m) == up /\ state[m] = "dead_lettered" /\ Close(m, "purged")

Less(n) == IF n = 0 THEN 0 ELSE n - 1

\* src/core/advance.ts: time passes, for a process that is down too; a running one first does what is due (src/core/due.ts)
Tick ==
    /\ up => \A m \in Msgs : ~(state[m] = "leased" /\ timer[m] = 0) /\ ~Overdue(m)
    /\ timer' = [m \in Msgs |-> Less(timer[m])]
    /\ left' = [m \in Msgs |-> Less(left[m])]
    /\ keep' = [m \in Msgs |-> Less(keep[m])]
    /\ window' = [m \in Msgs |-> Less(window[m])]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, up, crashes, accepted, delivered>>

\* The process dies. What was answered is durable (AC1), so nothing of it changes.
Crash ==
    /\ up
    /\ crashes < CrashesMax
    /\ up' = FALSE
    /\ crashes' = crashes + 1
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, timer, left, keep, window, accepted, delivered>>

\* src/core/recover.ts (RT4, TM1): attempts and epochs stay, deadlines are at most what they were
Recover ==
    /\ ~up
    /\ up' = TRUE
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, timer, left, keep, window, crashes, accepted, delivered>>

Next ==
    \/ \E m \in Msgs :
        \/ Send(m) \/ Recv(m) \/ Ack(m) \/ Nack(m) \/ Extend(m) \/ Release(m)
        \/ Expire(m) \/ Reprocess(m) \/ Purge(m)
    \/ Tick \/ Crash \/ Recover

\* Nothing is assumed of consumers: they may never ack.
Fairness ==
    /\ WF_vars(Tick)
    /\ WF_vars(Recover)
    /\ \A m \in Msgs : WF_vars(Expire(m)) /\ SF_vars(Recv(m))

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
(* Invariants: spec/vocabulary.ts INVARIANTS *)

NoLossInv == \A m \in accepted : state[m] # "absent"

SingleLeaseInv == \A m \in Msgs : Cardinality({r \in 1..epoch[m] : Valid(m, r)}) <= 1

AttemptsBoundedInv ==
    \A m \in Msgs :
        /\ attempt[m] <= MaxAttempts
        /\ delivered[m] <= MaxAttempts
        /\ state[m] = "redelivered" => attempt[m] < MaxAttempts

IdempotentInv == \A m, other \in Msgs : m # other /\ window[m] > 0 /\ window[other] > 0 => KeyOf[m] # KeyOf[other]

CapacityInv == Depth <= ShardCapacity /\ Inflight <= GlobalInflight /\ Windows <= DedupCapacity

AckFinalProp == [][\A m \in Msgs : state[m] = "acked" => state'[m] = "acked"]_vars

EpochMonotoneProp == [][\A m \in Msgs : epoch'[m] >= epoch[m]]_vars

\* An entry loses at most one tick a step: it lives as long as t_replay lasts (ID1, ID4).
WindowProp == [][\A m \in Msgs : window[m] > 0 => window'[m] + 1 >= window[m]]_vars

\* From dead_lettered a message may be reprocessed: then the same holds again.
DeliveredLive == \A m \in Msgs : state[m] \in Live ~> state[m] \in {"acked", "dead_lettered"}

-----------------------------------------------------------------------------
(* Known not to hold: each must fail, or a state is never reached and the rest is vacuous. *)

DebugQueuedInv == \A m \in Msgs : state[m] # "queued"
DebugLeasedInv == \A m \in Msgs : state[m] # "leased"
DebugRedeliveredInv == \A m \in Msgs : state[m] # "redelivered"
DebugAckedInv == \A m \in Msgs : state[m] # "acked"
DebugDeadLetteredInv == \A m \in Msgs : state[m] # "dead_lettered"
DebugPurgedInv == \A m \in Msgs : state[m] # "purged"
DebugReprocessedInv == \A m \in Msgs : redrives[m] = 0
DebugReleasedInv == \A m \in Msgs : releases[m] = 0
DebugDownInv == up
=============================================================================
