----------------------------- MODULE Ownership -----------------------------
(***************************************************************************)
(* One shard on an engine that nodes share. Its log is the only thing that *)
(* says whose it is: an append is a compare-and-set on the frame before,   *)
(* number and hash, and the first frame of an owner announces the next     *)
(* term (src/cluster/shard-log.ts). Anybody may claim at any time: leases  *)
(* keep nodes out of each other's way and carry no safety, so they are not *)
(* here. The engine is a primary and a standby; a statement may come late, *)
(* its answer may be lost, and a failover loses what the standby lacks     *)
(* (src/cluster/engine-logs.ts).                                           *)
(*                                                                         *)
(* A hash says everything that led to it. So the hash of a frame is here   *)
(* the chain of all frames up to it, and a frame is its chain: its number  *)
(* is the length, the hash of the frame before is the chain without its    *)
(* last link.                                                              *)
(***************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS
    N,              \* nodes
    LogMax,         \* frames in the log
    FlightMax,      \* appends that a node may have under way; one more that says nothing may follow
    FailoversMax,
    Late,           \* whether statements may come late
    Synchronous     \* whether answers wait for the standby

VARIABLES
    \* The engine:
    log,        \* frames of the primary, which everybody can see
    standby,    \* how many of them the standby has
    failovers,  \* so far
    \* Each node:
    mode,       \* spec/ownership.machine.ts
    known,      \* the last frame it has read; once it serves the last one that is durable
    flight,     \* what it sent and does not know to be durable: <<frame, where its statement is>>
    late,       \* a statement that nobody waits for and that may still come
    \* What replies have said so far:
    told        \* the longest chain that any owner was told is durable

vars == <<log, standby, failovers, mode, known, flight, late, told>>

Nodes == 1..N
Modes == {"absent", "claiming", "reading", "announcing", "serving", "unsure", "handing_over", "halted"}
Kinds == {"started", "data", "nothing"}
\* On its way; executed, its answer waits for the standby; refused, its answer on the way; nobody will answer it
Places == {"way", "done", "refused", "none"}

Last(s) == s[Len(s)]
Front(s) == SubSeq(s, 1, Len(s) - 1)
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s
TermOf(frame) == IF frame = <<>> THEN 0 ELSE Last(frame)[1]

End == IF log = <<>> THEN <<>> ELSE Last(log)
\* The last frame of what a node sent, or knows
Tip(n) == IF flight[n] = <<>> THEN known[n] ELSE Last(flight[n])[1]
\* What it knows is there, as it was
Holds(n) == IF known[n] = <<>> THEN TRUE ELSE Len(known[n]) <= Len(log) /\ log[Len(known[n])] = known[n]

Init ==
    /\ log = <<>>
    /\ standby = 0
    /\ failovers = 0
    /\ mode = [n \in Nodes |-> "absent"]
    /\ known = [n \in Nodes |-> <<>>]
    /\ flight = [n \in Nodes |-> <<>>]
    /\ late = [n \in Nodes |-> <<>>]
    /\ told = <<>>

engine == <<log, standby, failovers>>

\* Nothing is left of what it had
Nothing(n, next) ==
    /\ mode' = [mode EXCEPT ![n] = next]
    /\ known' = [known EXCEPT ![n] = <<>>]
    /\ flight' = [flight EXCEPT ![n] = <<>>]

-----------------------------------------------------------------------------
(* The engine *)

\* EngineLogs.insert: the one statement of an append
Insert(frame) ==
    log' = IF Len(frame) = Len(log) + 1 /\ Front(frame) = End THEN Append(log, frame) ELSE log

Execute(n) ==
    \E i \in DOMAIN flight[n] :
        /\ flight[n][i][2] = "way"
        /\ Insert(flight[n][i][1])
        /\ flight' = [flight EXCEPT ![n][i][2] = IF log' = log THEN "refused" ELSE "done"]
        /\ UNCHANGED <<standby, failovers, mode, known, late, told>>

\* A statement comes of which nobody thinks any more
Arrive(n) ==
    /\ late[n] # <<>>
    /\ Insert(late[n])
    /\ late' = [late EXCEPT ![n] = <<>>]
    /\ UNCHANGED <<standby, failovers, mode, known, flight, told>>

Replicate ==
    /\ standby < Len(log)
    /\ standby' = standby + 1
    /\ UNCHANGED <<log, failovers, mode, known, flight, late, told>>

OnTheWay(n) == {flight[n][i][1] : i \in {j \in DOMAIN flight[n] : flight[n][j][2] = "way"}}
Awaited(n) == \E i \in DOMAIN flight[n] : flight[n][i][2] # "none"

\* Of what was on its way nothing comes, or one statement after all
MayBeLate(n) ==
    \/ UNCHANGED late
    \/ /\ Late
       /\ late[n] = <<>>
       /\ \E frame \in OnTheWay(n) : late' = [late EXCEPT ![n] = frame]

\* What becomes of a node when what it awaits is not answered: ShardLog.ended
Doubted(n) ==
    IF mode[n] = "announcing" THEN "reading" ELSE IF mode[n] \in {"serving", "handing_over"} THEN "unsure" ELSE mode[n]
Unanswered(n) ==
    IF mode[n] = "announcing" THEN <<>> ELSE [i \in DOMAIN flight[n] |-> <<flight[n][i][1], "none">>]

\* The connection is gone, an answer bears a warning, or there was none for too long
Cut(n) ==
    /\ Awaited(n)
    /\ MayBeLate(n)
    /\ mode' = [mode EXCEPT ![n] = Doubted(n)]
    /\ flight' = [flight EXCEPT ![n] = Unanswered(n)]
    /\ UNCHANGED <<engine, known, told>>

\* The primary is lost with all connections, and the standby takes its place.
Failover ==
    /\ failovers < FailoversMax
    /\ failovers' = failovers + 1
    /\ log' = SubSeq(log, 1, standby)
    /\ mode' = [n \in Nodes |-> IF Awaited(n) THEN Doubted(n) ELSE mode[n]]
    /\ flight' = [n \in Nodes |-> IF Awaited(n) THEN Unanswered(n) ELSE flight[n]]
    /\ UNCHANGED <<standby, known, late, told>>

-----------------------------------------------------------------------------
(* Taking over *)

Claim(n) ==
    /\ mode[n] = "absent"
    /\ mode' = [mode EXCEPT ![n] = "claiming"]
    /\ UNCHANGED <<engine, known, flight, late, told>>

Granted(n) ==
    /\ mode[n] = "claiming"
    /\ mode' = [mode EXCEPT ![n] = "reading"]
    /\ UNCHANGED <<engine, known, flight, late, told>>

Denied(n) ==
    /\ mode[n] = "claiming"
    /\ mode' = [mode EXCEPT ![n] = "absent"]
    /\ UNCHANGED <<engine, known, flight, late, told>>

\* It has read to the end, and announces the next term.
Announce(n, term) ==
    /\ mode' = [mode EXCEPT ![n] = "announcing"]
    /\ known' = [known EXCEPT ![n] = End]
    /\ flight' = [flight EXCEPT ![n] = <<<<Append(End, <<term, n, "started">>), "way">>>>]
    /\ UNCHANGED <<engine, late, told>>

Read(n) ==
    /\ mode[n] = "reading"
    /\ Holds(n)
    /\ Len(log) < LogMax
    /\ Announce(n, TermOf(End) + 1)

\* What it had read is gone: it was never durable.
Misread(n) ==
    /\ mode[n] = "reading"
    /\ ~Holds(n)
    /\ Nothing(n, "absent")
    /\ UNCHANGED <<engine, late, told>>

-----------------------------------------------------------------------------
(* Serving *)

Send(n) ==
    /\ mode[n] = "serving"
    /\ Len(flight[n]) < FlightMax
    /\ Len(Tip(n)) < LogMax
    /\ flight' = [flight EXCEPT ![n] = Append(@, <<Append(Tip(n), <<TermOf(known[n]), n, "data">>), "way">>)]
    /\ UNCHANGED <<engine, mode, known, late, told>>

\* ShardLog.settle: the first i of what is under way are durable
Settle(n, i) ==
    LET frame == flight[n][i][1]
        rest == SubSeq(flight[n], i + 1, Len(flight[n]))
    IN  IF mode[n] = "handing_over" /\ rest = <<>>
        THEN Nothing(n, "absent")
        ELSE /\ mode' = [mode EXCEPT ![n] = IF mode[n] \in {"announcing", "unsure"} /\ rest = <<>> THEN "serving" ELSE mode[n]]
             /\ known' = [known EXCEPT ![n] = frame]
             /\ flight' = [flight EXCEPT ![n] = rest]

\* Replies leave.
Tell(frame) == told' = IF IsPrefix(frame, told) THEN told ELSE frame

Durable(n, i) ==
    /\ flight[n][i][2] = "done"
    /\ Settle(n, i)
    /\ Tell(flight[n][i][1])
    /\ UNCHANGED <<engine, late>>

\* An answer comes: of a frame that is there, and at the standby, with all before it
Answer(n) == \E i \in DOMAIN flight[n] : (Synchronous => Len(flight[n][i][1]) <= standby) /\ Durable(n, i)

\* An answer comes that it did not go in
Refuse(n) ==
    \E i \in DOMAIN flight[n] :
        /\ flight[n][i][2] = "refused"
        /\ mode' = [mode EXCEPT ![n] = Doubted(n)]
        /\ flight' = [flight EXCEPT ![n] = IF mode[n] = "announcing" THEN <<>> ELSE [@ EXCEPT ![i][2] = "none"]]
        /\ UNCHANGED <<engine, known, late, told>>

\* How many of what it sent are there, if nothing else is after what it knows; -1 otherwise
There(n) ==
    LET after == SubSeq(log, Len(known[n]) + 1, Len(log))
    IN  IF Len(after) <= Len(flight[n]) /\ \A i \in DOMAIN after : after[i] = flight[n][i][1] THEN Len(after) ELSE -1

\* What is there, and may not be durable: something after it will tell.
Found(n) ==
    /\ Len(Tip(n)) < LogMax
    /\ flight' = [flight EXCEPT ![n] = Append(@, <<Append(Tip(n), <<TermOf(known[n]), n, "nothing">>), "way">>)]
    /\ UNCHANGED <<engine, mode, known, late, told>>

\* Everything has ended and nobody knows how: it reads again.
Look(n) ==
    /\ mode[n] = "unsure"
    /\ ~Awaited(n)
    /\ IF ~Holds(n) THEN Nothing(n, "halted") /\ UNCHANGED <<engine, late, told>>
       ELSE IF There(n) = -1 THEN Nothing(n, "absent") /\ UNCHANGED <<engine, late, told>>
       ELSE IF There(n) = Len(flight[n]) THEN Found(n)
       ELSE /\ flight' = [flight EXCEPT ![n] = [i \in DOMAIN @ |-> <<@[i][1], IF i <= There(n) THEN "none" ELSE "way">>]]
            /\ UNCHANGED <<engine, mode, known, late, told>>

-----------------------------------------------------------------------------
(* Letting go *)

HandOver(n) ==
    /\ mode[n] = "serving"
    /\ IF flight[n] = <<>>
       THEN Nothing(n, "absent")
       ELSE mode' = [mode EXCEPT ![n] = "handing_over"] /\ UNCHANGED <<known, flight>>
    /\ UNCHANGED <<engine, late, told>>

\* Its lease is over, or it died; it does not know what comes of its statements.
Lapse(n) ==
    /\ mode[n] \notin {"absent", "halted"}
    /\ MayBeLate(n)
    /\ Nothing(n, "absent")
    /\ UNCHANGED <<engine, told>>

Next ==
    \/ \E n \in Nodes :
        \/ Execute(n) \/ Arrive(n) \/ Cut(n)
        \/ Claim(n) \/ Granted(n) \/ Denied(n) \/ Read(n) \/ Misread(n)
        \/ Send(n) \/ Answer(n) \/ Refuse(n) \/ Look(n) \/ HandOver(n) \/ Lapse(n)
    \/ Replicate \/ Failover

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must be true. *)

