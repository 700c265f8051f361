----------------------------- MODULE Durability -----------------------------
(***************************************************************************)
(* A shard with its journal. Memory runs ahead: facts go to a tail, what   *)
(* gathers while an append is under way shares the next one, and a reply   *)
(* leaves when its facts are durable (AC1; src/service/commit.ts). The     *)
(* process may die at any point; then memory is gone and so is the tail,   *)
(* but an append under way may have been written after all. What the disk  *)
(* holds is itself a mailbox, one fact at a time: Refines says so.         *)
(***************************************************************************)
EXTENDS Integers, FiniteSets, Sequences

CONSTANTS
    N, TopicOf, TenantOf, KeyOf, SizeOf, Delays, Ttls, Visibilities, Budgets, RetryAfters, Asked, Elsewhere, ElsewhereOfTenant, Elapsed,
    MaxAttempts, MaxRedrives, InflightFactor, ReleasesMax, BackoffBase, BackoffMax, TReplay, ReadyRetention,
    DlqRetention, ShardCapacity, GlobalInflight, DedupCapacity, SettledCapacity, DlqMaxPerTopic, DlqCapacity,
    TenantShare, TenantReserve, TopicShare, Errors, CrashesMax,
    TailMax          \* facts and ticks that memory may be ahead of the disk

VARIABLES
    \* The shard in memory: as in Mailbox
    mState, mAttempt, mEpoch, mRedrives, mReleases, mReceipt, mTimer, mLeft, mVisibility, mTtl, mKeep, mWindow,
    mReason, mError, mDlq, mSettled, mDelivered,
    \* The shard that the durable facts describe: as in Mailbox
    dState, dAttempt, dEpoch, dRedrives, dReleases, dReceipt, dTimer, dLeft, dVisibility, dTtl, dKeep, dWindow,
    dReason, dError, dDlq, dSettled, dDelivered,
    dUp,        \* as far as the durable facts say, the process runs
    dCrashes,   \* crashes that the durable facts know of
    \* The process and its journal:
    phase,      \* "up", "failed" (its journal is), "dying", "down"
    crashes,    \* crashes so far
    tail,       \* what memory is ahead of the disk, oldest first: <<action, message, timer it left>>
    flight,     \* how many of the tail are in the append under way; 0 when there is none, and then the tail is empty
    draining,   \* how many of the tail have become durable and are not yet told to the disk's shard
    \* What replies have said so far:
    toldSent,   \* messages that are accepted
    toldEpoch,  \* the last delivery of each message
    toldAcked   \* messages that are acked

mVars == <<mState, mAttempt, mEpoch, mRedrives, mReleases, mReceipt, mTimer, mLeft, mVisibility, mTtl, mKeep, mWindow,
           mReason, mError, mDlq, mSettled, mDelivered>>
dVars == <<dState, dAttempt, dEpoch, dRedrives, dReleases, dReceipt, dTimer, dLeft, dVisibility, dTtl, dKeep, dWindow,
           dReason, dError, dDlq, dSettled, dDelivered, dUp, dCrashes>>
told == <<toldSent, toldEpoch, toldAcked>>
vars == <<mVars, dVars, phase, crashes, tail, flight, draining, told>>

