------------------------------ MODULE Mailbox ------------------------------
(***************************************************************************)
(* What may happen to the messages of one shard. The rules are those of    *)
(* docs/lifecycle.md; each definition names the rule and the TypeScript    *)
(* that mirrors it.                                                        *)
(* Time is countdowns, so that the states are finitely many: a deadline is *)
(* the number of ticks that are left. No bounds of a model are in here;    *)
(* those are in MC*.tla and MC*.cfg.                                       *)
(***************************************************************************)
EXTENDS Integers, FiniteSets, Sequences

CONSTANTS
    N,               \* messages 1..N, sent in this order: a message is its own sequence number
    TopicOf,         \* topic of each message
    TenantOf,        \* tenant of each topic (BD5)
    KeyOf,           \* idem_key of each message
    SizeOf,          \* bytes of each payload
    Delays,          \* delay_ms that sends ask for
    Ttls,            \* ttl_ms that sends ask for, NoTtl for none
    Visibilities,    \* visibility_ms that recv and extend ask for
    Budgets,         \* bytes that recv has room for
    RetryAfters,     \* retry_after_ms that nacks ask for
    Asked,           \* why a nack may ask for the dead letters: "rejected" by a consumer, "integrity" by the mailbox (IN1)
    Elsewhere,       \* leases held in the other shards
    ElsewhereOfTenant, \* those of them that each tenant holds
    Elapsed,         \* ticks that may pass while the process is down
    MaxAttempts,     \* limits.maxAttempts
    MaxRedrives,     \* limits.maxRedrives
    InflightFactor,  \* a lease with its extensions lasts at most this many times its visibility (LE5)
    ReleasesMax,     \* uncounted releases in a row (LE7)
    BackoffBase,     \* ticks; doubled with each attempt (RT1)
    BackoffMax,      \* longest backoff, in ticks
    TReplay,         \* idempotency window and memory of settled receipts, in ticks
    ReadyRetention,  \* ticks a message may wait for a consumer; 0 for ever
    DlqRetention,    \* ticks a dead letter is kept; 0 for ever
    ShardCapacity,   \* queued + leased + redelivered
    GlobalInflight,  \* leased, Elsewhere included
    DedupCapacity,   \* open idempotency windows
    SettledCapacity, \* settled receipts remembered
    DlqMaxPerTopic,  \* dead letters of one topic
    DlqCapacity,     \* dead letters of the shard
    TenantShare,     \* percent of a bound that a tenant has while there is any room (BD5); 0: tenants are not told apart
    TenantReserve,   \* percent of a bound that only tenants within their share may use
    TopicShare,      \* percent of its tenant's share that a topic has while there is any room in it; 0: topics are not told apart
    Errors,          \* whether last_error is told apart; FALSE where a model need not
    CrashesMax       \* liveness needs crashes to come to an end

VARIABLES
    \* Of each message (src/core/state.ts Message):
    state,      \* spec/vocabulary.ts STATES
    attempt,    \* leases counted since the send or the last reprocess
    epoch,      \* leases ever
    redrives,   \* reprocesses so far
    releases,   \* uncounted releases in a row
    receipt,    \* leased: the receipt of the lease, which is its epoch; else 0
    timer,      \* leased: ticks to the deadline; queued, redelivered: ticks to the not-before
    left,       \* leased: ticks that extensions may still reach (LE5)
    visibility, \* leased: the visibility of the recv
    ttl,        \* queued, leased, redelivered: ticks to the end of its ttl
    keep,       \* queued, redelivered, dead_lettered: ticks to the end of its retention
    window,     \* ticks that its idempotency entry still lives (ID1)
    reason,     \* dead_lettered: why
    error,      \* last_error
    \* Of the shard (src/core/state.ts ShardState):
    dlq,        \* dead letters, oldest first
    settled,    \* settled leases while their verb may be said again, oldest first: <<message, receipt, verb, state, ticks left>> (LE4)
    \* Of the process:
    up,         \* it runs
    crashes,    \* crashes so far
    \* History:
    accepted,   \* messages whose send was answered
    delivered   \* deliveries counted since the send or the last reprocess, whatever recovery makes of `attempt`

shardVars == <<state, attempt, epoch, redrives, releases, receipt, timer, left, visibility, ttl, keep, window, reason, error,
               dlq, settled>>
vars == <<shardVars, up, crashes, accepted, delivered>>

Msgs == 1..N
NoTtl == -1
States == {"absent", "queued", "leased", "redelivered", "acked", "dead_lettered", "purged"}
Waiting == {"queued", "redelivered"}
Live == Waiting \cup {"leased"}
Reasons == {"none", "max_attempts", "rejected", "integrity", "retention", "ttl"}
LastErrors == {"none", "expired", "nacked", "released"}

