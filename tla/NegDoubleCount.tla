---- MODULE NegDoubleCount ----
\* A recv that counts for two attempts (against LE2).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
Twice(m) ==
    /\ up
    /\ First(m)
    /\ \E length \in Visibilities :
        /\ timer' = [timer EXCEPT ![m] = length]
        /\ left' = [left EXCEPT ![m] = InflightFactor * length]
        /\ visibility' = [visibility EXCEPT ![m] = length]
    /\ state' = [state EXCEPT ![m] = "leased"]
    /\ attempt' = [attempt EXCEPT ![m] = @ + 2]
    /\ epoch' = [epoch EXCEPT ![m] = @ + 1]
    /\ receipt' = [receipt EXCEPT ![m] = epoch[m] + 1]
    /\ keep' = [keep EXCEPT ![m] = 0]
    /\ delivered' = [delivered EXCEPT ![m] = @ + 1]
    /\ UNCHANGED <<redrives, releases, ttl, window, reason, error, dlq, settled, up, crashes, accepted>>
====