M == INSTANCE Mailbox WITH
    state <- mState, attempt <- mAttempt, epoch <- mEpoch, redrives <- mRedrives, releases <- mReleases,
    receipt <- mReceipt, timer <- mTimer, left <- mLeft, visibility <- mVisibility, ttl <- mTtl, keep <- mKeep,
    window <- mWindow, reason <- mReason, error <- mError, dlq <- mDlq, settled <- mSettled, up <- phase = "up",
    crashes <- crashes, accepted <- {m \in 1..N : mState[m] # "absent"}, delivered <- mDelivered
D == INSTANCE Mailbox WITH
    state <- dState, attempt <- dAttempt, epoch <- dEpoch, redrives <- dRedrives, releases <- dReleases,
    receipt <- dReceipt, timer <- dTimer, left <- dLeft, visibility <- dVisibility, ttl <- dTtl, keep <- dKeep,
    window <- dWindow, reason <- dReason, error <- dError, dlq <- dDlq, settled <- dSettled, up <- dUp,
    crashes <- dCrashes, accepted <- {m \in 1..N : dState[m] # "absent"}, delivered <- dDelivered

Msgs == 1..N

Init ==
    /\ phase = "up"
    /\ crashes = 0
    /\ M!Init
    /\ D!Init
    /\ tail = <<>>
    /\ flight = 0
    /\ draining = 0
    /\ toldSent = {}
    /\ toldEpoch = [m \in Msgs |-> 0]
    /\ toldAcked = {}

-----------------------------------------------------------------------------
(* Memory: a command acts there at once, and its fact goes to the tail. *)

IsFact(entry) == entry[1] # "Tick"
HasFact(entries) == \E i \in DOMAIN entries : IsFact(entries[i])
LastFact(entries) == CHOOSE i \in DOMAIN entries : IsFact(entries[i]) /\ ~HasFact(SubSeq(entries, i + 1, Len(entries)))

Running ==
    /\ draining = 0
    /\ Len(tail) < TailMax
    /\ UNCHANGED <<phase, crashes>>

\* GroupCommit.add and pump: an append begins unless one is under way
Logged(action, m) ==
    /\ tail' = Append(tail, <<action, m, mTimer'[m]>>)
    /\ flight' = IF flight = 0 THEN 1 ELSE flight
    /\ UNCHANGED <<dVars, draining, told>>

Send(m) == Running /\ M!Send(m) /\ Logged("Send", m)
Recv(m) == Running /\ M!Recv(m) /\ Logged("Recv", m)
Ack(m) == Running /\ M!Ack(m) /\ Logged("Ack", m)
Nack(m) == Running /\ M!Nack(m) /\ Logged("Nack", m)
Extend(m) == Running /\ M!Extend(m) /\ Logged("Extend", m)
Release(m) == Running /\ M!Release(m) /\ Logged("Release", m)
Expire(m) == Running /\ M!Expire(m) /\ Logged("Expire", m)
Reprocess(m) == Running /\ M!Reprocess(m) /\ Logged("Reprocess", m)
Purge(m) == Running /\ M!Purge(m) /\ Logged("Purge", m)

\* Time is no fact: the disk's shard has it from the next fact, or at once when there is none to come.
Tick ==
    /\ draining = 0
    /\ UNCHANGED <<phase, crashes>>
    /\ M!Tick
    /\ IF flight = 0
       THEN D!Tick /\ UNCHANGED tail
       ELSE /\ Len(tail) < TailMax
            /\ tail' = Append(tail, <<"Tick", 0, 0>>)
            /\ UNCHANGED dVars
    /\ UNCHANGED <<flight, draining, told>>

-----------------------------------------------------------------------------
(* The journal *)

\* The append under way is durable: all of it, for a frame is written whole or not at all.
Synced ==
    /\ phase = "up"
    /\ flight > 0
    /\ draining = 0
    /\ draining' = flight
    /\ UNCHANGED <<mVars, dVars, phase, crashes, tail, flight, told>>

\* The append under way failed: nothing more is promised, the process will die (journal rule 4).
SyncFailed ==
    /\ phase = "up"
    /\ flight > 0
    /\ draining = 0
    /\ phase' = "failed"
    /\ UNCHANGED <<mVars, dVars, crashes, tail, flight, draining, told>>

\* One fact, as replay would take it.
Follow(entry) ==
    LET action == entry[1]
        m == entry[2]
    IN  \/ action = "Send" /\ D!Send(m)
        \/ action = "Recv" /\ D!Recv(m)
        \/ action = "Ack" /\ D!Ack(m)
        \/ action = "Nack" /\ D!Nack(m)
        \/ action = "Extend" /\ D!Extend(m)
        \/ action = "Release" /\ D!Release(m)
        \/ action = "Expire" /\ D!Expire(m)
        \/ action = "Reprocess" /\ D!Reprocess(m)
        \/ action = "Purge" /\ D!Purge(m)
        \/ action = "Tick" /\ D!Tick
        \/ action = "Recover" /\ D!Resume(entry[3]) /\ UNCHANGED <<dDelivered, dCrashes>>

\* The reply of this fact leaves, unless there is nobody any more to send it.
Tell(entry) ==
    /\ toldSent' = IF entry[1] = "Send" /\ phase = "up" THEN toldSent \cup {entry[2]} ELSE toldSent
    /\ toldEpoch' = IF entry[1] = "Recv" /\ phase = "up" THEN [toldEpoch EXCEPT ![entry[2]] = dEpoch'[entry[2]]] ELSE toldEpoch
    /\ toldAcked' = IF entry[1] = "Ack" /\ phase = "up" THEN toldAcked \cup {entry[2]} ELSE toldAcked

