import { INDUCTIVE_MODELS } from './inductive-models.ts';
import { MODELS, type Model } from './models.ts';
import { PAIR_MODELS } from './pair-models.ts';

const only = (name: string, about: string, violated: string | null): Model => ({
  ...{ name, about, graph: null, tiny: false },
  expected: violated === null ? { kind: 'holds' } : { kind: 'violates', name: violated },
});

/** Models of `tla/Rules.tla`. No graph is recorded of them: their actions are those of `tla/Mailbox.tla`, in the bounds of tiny models. */
export const RULE_MODELS: readonly Model[] = [
  only('MCRulesTimes', 'rules: delay, ttl, retentions, a crash', null),
  only('MCRulesDead', 'rules: dead letters pushed out, reprocessed, purged', null),
  only('MCRulesLease', 'rules: extensions, releases, backoffs', null),
  only('MCRulesSettled', 'rules: settled receipts', null),
  only('MCRulesCrash', 'rules: a crash with two messages on their way', null),
  only('MCRulesReserve', 'rules: tenants and topics up to their shares', null),
  only('MCRulesKeys', 'rules: one key for three messages', null),
  only('NegTimeRuns', 'time that passes although something is due', 'TimeProp'),
  only('NegKeyForgotten', 'send that looks for no live key', 'WindowOpensProp'),
  only('NegOutOfOrder', 'recv that leases any message', 'OrderProp'),
  only('NegDoubleCount', 'recv that counts twice', 'LeaseProp'),
  only('NegLateSettled', 'lease settled after its deadline', 'LateProp'),
  only('NegRepeatShort', 'settled receipt forgotten early', 'RepeatProp'),
  only('NegBackoffLong', 'message that comes back later than any backoff', 'ReturnProp'),
  only('NegDeadTooSoon', 'message given up with an attempt left', 'DeadProp'),
  only('NegNewestOut', 'dead letter that pushes out the newest', 'PushOutProp'),
  only('NegRedrivesFree', 'reprocess that no count bounds', 'RedrivesInv'),
  only('NegAttemptsStay', 'reprocess that leaves attempts as they were', 'ReprocessProp'),
  only('NegLeaseLonger', 'extension beyond what is left', 'ExtendProp'),
  only('NegDelayIgnored', 'nack that does not do what it was asked', 'AskedInv'),
  only('NegHolderIgnored', 'lease that its holder cannot extend', 'ServedInv'),
  // Made when all properties were written.
  only('NegRestartTakesNoTime', 'restart that counts none of its time', 'TimeProp'),
  only('NegExtensionEarns', 'extension that earns as much again', 'ExtendProp'),
  only('NegTtlAsRetention', 'ttl that is over and gives the wrong reason', 'DeadProp'),
  only('NegReleaseCounted', 'release of what was never written that is counted', 'ReturnProp'),
  only('NegFirstRemembered', 'full memory of receipts that forgets the newest', 'SingleLeaseProp'),
  only('NegReprocessOpens', 'reprocess that opens the window anew', 'WindowOpensProp'),
];

/** All that TLC is asked. */
export const ALL_MODELS: readonly Model[] = [...MODELS, ...RULE_MODELS, ...PAIR_MODELS, ...INDUCTIVE_MODELS];