Max(a, b) == IF a > b THEN a ELSE b
Min(a, b) == IF a < b THEN a ELSE b
Less(n, d) == Max(n - d, 0)
Error(name) == IF Errors THEN name ELSE "none"

InState(states) == {m \in Msgs : state[m] \in states}
Depth == Cardinality(InState(Live))
Inflight == Cardinality(InState({"leased"}))
Windows == Cardinality({m \in Msgs : window[m] > 0})
DeadOf(m) == SelectSeq(dlq, LAMBDA d : TopicOf[d] = TopicOf[m])
Tenant(m) == TenantOf[TopicOf[m]]
OfTenant(m, ms) == {o \in ms : Tenant(o) = Tenant(m)}
OfTopic(m, ms) == {o \in ms : TopicOf[o] = TopicOf[m]}

-----------------------------------------------------------------------------
(* Guards: spec/lifecycle.ts and src/core/decide.ts *)

\* guards.isAvailable (LE1)
Available(m) ==
    /\ state[m] \in Waiting
    /\ timer[m] = 0

\* guards.holdsLease (LE3): receipt r settles the lease
Valid(m, r) ==
    /\ state[m] = "leased"
    /\ r = receipt[m]
    /\ timer[m] > 0
\* What may be presented: any receipt that m ever had, and 0 for one that nobody was given
Receipts(m) == 0..epoch[m]
Holds(m) == \E r \in Receipts(m) : Valid(m, r)

\* guards.leaseIsOver (RT3)
LeaseIsOver(m) ==
    /\ state[m] = "leased"
    /\ timer[m] = 0

\* guards.ttlIsOver (AC2)
TtlIsOver(m) ==
    /\ state[m] \in Waiting
    /\ ttl[m] = 0

\* guards.retentionIsOver (DL1, I5)
RetentionIsOver(m) ==
    /\ state[m] \in Waiting
    /\ ReadyRetention > 0
    /\ keep[m] = 0

\* due.ts: a dead letter is kept no longer (DL3)
PurgeIsDue(m) ==
    /\ state[m] = "dead_lettered"
    /\ DlqRetention > 0
    /\ keep[m] = 0

\* guards.attemptsLeft (RT1)
AttemptsLeft(m) == attempt[m] < MaxAttempts

\* guards.mayExtend (LE5)
MayExtend(m, length) == length <= left[m]

\* guards.releasesLeft (LE7)
ReleasesLeft(m) == releases[m] < ReleasesMax

\* guards.redrivesLeft (DL2)
RedrivesLeft(m) == redrives[m] < MaxRedrives

\* ShardState.find: a message that is over is forgotten when no duplicate and no repeated verb can name it any more
Known(m) ==
    /\ state[m] # "absent"
    /\ \/ state[m] \notin {"acked", "purged"}
       \/ window[m] > 0
       \/ \E i \in DOMAIN settled : settled[i][1] = m

\* share.ts isFair (BD5): within its share, or more than the reserve is free
Percent == 100
Fair(share, whole, used, own) ==
    \/ own * Percent < share * whole
    \/ (whole - used) * Percent > TenantReserve * whole

\* share.ts mayTake (BD5): m takes one more of a bound that these messages have, and so many elsewhere, those of its tenant among them
MayTake(m, bound, ms, elsewhere, ofTenant) ==
    LET own == Cardinality(OfTenant(m, ms)) + ofTenant
    IN  TenantShare > 0 =>
            /\ Fair(TenantShare, bound, Cardinality(ms) + elsewhere, own)
            /\ TopicShare > 0 =>
                Fair(TopicShare, bound * TenantShare, own * Percent, Cardinality(OfTopic(m, ms)) * Percent)
MayWait(m) == MayTake(m, ShardCapacity, InState(Live), 0, 0)
MayEnter(m) == MayTake(m, DedupCapacity, {o \in Msgs : window[o] > 0}, 0, 0) /\ MayWait(m)
MayLease(m) == MayTake(m, GlobalInflight, InState({"leased"}), Elsewhere, ElsewhereOfTenant)

\* m is what the next send brings
Sendable(m) ==
    /\ state[m] = "absent"
    /\ \A earlier \in Msgs : earlier < m => state[earlier] # "absent"

\* ID1: a live entry of the same topic and key
LiveKey(m) == \E o \in Msgs : window[o] > 0 /\ TopicOf[o] = TopicOf[m] /\ KeyOf[o] = KeyOf[m]

\* firstAvailable (LE1)
First(m) ==
    /\ Available(m)
    /\ \A o \in Msgs : o < m /\ TopicOf[o] = TopicOf[m] => ~Available(o)

