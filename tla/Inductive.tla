----------------------------- MODULE Inductive -----------------------------
(***************************************************************************)
(* An invariant of Mailbox that every step keeps, from every state in      *)
(* which it holds, whether that is reached or not. What is checked of it:  *)
(* Init => Inv, Inv /\ Next => Inv', and that it implies the invariants of *)
(* Mailbox and Rules; the properties of steps hold of every step from such *)
(* a state. TLC enumerates the states of INIT Begin from left to right, so *)
(* that each conjunct of Inv stands behind the variables that it speaks    *)
(* of. MCInductive*.cfg has the constants.                                 *)
(***************************************************************************)
EXTENDS Rules

CONSTANT Left  \* names of conjuncts that are left out: {} but where each is shown to be needed
\* A value, so that TLC does not try each side of a disjunction by itself.
Says(name, conjunct) == (name \in Left \/ conjunct) = TRUE

MaxOf(numbers) == CHOOSE n \in numbers : \A o \in numbers : o <= n
LeasesMax == (MaxRedrives + 1) * MaxAttempts * (ReleasesMax + 1)
VisibilityMax == MaxOf(Visibilities)
Ticks == 0..MaxOf(Delays \cup Visibilities \cup RetryAfters \cup {BackoffMax})
Lifetimes == {NoTtl} \cup (IF Ttls = {NoTtl} THEN {} ELSE 0..MaxOf(Ttls))
Whys ==
    {"none", "max_attempts"} \cup Asked \cup (IF Ttls = {NoTtl} THEN {} ELSE {"ttl"})
    \cup (IF ReadyRetention = 0 THEN {} ELSE {"retention"})
Sequences(elements, most) == UNION {[1..n -> elements] : n \in 0..most}
Entries == Msgs \X (1..LeasesMax) \X {"ack", "nack"} \X {"acked", "redelivered", "dead_lettered"} \X (1..TReplay)
IsLeased(m) == state[m] = "leased"
Over == {"acked", "purged"}

-----------------------------------------------------------------------------
(* The conjuncts *)

\* AC1: what was accepted is there, and nothing else is.
AcceptedInv == Says("AcceptedInv", accepted = {m \in Msgs : state[m] # "absent"})

\* What was never sent was never anything.
UnsentInv == Says("UnsentInv", \A m \in Msgs :
    state[m] = "absent" => attempt[m] = 0 /\ epoch[m] = 0 /\ redrives[m] = 0 /\ releases[m] = 0)

\* BD1
LineInv == Says("LineInv", Depth <= ShardCapacity)
InflightInv == Says("InflightInv", Inflight + Elsewhere <= GlobalInflight \/ Inflight = 0)
WindowsInv == Says("WindowsInv", Windows <= DedupCapacity)
DeadInv == Says("DeadInv", Len(dlq) <= DlqCapacity)
DeadOfTopicInv == Says("DeadOfTopicInv", \A m \in Msgs : Len(DeadOf(m)) <= DlqMaxPerTopic)

\* DL1: the dead letters are in the line of dead letters, each once.
DeadLineInv == Says("DeadLineInv",
    {dlq[i] : i \in DOMAIN dlq} = InState({"dead_lettered"}) /\ Len(dlq) = Cardinality(InState({"dead_lettered"})))

\* RT1, LE7: what may be leased has an attempt left, and a lease is an attempt that a release can take back.
AttemptInv == Says("AttemptInv", \A m \in Msgs :
    CASE state[m] = "queued" -> attempt[m] = 0
      [] state[m] = "redelivered" -> attempt[m] \in 1..(MaxAttempts - 1)
      [] state[m] = "leased" -> attempt[m] >= 1
      [] OTHER -> TRUE)

\* RT4: what was delivered is what is counted.
CountedInv == Says("CountedInv", \A m \in Msgs : delivered[m] = attempt[m])

\* LE7: what is over, or dead, begins no row of releases.
ReleasesInv == Says("ReleasesInv", \A m \in Msgs : state[m] \in Over \cup {"dead_lettered"} => releases[m] = 0)

\* LE2: a message is leased so often and no more. Leases that are over were counted, or are those of the row of releases: of a dead
\* letter with an attempt left, whose row is forgotten, there may have been a whole one.
EpochInv == Says("EpochInv", \A m \in Msgs :
    LET now == IF IsLeased(m) THEN 1 ELSE 0
        counted == redrives[m] * MaxAttempts + attempt[m] - now
        row == IF state[m] = "dead_lettered" /\ attempt[m] < MaxAttempts THEN ReleasesMax ELSE releases[m]
    IN  state[m] \notin Over => epoch[m] <= counted * (ReleasesMax + 1) + row + now)

\* LE2, LE3: the receipt in force is the epoch, and what is not leased has none.
ReceiptInv == Says("ReceiptInv", \A m \in Msgs :
    IF IsLeased(m) THEN receipt[m] = epoch[m] /\ epoch[m] > 0 ELSE receipt[m] = 0)

\* LE3, LE4: what is remembered of a lease was one, and is none that is in force; an ack was the end.
SettledInv == Says("SettledInv", \A i \in DOMAIN settled :
    LET m == settled[i][1] IN settled[i][2] <= (IF IsLeased(m) THEN epoch[m] - 1 ELSE epoch[m]) /\ state[m] # "absent")
SettledOnceInv == Says("SettledOnceInv", \A i, j \in DOMAIN settled :
    i # j => settled[i][1] # settled[j][1] \/ settled[i][2] # settled[j][2])
SettledAsInv == Says("SettledAsInv", \A i \in DOMAIN settled :
    /\ (settled[i][3] = "ack") = (settled[i][4] = "acked")
    /\ settled[i][3] = "ack" => state[settled[i][1]] = "acked")

\* LE5: only a lease can be extended, and it lasts no longer than its extensions may reach.
ExtensionInv == Says("ExtensionInv", \A m \in Msgs :
    IF IsLeased(m)
    THEN visibility[m] \in Visibilities /\ left[m] <= InflightFactor * visibility[m]
    ELSE visibility[m] = 0 /\ left[m] = 0)
DeadlineInv == Says("DeadlineInv", \A m \in Msgs : IsLeased(m) => timer[m] <= left[m])

\* What is over, or dead, waits for nothing.
TimerInv == Says("TimerInv", \A m \in Msgs : state[m] \notin Live => timer[m] = 0)
TtlInv == Says("TtlInv", \A m \in Msgs : state[m] \notin Live => ttl[m] = NoTtl)

\* DL1, DL3: as long as its retention says.
KeepInv == Says("KeepInv", \A m \in Msgs :
    keep[m] <= IF state[m] \in Waiting THEN ReadyRetention ELSE IF state[m] = "dead_lettered" THEN DlqRetention ELSE 0)

\* ID1: one live entry for each key of a topic, and none of what was never sent.
WindowInv == Says("WindowInv", \A m, o \in Msgs :
    /\ window[m] > 0 => state[m] # "absent"
    /\ m # o /\ window[m] > 0 /\ window[o] > 0 => TopicOf[m] # TopicOf[o] \/ KeyOf[m] # KeyOf[o])

\* DL1: a dead letter, and nothing else, says why it is one.
ReasonInv == Says("ReasonInv", \A m \in Msgs : (state[m] = "dead_lettered") = (reason[m] # "none"))
\* Whose lease ended otherwise than by an ack says how, as long as it is counted.
ErrorInv == Says("ErrorInv", \A m \in Msgs :
    error[m] # "none" => (state[m] \in {"redelivered", "dead_lettered"} \/ (IsLeased(m) /\ attempt[m] > 1)))

\* All type-correct states of these constants in which the conjuncts hold.
Inv ==
    /\ state \in [Msgs -> States] /\ LineInv /\ InflightInv
    /\ accepted \in SUBSET Msgs /\ AcceptedInv
    /\ dlq \in Sequences(Msgs, N) /\ DeadLineInv /\ DeadInv /\ DeadOfTopicInv
    /\ attempt \in [Msgs -> 0..MaxAttempts] /\ AttemptInv
    /\ delivered \in [Msgs -> 0..MaxAttempts] /\ CountedInv
    /\ visibility \in [Msgs -> Visibilities \cup {0}]
    /\ left \in [Msgs -> 0..(InflightFactor * VisibilityMax)] /\ ExtensionInv
    /\ timer \in [Msgs -> Ticks] /\ TimerInv /\ DeadlineInv
    /\ releases \in [Msgs -> 0..ReleasesMax] /\ ReleasesInv
    /\ redrives \in [Msgs -> 0..MaxRedrives]
    /\ epoch \in [Msgs -> 0..LeasesMax] /\ UnsentInv /\ EpochInv
    /\ receipt \in [Msgs -> 0..LeasesMax] /\ ReceiptInv
    /\ ttl \in [Msgs -> Lifetimes] /\ TtlInv
    /\ keep \in [Msgs -> 0..Max(ReadyRetention, DlqRetention)] /\ KeepInv
    /\ reason \in [Msgs -> Whys] /\ ReasonInv
    /\ error \in [Msgs -> IF Errors THEN LastErrors ELSE {"none"}] /\ ErrorInv
    /\ window \in [Msgs -> 0..TReplay] /\ WindowInv /\ WindowsInv
    /\ settled \in Sequences(Entries, SettledCapacity) /\ SettledInv /\ SettledOnceInv /\ SettledAsInv
    /\ up \in BOOLEAN
    /\ crashes \in 0..CrashesMax

Begin == Init \/ Inv

-----------------------------------------------------------------------------
(* What it implies besides the invariants of Mailbox and Rules             *)

\* The variables mean what Mailbox says of them.
MeaningInv == \A m \in Msgs :
    /\ IF IsLeased(m) THEN receipt[m] = epoch[m] /\ receipt[m] > 0 ELSE receipt[m] = 0
    /\ IsLeased(m) => timer[m] <= left[m] /\ left[m] <= InflightFactor * visibility[m]
    /\ ~IsLeased(m) => left[m] = 0 /\ visibility[m] = 0
    /\ state[m] \notin Live => timer[m] = 0 /\ ttl[m] = NoTtl
    /\ keep[m] > 0 => state[m] \in Waiting \cup {"dead_lettered"}
    /\ (reason[m] # "none") = (state[m] = "dead_lettered")
    /\ error[m] # "none" => state[m] \in {"leased", "redelivered", "dead_lettered"}
    /\ epoch[m] <= LeasesMax

\* LE3, LE4: no receipt settles twice, and none that is in force has settled anything; what was answered to an ack is so.
ReceiptsInv == \A i, j \in DOMAIN settled :
    LET m == settled[i][1]
    IN  /\ settled[i][2] # receipt[m]
        /\ i # j => settled[j][1] # m \/ settled[j][2] # settled[i][2]
        /\ settled[i][3] = "ack" => state[m] = "acked"
=============================================================================
