---- MODULE NegAsync ----
\* Answers that do not wait for the standby.
EXTENDS Ownership
AnswerAtOnce(n) == \E i \in DOMAIN flight[n] : Durable(n, i)
====