\* What is under way is behind what is known, and who has nothing to do with the shard has nothing of it.
TypeOK ==
    /\ standby \in 0..Len(log)
    /\ \A n \in Nodes :
        /\ mode[n] \in Modes
        /\ \A i \in DOMAIN flight[n] :
            /\ flight[n][i][2] \in Places
            /\ Front(flight[n][i][1]) = IF i = 1 THEN known[n] ELSE flight[n][i - 1][1]
        /\ mode[n] \in {"absent", "claiming", "halted"} => known[n] = <<>> /\ flight[n] = <<>>
        /\ mode[n] = "reading" => flight[n] = <<>>
        /\ mode[n] \in {"unsure", "handing_over"} => flight[n] # <<>>

\* The frames hang together: each names the one before it.
ChainInv == \A i \in DOMAIN log : Len(log[i]) = i /\ (i > 1 => Front(log[i]) = log[i - 1])

\* A term begins with its announcement and with nothing else, comes after those before it, and is of one node.
TermInv ==
    \A i \in DOMAIN log :
        LET frame == Last(log[i])
            before == IF i = 1 THEN <<0, 0, "nothing">> ELSE Last(log[i - 1])
        IN  IF frame[3] = "started" THEN frame[1] > before[1] ELSE frame[1] = before[1] /\ frame[2] = before[2]

\* What was answered is in the log, and survives the primary (AC1).
ToldInv == Synchronous => Len(told) <= standby /\ (told # <<>> => log[Len(told)] = told)

\* Nobody who owns the shard ever finds that something durable is gone.
HaltInv == Synchronous => \A n \in Nodes : mode[n] # "halted"

\* Nobody answers anything that is not after all that was answered before: no owner after the next one.
StaleProp == [][Synchronous => IsPrefix(told, told')]_vars
=============================================================================