\* What is durable reaches the disk's shard, and its replies the clients. With the last of it the next append begins.
Drain ==
    /\ draining > 0
    /\ Follow(Head(tail))
    /\ Head(tail)[1] \notin {"Tick", "Recover"} => dTimer'[Head(tail)[2]] = Head(tail)[3]
    /\ Tell(Head(tail))
    /\ tail' = Tail(tail)
    /\ LET rest == Tail(tail)
       IN  IF draining > 1
           THEN draining' = draining - 1 /\ UNCHANGED flight
           ELSE /\ flight' = IF HasFact(rest) /\ phase = "up" THEN LastFact(rest) ELSE 0
                /\ draining' = IF HasFact(rest) \/ phase # "up" THEN 0 ELSE Len(rest)
    /\ UNCHANGED <<mVars, phase, crashes>>

-----------------------------------------------------------------------------
(* The process *)

\* It dies. The append under way was written after all, or it was not; what waited for the next is gone.
Crash ==
    /\ phase \in {"up", "failed"}
    /\ draining = 0
    /\ crashes < CrashesMax
    /\ phase' = "dying"
    /\ crashes' = crashes + 1
    /\ \E written \in {0, flight} :
        /\ tail' = SubSeq(tail, 1, written)
        /\ draining' = written
    /\ flight' = 0
    /\ UNCHANGED <<mVars, dVars, told>>

\* Nothing of it is left but the disk.
Die ==
    /\ phase = "dying"
    /\ draining = 0
    /\ phase' = "down"
    /\ IF dUp THEN D!Crash ELSE UNCHANGED dVars
    /\ mState' = dState
    /\ mAttempt' = dAttempt
    /\ mEpoch' = dEpoch
    /\ mRedrives' = dRedrives
    /\ mReleases' = dReleases
    /\ mReceipt' = dReceipt
    /\ mTimer' = dTimer
    /\ mLeft' = dLeft
    /\ mVisibility' = dVisibility
    /\ mTtl' = dTtl
    /\ mKeep' = dKeep
    /\ mWindow' = dWindow
    /\ mReason' = dReason
    /\ mError' = dError
    /\ mDlq' = dDlq
    /\ mSettled' = dSettled
    /\ mDelivered' = dDelivered
    /\ UNCHANGED <<crashes, tail, flight, draining, told>>

\* recover.ts: another process replays the durable facts; that it did is the first fact it leaves
Recover ==
    /\ phase = "down"
    /\ phase' = "up"
    /\ \E d \in Elapsed :
        /\ M!LetPass(d)
        /\ tail' = <<<<"Recover", 0, d>>>>
    /\ flight' = 1
    /\ UNCHANGED <<mDelivered, dVars, crashes, draining, told>>

Next ==
    \/ \E m \in Msgs :
        \/ Send(m) \/ Recv(m) \/ Ack(m) \/ Nack(m) \/ Extend(m) \/ Release(m)
        \/ Expire(m) \/ Reprocess(m) \/ Purge(m)
    \/ Tick \/ Synced \/ SyncFailed \/ Drain \/ Crash \/ Die \/ Recover

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Invariants: spec/vocabulary.ts INVARIANTS *)

\* What a reply promised is in the durable prefix (AC1).
ReplyDurableInv ==
    /\ \A m \in toldSent : dState[m] # "absent"
    /\ \A m \in Msgs : toldEpoch[m] <= dEpoch[m]
    /\ \A m \in toldAcked : dState[m] = "acked"

\* What recovery finds is the durable prefix: attempts and epochs as they were (RT4).
PrefixProp ==
    [][phase = "down" /\ phase' = "up" =>
        mState' = dState /\ mAttempt' = dAttempt /\ mEpoch' = dEpoch /\ mRedrives' = dRedrives]_vars

\* With nothing on the way, memory and disk say the same.
TypeOK == phase = "up" /\ tail = <<>> => mState = dState /\ mAttempt = dAttempt /\ mEpoch = dEpoch /\ mTimer = dTimer /\ mWindow = dWindow

\* AckFinalProp across every crash: what an answered ack ended stays ended.
AckFinalProp == [][\A m \in toldAcked : mState[m] = "acked" => mState'[m] = "acked"]_vars

\* The disk's shard is a mailbox: every step is one of its steps, or none.
Refines == D!Init /\ [][D!Next]_dVars
=============================================================================
