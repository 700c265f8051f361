------------------------------- MODULE Rules -------------------------------
(***************************************************************************)
(* The rules of docs/lifecycle.md as properties of steps, one name each,   *)
(* beside those of Mailbox. They speak of the variables alone: what an     *)
(* action does is not asked for, so that an action that is wrong cannot    *)
(* excuse itself. src/model/rules.ts says the same of recorded graphs.     *)
(***************************************************************************)
EXTENDS Mailbox

Fallen(n, d) == IF n > d THEN n - d ELSE 0

\* The step is time alone: d ticks, for everything that counts down.
Passes(d) ==
    /\ \A m \in Msgs :
        /\ timer'[m] = Fallen(timer[m], d)
        /\ left'[m] = Fallen(left[m], d)
        /\ keep'[m] = Fallen(keep[m], d)
        /\ window'[m] = Fallen(window[m], d)
        /\ ttl'[m] = IF ttl[m] < 0 THEN ttl[m] ELSE Fallen(ttl[m], d)
    /\ settled' = SelectSeq([i \in DOMAIN settled |-> [settled[i] EXCEPT ![5] = Fallen(@, d)]], LAMBDA e : e[5] > 0)
    /\ UNCHANGED <<state, attempt, epoch, redrives, releases, receipt, visibility, reason, error, dlq, accepted, delivered>>

\* The message is left alone.
Alone(m) ==
    UNCHANGED <<state[m], attempt[m], epoch[m], redrives[m], releases[m], receipt[m], timer[m], left[m], visibility[m], ttl[m],
                keep[m], window[m], reason[m], error[m], delivered[m]>>

IsDue(m) ==
    \/ state[m] = "leased" /\ timer[m] = 0
    \/ state[m] \in Waiting /\ ttl[m] = 0
    \/ state[m] \in Waiting /\ ReadyRetention > 0 /\ keep[m] = 0
    \/ state[m] = "dead_lettered" /\ DlqRetention > 0 /\ keep[m] = 0

Leases(m) == state[m] # "leased" /\ state'[m] = "leased"
Dies(m) == state[m] # "dead_lettered" /\ state'[m] = "dead_lettered"
Goes(m) == state[m] # "purged" /\ state'[m] = "purged"

\* The step is about this message: it changes its state, or moves its deadline. No time passes for it meanwhile.
IsAbout(m) ==
    IF state'[m] # state[m]
    THEN state[m] = "absent" \/ UNCHANGED window[m]
    ELSE state[m] = "leased" /\ UNCHANGED <<left[m], keep[m], window[m], ttl[m]>>

\* TM1, RT3, RT4: a step is time, or a crash, or about one message and whom its dead letter pushes out. Time passes only where nothing
\* is due, and over a restart; a process that is down does nothing.
TimeProp ==
    [][IF ~up THEN up' /\ \E d \in Elapsed : Passes(d)
       ELSE IF ~up' THEN Passes(0)
       ELSE \/ Passes(1) /\ \A m \in Msgs : ~IsDue(m)
            \/ \E m \in Msgs : IsAbout(m) /\ \A o \in Msgs : o = m \/ Alone(o) \/ (Goes(o) /\ Dies(m))]_vars

