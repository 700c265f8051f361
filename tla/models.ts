/** What TLC must say of a model. */
export type Expected =
  | { readonly kind: 'holds' }
  /** A negative model: exactly this invariant or property must fail. */
  | { readonly kind: 'violates'; readonly name: string }
  /** Every one of these must fail: what they deny is reached. */
  | { readonly kind: 'reaches'; readonly names: readonly string[] };

export interface Model {
  /** Module and config: `<name>.tla`, `<name>.cfg`. */
  readonly name: string;
  readonly about: string;
  readonly expected: Expected;
}

const holds: Expected = { kind: 'holds' };
const violates = (name: string): Expected => ({ kind: 'violates', name });

export const MODELS: readonly Model[] = [
  { name: 'MCMailbox', about: 'every action on two messages', expected: holds },
  { name: 'MCIdempotency', about: 'shared keys, capacities below demand', expected: holds },
  { name: 'MCDeadLetters', about: 'reprocess, purge, retention', expected: holds },
  { name: 'MCLease', about: 'extensions and releases', expected: holds },
  { name: 'MCCrash', about: 'crashes and recoveries', expected: holds },
  {
    name: 'MCReached',
    about: 'every state is reached',
    expected: {
      kind: 'reaches',
      names: [
        'DebugReprocessedInv',
        'DebugReleasedInv',
        'DebugDownInv',
        'DebugQueuedInv',
        'DebugLeasedInv',
        'DebugRedeliveredInv',
        'DebugAckedInv',
        'DebugDeadLetteredInv',
        'DebugPurgedInv',
      ],
    },
  },
  { name: 'NegResetAttempts', about: 'recovery that resets attempts', expected: violates('AttemptsBoundedInv') },
  { name: 'NegEvictedEarly', about: 'idempotency entry evicted early', expected: violates('WindowProp') },
  { name: 'NegNoLeaseCap', about: 'extension without a cap', expected: violates('DeliveredLive') },
  { name: 'NegStaleReceipt', about: 'stale receipt accepted', expected: violates('SingleLeaseInv') },
  { name: 'NegUnfairRecv', about: 'no strong fairness of Recv', expected: violates('DeliveredLive') },
];
