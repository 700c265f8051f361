---------------------------- MODULE TraceMailbox ----------------------------
(***************************************************************************)
(* Is a recorded trace a behaviour of Mailbox? Traces come as sequences of *)
(* steps in a module made of them (src/trace/tlc.ts), many in one run; each*)
(* that can be followed to its end is printed. A step says how many ms     *)
(* passed before it, what happened to which message, and every variable of *)
(* the message that it changed. A process looks at its clock now and then: *)
(* what passes between two looks is one tick, however long.                *)
(***************************************************************************)
EXTENDS Mailbox, TLC, TraceData \* Traces: sequences of [action, m, wait, changes]

VARIABLES
    trace,  \* which one
    line,   \* the step that comes next
    waited  \* the time before it has passed

traceVars == <<vars, trace, line, waited>>

Step == Traces[trace][line]
Changed(name, old) == IF name \in DOMAIN Step.changes THEN Step.changes[name] ELSE old

\* The one backoff that the step says, if jitter can have chosen it: choosing among all would be slow.
HintedBackoffs(m) ==
    LET most == IF attempt[m] > 15 THEN BackoffMax ELSE Min(BackoffMax, BackoffBase * 2^attempt[m])
    IN  {backoff \in {Changed("timer", timer[m])} : backoff <= most}
HintedNackBackoffs(m) ==
    {backoff \in {Changed("timer", timer[m])} : backoff \in HintedBackoffs(m) \/ \E most \in RetryAfters : backoff <= most}

TraceInit ==
    /\ Init
    /\ trace \in 1..Len(Traces)
    /\ line = 1
    /\ waited = FALSE

Wait ==
    /\ ~waited
    /\ Step.action # "Recover"
    /\ Step.wait > 0
    /\ MayPass(1)
    /\ LetPass(Step.wait)
    /\ waited' = TRUE
    /\ UNCHANGED <<up, crashes, accepted, delivered, trace, line>>

\* The step's message became what the step says, and its other variables stayed.
AsRecorded(m) ==
    /\ state'[m] = Changed("state", state[m])
    /\ attempt'[m] = Changed("attempt", attempt[m])
    /\ epoch'[m] = Changed("epoch", epoch[m])
    /\ redrives'[m] = Changed("redrives", redrives[m])
    /\ releases'[m] = Changed("releases", releases[m])
    /\ receipt'[m] = Changed("receipt", receipt[m])
    /\ timer'[m] = Changed("timer", timer[m])
    /\ left'[m] = Changed("left", left[m])
    /\ visibility'[m] = Changed("visibility", visibility[m])
    /\ ttl'[m] = Changed("ttl", ttl[m])
    /\ keep'[m] = Changed("keep", keep[m])
    /\ window'[m] = Changed("window", window[m])
    /\ reason'[m] = Changed("reason", reason[m])
    /\ error'[m] = Changed("error", error[m])

\* In a trace the purge that makes room for a dead letter is a step of its own, before.
Acts(action, m) ==
    \/ action = "Send" /\ Send(m)
    \/ action = "Recv" /\ Recv(m)
    \/ action = "Ack" /\ Ack(m)
    \/ action = "Nack" /\ Nack(m) /\ (state'[m] = "dead_lettered" => PushedOut(m) = {})
    \/ action = "Extend" /\ Extend(m)
    \/ action = "Release" /\ Release(m) /\ (state'[m] = "dead_lettered" => PushedOut(m) = {})
    \/ action = "Expire" /\ Expire(m) /\ (state'[m] = "dead_lettered" => PushedOut(m) = {})
    \/ action = "Reprocess" /\ Reprocess(m)
    \/ action = "Purge" /\ Purge(m)

\* A crash and a recovery; a clock that was set back lets no time pass (TM1).
TakesOver ==
    /\ LetPass(Max(Step.wait, 0))
    /\ UNCHANGED <<up, crashes, accepted, delivered>>

Follow ==
    /\ IF Step.action = "Recover"
       THEN TakesOver
       ELSE /\ waited \/ Step.wait = 0
            /\ Step.m \in Msgs
            /\ Acts(Step.action, Step.m)
            /\ AsRecorded(Step.m)
    /\ line' = line + 1
    /\ waited' = FALSE
    /\ UNCHANGED trace
    /\ line = Len(Traces[trace]) => PrintT(<<"accepted", trace>>)

TraceNext == line <= Len(Traces[trace]) /\ (Wait \/ Follow)

TraceSpec == TraceInit /\ [][TraceNext]_traceVars
=============================================================================