\* settledBefore (LE4): this verb settled a lease, with this outcome
SettledBy(verb, to) == \E i \in DOMAIN settled : settled[i][3] = verb /\ settled[i][4] = to

\* due.ts: nothing that time alone asks for stands out
MayPass ==
    \A m \in Msgs :
        /\ ~LeaseIsOver(m)
        /\ ~TtlIsOver(m)
        /\ ~RetentionIsOver(m)
        /\ ~PurgeIsDue(m)

-----------------------------------------------------------------------------
(* Updates: spec/lifecycle.ts updates and src/core/apply.ts *)

Set(f, ms, value) == [m \in Msgs |-> IF m \in ms THEN value ELSE f[m]]

\* The leases or the waiting of these are over.
Idle(ms) ==
    /\ releases' = Set(releases, ms, 0)
    /\ receipt' = Set(receipt, ms, 0)
    /\ timer' = Set(timer, ms, 0)
    /\ left' = Set(left, ms, 0)
    /\ visibility' = Set(visibility, ms, 0)
    /\ ttl' = Set(ttl, ms, NoTtl)

\* updates.close of a message that is over for good: it keeps its numbers. DL3: the trace of a purge is its fact.
End(m, to) ==
    /\ state' = [state EXCEPT ![m] = to]
    /\ Idle({m})
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ UNCHANGED <<attempt, epoch, redrives, window>>

\* Holders (DL3): the dead letters of tenants that hold the most, oldest first
Held(m) == Cardinality(OfTenant(m, InState({"dead_lettered"})))
MostHeld == SelectSeq(dlq, LAMBDA d : \A o \in InState({"dead_lettered"}) : Held(o) <= Held(d))

