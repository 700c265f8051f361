------------------------------ MODULE History ------------------------------
(***************************************************************************)
(* What clients may see of a mailbox, without its state: calls, each with  *)
(* the time at which it was asked and the time of its answer, and what     *)
(* follows from them alone. A call without an answer may have happened at  *)
(* any time since it was asked. A history comes as a module made of it     *)
(* (src/trace/history/tlc.ts); each rule that it breaks is printed. The    *)
(* same rules, by the same names, are src/trace/history/rules.ts.          *)
(*                                                                         *)
(*   field      | of                 | is                                  *)
(*   begin, end | every call         | ms of a clock that clients share;   *)
(*              |                    | Never where no answer came          *)
(*   verb, result, by                | as in src/trace/history/format.ts   *)
(*   topic, key, hash, msg, receipt  | what it named or was told, "" else  *)
(*   deadline   | extend             | how long the lease goes on, in ms   *)
(*   got        | recv               | sequence of what was handed out     *)
(*   dead       | drained            | msg_ids of the dead letters         *)
(***************************************************************************)
EXTENDS Integers, Sequences, FiniteSets, TLC, HistoryData
\* Ops, TReplay, MaxAttempts, SettledCapacity, RevokedWithin, TrueClocks, Never

Calls == DOMAIN Ops
Of(verb) == {i \in Calls : Ops[i].verb = verb}
Begin(i) == Ops[i].begin
End(i) == Ops[i].end
Max(a, b) == IF a > b THEN a ELSE b
Min(a, b) == IF a < b THEN a ELSE b
\* Never is the largest there is: no sum goes beyond it.
After(ms, more) == IF ms >= Never - more THEN Never ELSE ms + more

Sends == Of("send")
Accepted == {i \in Sends : Ops[i].result = "accepted"}
SameKey(i, j) == Ops[i].topic = Ops[j].topic /\ Ops[i].key = Ops[j].key

\* What was handed out: the call, and the place in its answer.
Handed == UNION {{<<i, n>> : n \in DOMAIN Ops[i].got} : i \in Of("recv")}
Told(h) == Ops[h[1]].got[h[2]]
HandedOf(msg) == {h \in Handed : Told(h).msg = msg}

Settling == Of("ack") \cup Of("nack") \cup Of("extend")
Ends == Of("ack") \cup Of("nack")
Ok(i) == Ops[i].result = "ok"
MayHold(i) == Ops[i].result \in {"ok", "unknown"}
SameLease(i, j) == Ops[i].msg = Ops[j].msg /\ Ops[i].receipt = Ops[j].receipt

\* No process of the mailbox ended or began between these times.
Steady(from, to) == \A r \in Of("restart") : End(r) < from \/ Begin(r) > to

\* AC1, R3, IN1: what is handed out was sent so under that key, and a msg_id stands for one message.
SentProp ==
    \A h \in Handed :
        /\ \A o \in HandedOf(Told(h).msg) :
            /\ Told(o).key = Told(h).key
            /\ Told(o).hash = Told(h).hash
            /\ Ops[o[1]].topic = Ops[h[1]].topic
        /\ \E s \in Sends :
            /\ Ops[s].topic = Ops[h[1]].topic
            /\ Ops[s].key = Told(h).key
            /\ Ops[s].hash = Told(h).hash
            /\ Begin(s) <= End(h[1])
            /\ Ops[s].msg = Told(h).msg \/ Ops[s].result = "unknown"

\* ID1, ID4: a key is accepted once in t_replay.
IdempotentInv ==
    TrueClocks =>
        \A i, j \in Accepted :
            SameKey(i, j) /\ Ops[i].msg # Ops[j].msg
                => Max(End(i), End(j)) - Min(Begin(i), Begin(j)) >= TReplay

\* ID2, ID3, ID5: a duplicate names the message that was accepted; a mismatch has another payload before it.
DuplicateProp ==
    /\ \A i \in {s \in Sends : Ops[s].result = "mismatch"} :
        \E o \in Sends :
            SameKey(i, o) /\ Ops[o].hash # Ops[i].hash /\ Begin(o) <= End(i) /\ Ops[o].result # "refused"
    /\ TrueClocks =>
        \A i \in {s \in Sends : Ops[s].result = "duplicate"}, o \in Accepted :
            SameKey(i, o) /\ Begin(i) > End(o) /\ End(i) - Begin(o) < TReplay => Ops[i].msg = Ops[o].msg

\* AC1, LE3: after an ack was answered nobody asks for the message and gets it.
AckFinalProp ==
    \A a \in {i \in Of("ack") : Ok(i)} : \A h \in HandedOf(Ops[a].msg) : Begin(h[1]) <= End(a)

\* LE2: each lease has an epoch and a receipt of its own, and a later one a higher epoch.
EpochMonotoneProp ==
    \A h \in Handed : \A o \in HandedOf(Told(h).msg) \ {h} :
        /\ Told(h).epoch # Told(o).epoch
        /\ Told(h).receipt # Told(o).receipt
        /\ Begin(o[1]) > End(h[1]) => Told(o).epoch > Told(h).epoch

\* LE1, LE3: nobody gets a message while another has it whose lease is sure to go on.
SingleLeaseProp ==
    TrueClocks =>
        \A h \in Handed : \A o \in HandedOf(Told(h).msg) :
            LET from == Begin(h[1])
                to == End(o[1])
            IN  Told(o).epoch > Told(h).epoch /\ to >= from /\ to < After(from, Told(h).deadline)
                    => \/ \E s \in Settling :
                            Ops[s].msg = Told(h).msg /\ Ops[s].receipt = Told(h).receipt /\ Begin(s) <= to
                       \/ ~Steady(from, to)

