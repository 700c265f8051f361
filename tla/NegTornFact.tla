---- MODULE NegTornFact ----
\* A crash that leaves half of a fact on the disk, and it is taken for one.
EXTENDS Durability
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {-1}
TearingCrash ==
    /\ phase \in {"up", "failed"}
    /\ draining = 0
    /\ crashes < CrashesMax
    /\ phase' = "dying"
    /\ crashes' = crashes + 1
    /\ tail' = <<>>
    /\ draining' = 0
    /\ flight' = 0
    /\ dState' = mState
    /\ UNCHANGED <<dAttempt, dEpoch, dRedrives, dReleases, dReceipt, dTimer, dLeft, dVisibility, dTtl, dKeep, dWindow, dReason,
                   dError, dDlq, dSettled, dDelivered, dUp, dCrashes, mVars, told>>
====