\* pushedOut (DL3, BD1, BD5): a dead letter over a bound pushes out the oldest of its topic, or of the tenant that holds the most: the
\* newcomer's own where none holds more
PushedOut(m) ==
    IF Len(DeadOf(m)) >= DlqMaxPerTopic THEN {Head(DeadOf(m))}
    ELSE IF Len(dlq) < DlqCapacity THEN {}
    ELSE IF TenantShare = 0 THEN {Head(dlq)}
    ELSE LET own == SelectSeq(MostHeld, LAMBDA d : Tenant(d) = Tenant(m))
         IN  {Head(IF own # <<>> THEN own ELSE MostHeld)}

\* updates.close to the dead letters (DL1, RT2)
DeadLetter(m, why, last) ==
    LET out == PushedOut(m)
    IN  /\ state' = [Set(state, out, "purged") EXCEPT ![m] = "dead_lettered"]
        /\ Idle({m} \cup out)
        /\ keep' = [Set(keep, out, 0) EXCEPT ![m] = DlqRetention]
        /\ reason' = [Set(reason, out, "none") EXCEPT ![m] = why]
        /\ error' = [Set(error, out, "none") EXCEPT ![m] = last]
        /\ dlq' = Append(SelectSeq(dlq, LAMBDA d : d \notin out), m)
        /\ UNCHANGED <<attempt, epoch, redrives, window>>

\* updates.giveBack (RT1): redelivered, after a backoff
GiveBack(m, backoff, last) ==
    /\ state' = [state EXCEPT ![m] = "redelivered"]
    /\ releases' = [releases EXCEPT ![m] = 0]
    /\ receipt' = [receipt EXCEPT ![m] = 0]
    /\ timer' = [timer EXCEPT ![m] = backoff]
    /\ left' = [left EXCEPT ![m] = 0]
    /\ visibility' = [visibility EXCEPT ![m] = 0]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ error' = [error EXCEPT ![m] = last]
    /\ UNCHANGED <<attempt, epoch, redrives, ttl, window, reason, dlq>>

\* updates.takeBack (LE7): the lease never was
TakeBack(m) ==
    /\ state' = [state EXCEPT ![m] = IF attempt[m] = 1 THEN "queued" ELSE "redelivered"]
    /\ attempt' = [attempt EXCEPT ![m] = @ - 1]
    /\ releases' = [releases EXCEPT ![m] = @ + 1]
    /\ receipt' = [receipt EXCEPT ![m] = 0]
    /\ timer' = [timer EXCEPT ![m] = 0]
    /\ left' = [left EXCEPT ![m] = 0]
    /\ visibility' = [visibility EXCEPT ![m] = 0]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ UNCHANGED <<epoch, redrives, ttl, window, reason, error, dlq>>

\* backoffMs (RT1, D6): full jitter, 0 .. min(backoff_max, backoff_base x 2^attempt)
Backoffs(m) == 0..Min(BackoffMax, BackoffBase * 2^attempt[m])

\* A nack may say itself how long, and BackoffMax does not bound that (RT1)
NackBackoffs(m) == Backoffs(m) \cup RetryAfters

\* m, whose lease ends with this error, returns after one of these backoffs: decided at the return itself (RT1, RT2)
Return(m, backoffs, last) ==
    IF AttemptsLeft(m)
    THEN \E backoff \in backoffs : GiveBack(m, backoff, last)
    ELSE DeadLetter(m, "max_attempts", last)

\* remember (LE4): which receipt settled the lease, and how; the oldest is forgotten when there are too many
Remember(m, r, verb, to) ==
    LET all == Append(settled, <<m, r, verb, to, TReplay>>)
    IN  settled' = IF Len(all) > SettledCapacity THEN Tail(all) ELSE all

\* advance.ts: d ticks pass
LetPass(d) ==
    /\ timer' = [m \in Msgs |-> Less(timer[m], d)]
    /\ left' = [m \in Msgs |-> Less(left[m], d)]
    /\ ttl' = [m \in Msgs |-> IF ttl[m] = NoTtl THEN NoTtl ELSE Less(ttl[m], d)]
    /\ keep' = [m \in Msgs |-> Less(keep[m], d)]
    /\ window' = [m \in Msgs |-> Less(window[m], d)]
    /\ settled' = SelectSeq([i \in DOMAIN settled |-> [settled[i] EXCEPT ![5] = Less(@, d)]], LAMBDA e : e[5] > 0)
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, visibility, reason, error, dlq>>

-----------------------------------------------------------------------------
(* Actions: spec/vocabulary.ts ACTION_OF; src/core/decide.ts *)

Init ==
    /\ state = [m \in Msgs |-> "absent"]
    /\ attempt = [m \in Msgs |-> 0]
    /\ epoch = [m \in Msgs |-> 0]
    /\ redrives = [m \in Msgs |-> 0]
    /\ releases = [m \in Msgs |-> 0]
    /\ receipt = [m \in Msgs |-> 0]
    /\ timer = [m \in Msgs |-> 0]
    /\ left = [m \in Msgs |-> 0]
    /\ visibility = [m \in Msgs |-> 0]
    /\ ttl = [m \in Msgs |-> NoTtl]
    /\ keep = [m \in Msgs |-> 0]
    /\ window = [m \in Msgs |-> 0]
    /\ reason = [m \in Msgs |-> "none"]
    /\ error = [m \in Msgs |-> "none"]
    /\ dlq = <<>>
    /\ settled = <<>>
    /\ up = TRUE
    /\ crashes = 0
    /\ accepted = {}
    /\ delivered = [m \in Msgs |-> 0]

\* decideSend (AC1, AC2, ID1, BD1, BD5)
Send(m) ==
    /\ up
    /\ Sendable(m)
    /\ ~LiveKey(m)
    /\ Windows < DedupCapacity
    /\ Depth < ShardCapacity
    /\ MayEnter(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ \E delay \in Delays : timer' = [timer EXCEPT ![m] = delay]
    /\ \E lifetime \in Ttls : ttl' = [ttl EXCEPT ![m] = lifetime]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ window' = [window EXCEPT ![m] = TReplay]
    /\ accepted' = accepted \cup {m}
    /\ UNCHANGED <<attempt, epoch, redrives, releases, receipt, left, visibility, reason, error, dlq, settled,
                   up, crashes, delivered>>

\* decideRecv (LE1, LE2, LE6, BD1, BD5)
Recv(m) ==
    /\ up
    /\ First(m)
    /\ \E budget \in Budgets : SizeOf[m] <= budget
    /\ Inflight + Elsewhere < GlobalInflight
    /\ MayLease(m)
    /\ \E length \in Visibilities :
        /\ timer' = [timer EXCEPT ![m] = length]
        /\ left' = [left EXCEPT ![m] = InflightFactor * length]
        /\ visibility' = [visibility EXCEPT ![m] = length]
    /\ state' = [state EXCEPT ![m] = "leased"]
    /\ attempt' = [attempt EXCEPT ![m] = @ + 1]
    /\ epoch' = [epoch EXCEPT ![m] = @ + 1]
    /\ receipt' = [receipt EXCEPT ![m] = epoch[m] + 1]
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ delivered' = [delivered EXCEPT ![m] = @ + 1]
    /\ UNCHANGED <<redrives, releases, ttl, window, reason, error, dlq, settled, up, crashes, accepted>>

\* decideAck (LE3, LE4)
Ack(m) ==
    /\ up
    /\ \E r \in Receipts(m) : Valid(m, r) /\ Remember(m, r, "ack", "acked")
    /\ End(m, "acked")
    /\ UNCHANGED <<up, crashes, accepted, delivered>>

\* decideNack (LE3, LE4, RT1, IN1): given back, to the dead letters for want of attempts, or there because the nack asks for it
Nack(m) ==
    /\ up
    /\ \E r \in Receipts(m) :
        /\ Valid(m, r)
        /\ \/ /\ Return(m, NackBackoffs(m), Error("nacked"))
              /\ Remember(m, r, "nack", IF AttemptsLeft(m) THEN "redelivered" ELSE "dead_lettered")
           \/ /\ \E why \in Asked : DeadLetter(m, why, Error("nacked"))
              /\ Remember(m, r, "nack", "dead_lettered")
    /\ UNCHANGED <<up, crashes, accepted, delivered>>

\* decideExtend (LE3, LE5): by a visibility of its own, or by the recv's
Extend(m) ==
    /\ up
    /\ Holds(m)
    /\ \E length \in Visibilities \cup {visibility[m]} :
        /\ MayExtend(m, length)
        /\ timer' = [timer EXCEPT ![m] = length]
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, left, visibility, ttl, keep, window, reason, error,
                   dlq, settled, up, crashes, accepted, delivered>>

\* decideRelease (LE7): the lease whose bytes were never written does not count, ReleasesMax times in a row
Release(m) ==
    /\ up
    /\ Holds(m)
    /\ IF ReleasesLeft(m)
       THEN TakeBack(m) /\ delivered' = [delivered EXCEPT ![m] = @ - 1]
       ELSE Return(m, Backoffs(m), Error("released")) /\ UNCHANGED delivered
    /\ UNCHANGED <<settled, up, crashes, accepted>>

\* decideExpire (RT1, RT3; the ttl of AC2, the retention of DL1)
Expire(m) ==
    /\ up
    /\ \/ LeaseIsOver(m) /\ Return(m, Backoffs(m), Error("expired"))
       \/ TtlIsOver(m) /\ DeadLetter(m, "ttl", error[m])
       \/ RetentionIsOver(m) /\ ~TtlIsOver(m) /\ DeadLetter(m, "retention", error[m])
    /\ UNCHANGED <<settled, up, crashes, accepted, delivered>>

\* decideReprocess (DL2, BD1, BD5)
Reprocess(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ RedrivesLeft(m)
    /\ Depth < ShardCapacity
    /\ MayWait(m)
    /\ state' = [state EXCEPT ![m] = "queued"]
    /\ attempt' = [attempt EXCEPT ![m] = 0]
    /\ redrives' = [redrives EXCEPT ![m] = @ + 1]
    /\ keep' = [keep EXCEPT ![m] = ReadyRetention]
    /\ reason' = [reason EXCEPT ![m] = "none"]
    /\ error' = [error EXCEPT ![m] = "none"]
    /\ dlq' = SelectSeq(dlq, LAMBDA d : d # m)
    /\ delivered' = [delivered EXCEPT ![m] = 0]
    /\ UNCHANGED <<epoch, releases, receipt, timer, left, visibility, ttl, window, settled, up, crashes, accepted>>

\* decidePurge (DL3)
Purge(m) ==
    /\ up
    /\ state[m] = "dead_lettered"
    /\ End(m, "purged")
    /\ UNCHANGED <<settled, up, crashes, accepted, delivered>>

\* Time passes; what is due is done first.
Tick ==
    /\ up
    /\ MayPass
    /\ LetPass(1)
    /\ UNCHANGED <<up, crashes, accepted, delivered>>

\* The process dies. What was answered is durable (AC1), so nothing of it changes.
Crash ==
    /\ up
    /\ crashes < CrashesMax
    /\ up' = FALSE
    /\ crashes' = crashes + 1
    /\ UNCHANGED <<shardVars, accepted, delivered>>

\* recover.ts (RT4, TM1): attempts and epochs stay, what is left of each time shrinks by what passed
Resume(d) == up' = TRUE /\ LetPass(d)
Recover ==
    /\ ~up
    /\ \E d \in Elapsed : Resume(d)
    /\ UNCHANGED <<crashes, accepted, delivered>>

-----------------------------------------------------------------------------
(* Answers that change nothing: one action for each outcome of a refused   *)
(* command (spec/vocabulary.ts REFUSAL_OF), and for each verb said again.  *)

Answer ==
    /\ up
    /\ UNCHANGED vars

\* ID2, ID3, ID5: before every bound
RefuseDuplicate ==
    /\ Answer
    /\ \E m \in Msgs : LiveKey(m)
RefuseIdemMismatch ==
    /\ Answer
    /\ \E m \in Msgs : LiveKey(m)

RefuseSaturatedDedup ==
    /\ Answer
    /\ Windows >= DedupCapacity
    /\ \E m \in Msgs : Sendable(m) /\ ~LiveKey(m)

RefuseSaturatedShard ==
    /\ Answer
    /\ Depth >= ShardCapacity
    /\ \/ \E m \in Msgs : Sendable(m) /\ ~LiveKey(m) /\ Windows < DedupCapacity
       \/ \E m \in Msgs : state[m] = "dead_lettered" /\ RedrivesLeft(m)

RefuseEmpty ==
    /\ Answer
    /\ \E t \in {TopicOf[m] : m \in Msgs}, budget \in Budgets :
        \A m \in Msgs : TopicOf[m] = t /\ First(m) => SizeOf[m] > budget

RefuseSaturatedInflight ==
    /\ Answer
    /\ Inflight + Elsewhere >= GlobalInflight
    /\ \E m \in Msgs, budget \in Budgets : First(m) /\ SizeOf[m] <= budget

\* BD5: where the bound has room
RefuseSaturatedTenant ==
    /\ Answer
    /\ \/ \E m \in Msgs :
            Sendable(m) /\ ~LiveKey(m) /\ Windows < DedupCapacity /\ Depth < ShardCapacity /\ ~MayEnter(m)
       \/ \E m \in Msgs : state[m] = "dead_lettered" /\ RedrivesLeft(m) /\ Depth < ShardCapacity /\ ~MayWait(m)
       \/ \E m \in Msgs, budget \in Budgets :
            First(m) /\ SizeOf[m] <= budget /\ Inflight + Elsewhere < GlobalInflight /\ ~MayLease(m)

\* LE3: no receipt 0 was ever given out, and an older one settles nothing
RefuseLeaseLost ==
    /\ Answer
    /\ \E m \in Msgs : Known(m)

RefuseNotFound ==
    /\ Answer
    /\ \E m \in Msgs : state[m] # "absent" /\ ~Known(m)

\* DL2, DL3: no dead letter, or its redrives are spent
RefuseSkipped ==
    /\ Answer
    /\ \E m \in Msgs : Known(m) /\ (state[m] = "dead_lettered" => ~RedrivesLeft(m))

\* LE4: the verb that settled a lease, said again with its receipt, gets its first answer
AckAgain ==
    /\ Answer
    /\ SettledBy("ack", "acked")
NackAgainRedelivered ==
    /\ Answer
    /\ SettledBy("nack", "redelivered")
NackAgainDeadLettered ==
    /\ Answer
    /\ SettledBy("nack", "dead_lettered")

-----------------------------------------------------------------------------

Next ==
    \/ \E m \in Msgs :
        \/ Send(m) \/ Recv(m) \/ Ack(m) \/ Nack(m) \/ Extend(m) \/ Release(m)
        \/ Expire(m) \/ Reprocess(m) \/ Purge(m)
    \/ Tick \/ Crash \/ Recover
    \/ RefuseDuplicate \/ RefuseIdemMismatch \/ RefuseSaturatedDedup \/ RefuseSaturatedShard
    \/ RefuseEmpty \/ RefuseSaturatedInflight \/ RefuseSaturatedTenant \/ RefuseLeaseLost \/ RefuseNotFound \/ RefuseSkipped
    \/ AckAgain \/ NackAgainRedelivered \/ NackAgainDeadLettered

\* Nothing is assumed of what consumers do with a lease: they may never ack. What time asks for, expiries and purges, is done:
\* time waits for it (MayPass).
Fairness ==
    /\ WF_vars(Tick)
    /\ WF_vars(Recover)
    /\ \A m \in Msgs : WF_vars(Expire(m))
    /\ \A m \in Msgs : WF_vars(PurgeIsDue(m) /\ Purge(m))
    /\ \A m \in Msgs : SF_vars(Recv(m))

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
(* Invariants: spec/vocabulary.ts INVARIANTS *)

TypeOK ==
    /\ state \in [Msgs -> States]
    /\ attempt \in [Msgs -> 0..MaxAttempts]
    /\ epoch \in [Msgs -> Nat]
    /\ redrives \in [Msgs -> 0..MaxRedrives]
    /\ releases \in [Msgs -> 0..ReleasesMax]
    /\ receipt \in [Msgs -> Nat]
    /\ timer \in [Msgs -> Nat]
    /\ left \in [Msgs -> Nat]
    /\ visibility \in [Msgs -> Visibilities \cup {0}]
    /\ ttl \in [Msgs -> Nat \cup {NoTtl}]
    /\ keep \in [Msgs -> 0..Max(ReadyRetention, DlqRetention)]
    /\ window \in [Msgs -> 0..TReplay]
    /\ reason \in [Msgs -> Reasons]
    /\ error \in [Msgs -> LastErrors]
    /\ dlq \in Seq(Msgs)
    /\ {dlq[i] : i \in DOMAIN dlq} = InState({"dead_lettered"})
    /\ Len(dlq) = Cardinality(InState({"dead_lettered"}))
    /\ settled \in Seq(Msgs \X Nat \X {"ack", "nack"} \X States \X (1..TReplay))
    /\ up \in BOOLEAN
    /\ crashes \in 0..CrashesMax
    /\ accepted \subseteq Msgs
    /\ delivered \in [Msgs -> Nat]

\* What was accepted is there, and a dead letter among the dead letters. How it may end, no state tells: EndsProp.
NoLossInv ==
    \A m \in accepted :
        /\ state[m] # "absent"
        /\ state[m] = "dead_lettered" => \E i \in DOMAIN dlq : dlq[i] = m

AttemptsBoundedInv ==
    \A m \in Msgs :
        /\ attempt[m] <= MaxAttempts
        /\ delivered[m] <= MaxAttempts
        /\ state[m] = "redelivered" => attempt[m] < MaxAttempts

IdempotentInv ==
    \A m, o \in Msgs :
        m # o /\ window[m] > 0 /\ window[o] > 0 => TopicOf[m] # TopicOf[o] \/ KeyOf[m] # KeyOf[o]

CapacityInv ==
    /\ Depth <= ShardCapacity
    /\ Inflight + Elsewhere <= GlobalInflight \/ Inflight = 0
    /\ Windows <= DedupCapacity
    /\ Len(settled) <= SettledCapacity
    /\ Len(dlq) <= DlqCapacity
    /\ \A m \in Msgs : Len(DeadOf(m)) <= DlqMaxPerTopic

\* The step settled the lease of m, by this verb and under the receipt in force. It shows where settled receipts are remembered.
Settles(m, verb) ==
    /\ timer[m] > 0
    /\ SettledCapacity > 0 =>
        /\ settled' # <<>>
        /\ settled'[Len(settled')] = <<m, receipt[m], verb, state'[m], TReplay>>

\* The step gave m back unread (LE7): uncounted, or counted after too many in a row.
GivesBackUnread(m) ==
    /\ timer[m] > 0
    /\ settled' = settled
    /\ IF releases[m] < ReleasesMax
       THEN releases'[m] = releases[m] + 1 /\ attempt'[m] = attempt[m] - 1 /\ state'[m] \in Waiting
       ELSE error'[m] = Error("released") /\ state'[m] \in {"redelivered", "dead_lettered"}

LeaseBegins(m) ==
    /\ up
    /\ state[m] \in Waiting
    /\ timer[m] = 0
    /\ state'[m] = "leased"
    /\ epoch'[m] = epoch[m] + 1
    /\ receipt'[m] = epoch'[m]

\* By its deadline, by its holder, or by a release.
LeaseEnds(m) ==
    /\ up
    /\ receipt'[m] = 0
    /\ \/ timer[m] = 0 /\ state'[m] \in {"redelivered", "dead_lettered"}
       \/ Settles(m, "ack") /\ state'[m] = "acked"
       \/ Settles(m, "nack") /\ state'[m] \in {"redelivered", "dead_lettered"}
       \/ GivesBackUnread(m)

\* Its deadline comes nearer as time passes, and moves by an extension alone (LE5).
LeaseLasts(m) ==
    /\ UNCHANGED <<state[m], receipt[m]>>
    /\ \/ \E d \in IF up THEN {0, 1} ELSE Elapsed : timer'[m] = Less(timer[m], d)
       \/ up /\ timer[m] > 0 /\ timer'[m] \in Visibilities \cup {visibility[m]} /\ timer'[m] <= left[m]

SingleLeaseProp ==
    [][\A m \in Msgs :
        IF state[m] = "leased"
        THEN (LeaseLasts(m) \/ LeaseEnds(m)) /\ UNCHANGED epoch[m]
        ELSE \/ state'[m] # "leased" /\ UNCHANGED <<receipt[m], epoch[m]>>
             \/ LeaseBegins(m)]_vars

AckEnds(m) == state[m] = "leased" /\ LeaseEnds(m) /\ Settles(m, "ack")

\* The trace of a purge says what the message was (DL3), and its idempotency window goes on (ID4).
PurgeEnds(m) == up /\ state[m] = "dead_lettered" /\ UNCHANGED <<attempt[m], epoch[m], redrives[m], window[m]>>

EndsProp ==
    [][\A m \in Msgs :
        /\ m \in accepted => m \in accepted'
        /\ state'[m] = "absent" => state[m] = "absent"
        /\ state'[m] = "acked" => state[m] = "acked" \/ AckEnds(m)
        /\ state'[m] = "purged" => state[m] = "purged" \/ PurgeEnds(m)
        /\ state[m] \in {"acked", "purged"} => state'[m] = state[m]]_vars

AckFinalProp == [][\A m \in Msgs : state[m] = "acked" => state'[m] = "acked"]_vars

EpochMonotoneProp == [][\A m \in Msgs : epoch'[m] >= epoch[m]]_vars

\* An entry loses what time passes and no more: it lives as long as t_replay lasts (ID1, ID4).
WindowProp ==
    [][\A m \in Msgs : window[m] > 0 =>
        \E d \in IF up THEN {0, 1} ELSE Elapsed : window'[m] >= window[m] - d]_vars

\* m's tenant has less than its share of a bound that these messages have, and so many elsewhere.
WithinShare(m, bound, ms, ofTenant) == 100 * (Cardinality({o \in ms : Tenant(o) = Tenant(m)}) + ofTenant) < TenantShare * bound

\* What comes to have a place in a bound is of a tenant within its share, or leaves the reserve alone.
TakesItsShare(bound, ms, next, elsewhere, ofTenant) ==
    \A m \in next \ ms :
        \/ WithinShare(m, bound, ms, ofTenant)
        \/ 100 * (bound - Cardinality(ms) - elsewhere) > TenantReserve * bound

\* A dead letter that makes room for one of another topic is of a tenant than which none has more, the new one counted.
LargestMakesRoom ==
    LET dead == InState({"dead_lettered"})
        new == {m \in Msgs \ dead : state'[m] = "dead_lettered"}
        gone == {m \in dead : state'[m] = "purged"}
        held(m) == Cardinality({o \in dead \cup new : Tenant(o) = Tenant(m)})
    IN  \A m \in gone, n \in new : TopicOf[m] # TopicOf[n] => \A o \in dead \cup new : held(o) <= held(m)

\* BD5, DL3: nobody beyond its share takes from the reserve, and nobody's dead letters make room for those of one who has more.
IsolationProp ==
    [][TenantShare > 0 =>
        /\ TakesItsShare(ShardCapacity, InState(Live), {m \in Msgs : state'[m] \in Live}, 0, 0)
        /\ TakesItsShare(DedupCapacity, {m \in Msgs : window[m] > 0}, {m \in Msgs : window'[m] > 0}, 0, 0)
        /\ TakesItsShare(GlobalInflight, InState({"leased"}), {m \in Msgs : state'[m] = "leased"}, Elsewhere, ElsewhereOfTenant)
        /\ LargestMakesRoom]_vars

\* BD5: where there is room, a tenant within its share is let in, whatever others have. (A topic may be beyond its own.)
RoomInv ==
    \A m \in Msgs : up /\ TopicShare = 0 =>
        /\ /\ Sendable(m) /\ ~LiveKey(m)
           /\ Depth < ShardCapacity /\ WithinShare(m, ShardCapacity, InState(Live), 0)
           /\ Windows < DedupCapacity /\ WithinShare(m, DedupCapacity, {o \in Msgs : window[o] > 0}, 0)
           => ENABLED Send(m)
        /\ /\ First(m) /\ \E budget \in Budgets : SizeOf[m] <= budget
           /\ Inflight + Elsewhere < GlobalInflight
           /\ WithinShare(m, GlobalInflight, InState({"leased"}), ElsewhereOfTenant)
           => ENABLED Recv(m)

\* From dead_lettered a message may be reprocessed: then the same holds again.
DeliveredLive == \A m \in Msgs : state[m] \in Live ~> state[m] \in {"acked", "dead_lettered"}

-----------------------------------------------------------------------------
(* Known not to hold: each must fail, or a state is never reached and the rest is vacuous. *)

DebugNoneInv(name) == \A m \in Msgs : state[m] # name
DebugQueuedInv == DebugNoneInv("queued")
DebugLeasedInv == DebugNoneInv("leased")
DebugRedeliveredInv == DebugNoneInv("redelivered")
DebugAckedInv == DebugNoneInv("acked")
DebugDeadLetteredInv == DebugNoneInv("dead_lettered")
DebugPurgedInv == DebugNoneInv("purged")
DebugReprocessedInv == \A m \in Msgs : redrives[m] = 0
DebugReleasedInv == \A m \in Msgs : releases[m] = 0
DebugForgottenInv == \A m \in Msgs : state[m] # "absent" => Known(m)
DebugDownInv == up
\* Fairness asks for no purge that is not due: where dead letters are kept for ever one may stay.
DebugKeptLive == \A m \in Msgs : state[m] = "dead_lettered" ~> state[m] # "dead_lettered"
=============================================================================