\* RT1, RT4: no message is handed out more often than it may be, and each time counts an epoch.
AttemptsBoundedInv ==
    \A h \in Handed : Told(h).attempt \in 1..MaxAttempts /\ Told(h).attempt <= Told(h).epoch

\* LE3, LE5: a lease is settled or extended by who was given it, and not after its deadline.
LateProp ==
    \A s \in {i \in Settling : Ok(i)} :
        LET given == {h \in HandedOf(Ops[s].msg) : Told(h).receipt = Ops[s].receipt /\ Begin(h[1]) <= End(s)}
            before == {i \in Settling \ {s} : SameLease(i, s) /\ Begin(i) <= Begin(s) /\ MayHold(i)}
            extended == {i \in Of("extend") \ {s} : SameLease(i, s) /\ Ok(i)}
            excused ==
                \E i \in before :
                    \/ s \in Ends /\ Ops[i].verb = Ops[s].verb
                    \/ Ops[i].verb = "extend" /\ Ops[i].result = "unknown"
        IN  /\ given # {}
            /\ TrueClocks /\ ~excused
                => \/ \E h \in given : Begin(s) <= After(End(h[1]), Told(h).deadline)
                   \/ \E i \in extended : Begin(s) <= After(End(i), Ops[i].deadline)
                   \/ \E h \in given : (\A o \in given : Begin(h[1]) <= Begin(o[1])) /\ ~Steady(Begin(h[1]), End(s))

\* LE4: a lease is settled once; said again it has the same answer, and another verb never has that.
RepeatProp ==
    LET mayForget == Cardinality({i \in Ends : Ok(i)}) > SettledCapacity \/ ~TrueClocks
        IsFirst(f) == Ok(f) /\ \A o \in Ends : SameLease(o, f) /\ Ok(o) => End(f) <= End(o)
    IN  \A f \in {i \in Ends : IsFirst(i)} : \A s \in {i \in Ends : SameLease(i, f)} :
            /\ Ok(s) => Ops[s].verb = Ops[f].verb
            /\ \/ mayForget
               \/ Ops[s].verb # Ops[f].verb
               \/ Ops[s].by # Ops[f].by
               \/ Begin(s) <= End(f)
               \/ Ops[s].result \notin {"lease_lost", "not_found"}
               \/ End(s) - Begin(f) >= TReplay

\* Accepted before this recv was asked for, and handed out to nobody who had asked before it was answered.
Sure(r) ==
    IF \E u \in Calls :
        Ops[u].verb \in {"recv", "redrive"} /\ Ops[u].topic = Ops[r].topic /\ Ops[u].result = "unknown" /\ Begin(u) <= End(r)
    THEN {}
    ELSE {s \in Accepted :
            /\ Ops[s].topic = Ops[r].topic
            /\ ~Ops[s].timed
            /\ End(s) < Begin(r)
            /\ \A h \in HandedOf(Ops[s].msg) : Begin(h[1]) > End(r)}

Answered == {r \in Of("recv") : Ok(r)}

\* LE1: nobody gets a message before one that was sent earlier and waits.
OrderProp ==
    \A r \in Answered : \A s \in Sure(r) : \A n \in DOMAIN Ops[r].got : \A o \in Accepted :
        Ops[o].msg = Ops[r].got[n].msg => Begin(o) <= End(s)

\* LE1, LE6: nobody is told that there is nothing while something waits.
GivenProp == \A r \in Answered : Ops[r].got = <<>> => Sure(r) = {}

\* AU3, S3: nothing is done under a capability whose revocation was answered.
RevokedProp ==
    \A v \in {i \in Of("revoke") : Ok(i)} : \A i \in Calls :
        Ops[i].by = Ops[v].nonce /\ Begin(i) > After(End(v), RevokedWithin) => Ops[i].result \in {"refused", "unknown"}

\* AC1, RT2: of a topic that is drained every accepted message was handed out, or is dead.
NoLossInv ==
    \A d \in Of("drained") :
        \/ \E u \in Calls :
            Ops[u].verb \in {"recv", "redrive"} /\ Ops[u].topic = Ops[d].topic /\ Ops[u].result = "unknown" /\ Begin(u) <= End(d)
        \/ \A s \in Accepted :
            Ops[s].topic = Ops[d].topic /\ End(s) < Begin(d) => HandedOf(Ops[s].msg) # {} \/ Ops[s].msg \in Ops[d].dead

Judge(name, holds) == IF holds THEN TRUE ELSE PrintT(<<"broken", name>>)

ASSUME Judge("SentProp", SentProp)
ASSUME Judge("IdempotentInv", IdempotentInv)
ASSUME Judge("DuplicateProp", DuplicateProp)
ASSUME Judge("AckFinalProp", AckFinalProp)
ASSUME Judge("EpochMonotoneProp", EpochMonotoneProp)
ASSUME Judge("SingleLeaseProp", SingleLeaseProp)
ASSUME Judge("AttemptsBoundedInv", AttemptsBoundedInv)
ASSUME Judge("LateProp", LateProp)
ASSUME Judge("RepeatProp", RepeatProp)
ASSUME Judge("OrderProp", OrderProp)
ASSUME Judge("GivenProp", GivenProp)
ASSUME Judge("RevokedProp", RevokedProp)
ASSUME Judge("NoLossInv", NoLossInv)
ASSUME PrintT(<<"judged", Len(Ops)>>)
=============================================================================