\* AC1, AC2, ID1: what is accepted is new, the next in line, under no live key, and its window opens; no other window opens.
WindowOpensProp ==
    [][\A m \in Msgs :
        /\ window'[m] > window[m] => state[m] = "absent"
        /\ (state[m] = "absent" /\ state'[m] # "absent") =>
            /\ state'[m] = "queued" /\ window'[m] = TReplay /\ m \in accepted'
            /\ timer'[m] \in Delays /\ ttl'[m] \in Ttls /\ keep'[m] = ReadyRetention
            /\ \A o \in Msgs : o < m => state[o] # "absent"
            /\ \A o \in Msgs : window[o] > 0 => TopicOf[o] # TopicOf[m] \/ KeyOf[o] # KeyOf[m]]_vars

\* LE1: what is leased is the first of its topic that is there to be had.
OrderProp ==
    [][\A m \in Msgs : Leases(m) =>
        /\ state[m] \in Waiting /\ timer[m] = 0
        /\ \A o \in Msgs : o < m /\ TopicOf[o] = TopicOf[m] => ~(state[o] \in Waiting /\ timer[o] = 0)]_vars

\* LE2, LE5, LE6: a lease counts once, lasts as long as was asked for, and can be extended up to InflightFactor times that.
LeaseProp ==
    [][\A m \in Msgs : Leases(m) =>
        /\ attempt'[m] = attempt[m] + 1 /\ epoch'[m] = epoch[m] + 1 /\ receipt'[m] = epoch'[m]
        /\ delivered'[m] = delivered[m] + 1
        /\ timer'[m] \in Visibilities /\ visibility'[m] = timer'[m] /\ left'[m] = InflightFactor * timer'[m]
        /\ \E budget \in Budgets : SizeOf[m] <= budget
        /\ UNCHANGED <<redrives[m], releases[m], ttl[m], window[m], error[m]>>]_vars

\* LE3, RT3: after its deadline a lease can only run out: nobody settles it, and it is no longer any longer.
LateProp ==
    [][\A m \in Msgs : state[m] = "leased" /\ timer[m] = 0 =>
        \/ UNCHANGED <<state[m], receipt[m], timer[m]>>
        \/ /\ state'[m] \in {"redelivered", "dead_lettered"} /\ settled' = settled
           /\ attempt'[m] = attempt[m] /\ (Errors => error'[m] = "expired")]_vars

\* LE4: what settled a lease is remembered, as it was, until its ticks are over or there are too many.
New(e) ==
    LET m == e[1]
    IN  /\ state[m] = "leased" /\ timer[m] > 0 /\ receipt'[m] = 0
        /\ e[2] = receipt[m] /\ e[4] = state'[m] /\ (e[3] = "ack") = (e[4] = "acked") /\ e[5] = TReplay
RepeatProp ==
    [][\/ \E d \in Elapsed \cup {0, 1} : Passes(d)
       \/ settled' = settled
       \/ /\ settled' # <<>> /\ New(settled'[Len(settled')])
          /\ LET before == SubSeq(settled', 1, Len(settled') - 1)
             IN  before = IF Len(settled) < SettledCapacity THEN settled ELSE Tail(settled)]_vars

\* RT1, RT2, LE7: a lease that ends gives the message back with an attempt left and a backoff in its bounds, or to the dead letters
\* without; one that was never written does not count.
Uncounted(m) ==
    /\ releases[m] < ReleasesMax /\ timer[m] > 0 /\ settled' = settled
    /\ releases'[m] = releases[m] + 1 /\ attempt'[m] = attempt[m] - 1 /\ delivered'[m] = delivered[m] - 1
    /\ timer'[m] = 0 /\ UNCHANGED error[m]
    /\ state'[m] = IF attempt[m] = 1 THEN "queued" ELSE "redelivered"
Backoff(m) == Min(BackoffMax, BackoffBase * 2^attempt[m])
\* Of a nack and of nothing else, where its receipt is remembered.
ByNack == SettledCapacity = 0 \/ settled' # settled
ReturnProp ==
    [][\A m \in Msgs :
        /\ (state[m] \in Waiting /\ state'[m] # state[m]) => state'[m] \in {"leased", "dead_lettered"}
        /\ (state[m] = "leased" /\ state'[m] \in Waiting) =>
            /\ UNCHANGED <<epoch[m], redrives[m], ttl[m], window[m]>>
            /\ keep'[m] = ReadyRetention /\ receipt'[m] = 0 /\ left'[m] = 0 /\ visibility'[m] = 0
            /\ \/ Uncounted(m)
               \/ /\ state'[m] = "redelivered" /\ attempt[m] < MaxAttempts /\ UNCHANGED <<attempt[m], delivered[m]>>
                  /\ releases'[m] = 0
                  /\ timer'[m] \in 0..Backoff(m) \cup (IF ByNack /\ timer[m] > 0 THEN RetryAfters ELSE {})
                  /\ (Errors => error'[m] \in IF timer[m] = 0 THEN {"expired"} ELSE {"nacked", "released"})]_vars

\* DL1, RT1: a dead letter says why it is one, and nothing is one without a why.
DeadProp ==
    [][\A m \in Msgs : Dies(m) =>
        /\ UNCHANGED <<attempt[m], epoch[m], redrives[m], window[m], delivered[m]>>
        /\ keep'[m] = DlqRetention /\ dlq' # <<>> /\ dlq'[Len(dlq')] = m
        /\ receipt'[m] = 0 /\ timer'[m] = 0 /\ left'[m] = 0 /\ visibility'[m] = 0 /\ ttl'[m] = NoTtl /\ releases'[m] = 0
        /\ CASE reason'[m] = "max_attempts" -> state[m] = "leased" /\ attempt[m] = MaxAttempts
                    /\ (Errors => error'[m] \in IF timer[m] = 0 THEN {"expired"} ELSE {"nacked", "released"})
             [] reason'[m] = "ttl" -> state[m] \in Waiting /\ ttl[m] = 0 /\ UNCHANGED error[m]
             [] reason'[m] = "retention" ->
                    state[m] \in Waiting /\ ReadyRetention > 0 /\ keep[m] = 0 /\ ttl[m] # 0 /\ UNCHANGED error[m]
             [] OTHER -> /\ state[m] = "leased" /\ timer[m] > 0 /\ reason'[m] \in Asked /\ ByNack
                         /\ (Errors => error'[m] = "nacked")]_vars

\* DL3, BD1: what goes is the oldest of its topic where that is full, else the oldest of those who hold the most where all is full; or
\* one alone, that was purged. What stays, stays in its order.
Most(m) == \A o \in InState({"dead_lettered"}) :
    Cardinality(OfTenant(o, InState({"dead_lettered"}))) <= Cardinality(OfTenant(m, InState({"dead_lettered"})))
PushOutProp ==
    [][LET gone == {m \in Msgs : Goes(m)}
           new == {m \in Msgs : Dies(m)}
       IN  /\ Cardinality(gone) <= 1
           /\ SelectSeq(dlq', LAMBDA d : d \notin new) = SelectSeq(dlq, LAMBDA d : state'[d] = "dead_lettered")
           /\ \A m \in gone : UNCHANGED <<attempt[m], epoch[m], redrives[m], window[m]>> /\ state[m] = "dead_lettered"
           /\ \A m \in gone, n \in new :
                IF Len(DeadOf(n)) >= DlqMaxPerTopic
                THEN m = DeadOf(n)[1]
                ELSE /\ Len(dlq) >= DlqCapacity
                     /\ (TenantShare = 0 => m = dlq[1])
                     /\ (TenantShare > 0 => Most(m) /\ (Most(n) /\ OfTenant(n, InState({"dead_lettered"})) # {} => Tenant(m) = Tenant(n)))
                     /\ \A i, j \in DOMAIN dlq : i < j /\ dlq[j] = m => Tenant(dlq[i]) # Tenant(m) \/ TenantShare = 0]_vars

\* DL2, LE2, ID4: a reprocess counts, at most MaxRedrives times, begins attempts anew, and leaves epoch and window.
RedrivesInv == \A m \in Msgs : redrives[m] <= MaxRedrives
ReprocessProp ==
    [][\A m \in Msgs :
        IF state[m] = "dead_lettered" /\ state'[m] \notin {"dead_lettered", "purged"}
        THEN /\ state'[m] = "queued" /\ redrives'[m] = redrives[m] + 1 /\ attempt'[m] = 0 /\ delivered'[m] = 0
             /\ reason'[m] = "none" /\ error'[m] = "none" /\ keep'[m] = ReadyRetention /\ ttl'[m] = NoTtl /\ timer'[m] = 0
             /\ releases'[m] = 0 /\ UNCHANGED <<epoch[m], window[m], receipt[m]>>
        ELSE redrives'[m] = redrives[m]]_vars

\* LE5: an extension moves the deadline and nothing else, by no more than is left.
ExtendProp ==
    [][\A m \in Msgs : state[m] = "leased" /\ state'[m] = "leased" =>
        \/ Passes(0)
        \/ Passes(1)
        \/ ~up /\ \E d \in Elapsed : Passes(d)
        \/ Alone(m)
        \/ /\ timer[m] > 0 /\ timer'[m] \in Visibilities \cup {visibility[m]} /\ timer'[m] <= left[m]
           /\ UNCHANGED <<attempt[m], epoch[m], receipt[m], left[m], visibility[m], releases[m], ttl[m], keep[m], window[m],
                          error[m], delivered[m]>>]_vars

\* LE3, LE4, DL2, DL3, RT3, R5: who may have it gets it. A lease in force is settled by whoever holds its receipt; what is due is done;
\* a dead letter can be purged, and reprocessed while it may be and where there is room.
ServedInv ==
    /\ ~up => ENABLED Recover
    /\ up => \A m \in Msgs :
        /\ (state[m] = "leased" /\ timer[m] > 0 => ENABLED Ack(m) /\ ENABLED Nack(m) /\ ENABLED Release(m))
        /\ (state[m] = "leased" /\ timer[m] > 0 /\ visibility[m] <= left[m] => ENABLED Extend(m))
        /\ (IsDue(m) /\ state[m] # "dead_lettered" => ENABLED Expire(m))
        /\ (state[m] = "dead_lettered" => ENABLED Purge(m))
        /\ (state[m] = "dead_lettered" /\ redrives[m] < MaxRedrives /\ Depth < ShardCapacity /\ TenantShare = 0
                => ENABLED Reprocess(m))
        /\ (TenantShare = 0 /\ state[m] \in Waiting /\ timer[m] = 0 /\ (\E budget \in Budgets : SizeOf[m] <= budget)
            /\ (\A o \in Msgs : o < m /\ TopicOf[o] = TopicOf[m] => ~(state[o] \in Waiting /\ timer[o] = 0))
            /\ Inflight + Elsewhere < GlobalInflight => ENABLED Recv(m))
        /\ (TenantShare = 0 /\ state[m] = "absent" /\ (\A o \in Msgs : o < m => state[o] # "absent")
            /\ (\A o \in Msgs : window[o] > 0 => TopicOf[o] # TopicOf[m] \/ KeyOf[o] # KeyOf[m])
            /\ Windows < DedupCapacity /\ Depth < ShardCapacity => ENABLED Send(m))

\* AC2, LE5, LE6, RT1, D6, IN1: whoever asks gets what is asked for: every delay, ttl, visibility, extension and reason; every backoff
\* may be drawn.
AskedInv ==
    up => \A m \in Msgs :
        /\ ENABLED Send(m) =>
            \A delay \in Delays, lifetime \in Ttls : ENABLED (Send(m) /\ timer'[m] = delay /\ ttl'[m] = lifetime)
        /\ ENABLED Recv(m) => \A length \in Visibilities : ENABLED (Recv(m) /\ timer'[m] = length)
        /\ (state[m] = "leased" /\ timer[m] > 0) =>
            /\ \A length \in Visibilities \cup {visibility[m]} :
                length <= left[m] => ENABLED (Extend(m) /\ timer'[m] = length)
            /\ \A why \in Asked : ENABLED (Nack(m) /\ reason'[m] = why)
            /\ IF attempt[m] >= MaxAttempts
               THEN ENABLED (Nack(m) /\ reason'[m] = "max_attempts")
               ELSE \A ticks \in 0..Backoff(m) \cup RetryAfters :
                        ENABLED (Nack(m) /\ state'[m] = "redelivered" /\ timer'[m] = ticks)
=============================================================================
