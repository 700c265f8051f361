---- MODULE NegNoLeaseCap ----
\* Extensions without a cap (against LE5): a consumer can hold a message for ever.
EXTENDS MCMailbox
AlwaysExtend(m) == TRUE
====
