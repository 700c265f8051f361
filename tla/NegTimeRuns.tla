---- MODULE NegTimeRuns ----
\* Time that passes although something is due (against RT3).
EXTENDS Rules
MCTopicOf == <<1>>
MCTenantOf == <<1>>
MCKeyOf == <<1>>
MCSizeOf == <<1>>
MCTtls == {NoTtl}
AnyTime == TRUE
====
