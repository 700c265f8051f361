import type { Model } from './models.ts';

const only = (name: string, about: string): Model => ({
  ...{ name, about, graph: null, tiny: false },
  expected: { kind: 'holds' },
});

/** Models of `tla/Inductive.tla`: they begin in every type-correct state in which `Inv` holds, and none of their steps leads out of them. */
export const INDUCTIVE_MODELS: readonly Model[] = [
  only('MCInductiveSmall', 'inductive: one message, the smallest'),
  only('MCInductiveOne', 'inductive: one message, all that may become of it'),
  only('MCInductiveSettled', 'inductive: two settled receipts remembered'),
  only('MCInductiveTwo', 'inductive: two messages under one key, bounds below demand'),
  only('MCInductiveTenants', 'inductive: three messages of two tenants'),
];

/** A conjunct of `Inv`, and what is violated in this model when it is left out: `Inv` says no more than it needs. */
export interface Conjunct {
  readonly name: string;
  readonly model: string;
  readonly breaks: string;
}
const inOne = (name: string, breaks: string): Conjunct => ({ name, model: 'MCInductiveOne', breaks });
const inSmall = (name: string, breaks: string): Conjunct => ({ name, model: 'MCInductiveSmall', breaks });
const inTwo = (name: string, breaks: string): Conjunct => ({ name, model: 'MCInductiveTwo', breaks });
const inTenants = (name: string, breaks: string): Conjunct => ({ name, model: 'MCInductiveTenants', breaks });
export const CONJUNCTS: readonly Conjunct[] = [
  inTenants('LineInv', 'CapacityInv'),
  inTwo('InflightInv', 'CapacityInv'),
  inOne('AcceptedInv', 'NoLossInv'),
  inOne('DeadLineInv', 'NoLossInv'),
  inTenants('DeadInv', 'CapacityInv'),
  inTwo('DeadOfTopicInv', 'CapacityInv'),
  inSmall('AttemptInv', 'AttemptsBoundedInv'),
  inSmall('CountedInv', 'AttemptsBoundedInv'),
  inOne('ExtensionInv', 'MeaningInv'),
  inSmall('TimerInv', 'ReprocessProp'),
  inOne('DeadlineInv', 'MeaningInv'),
  inSmall('ReleasesInv', 'ReprocessProp'),
  inSmall('UnsentInv', 'AttemptsBoundedInv'),
  inSmall('EpochInv', 'MeaningInv'),
  inSmall('ReceiptInv', 'SingleLeaseProp'),
  inSmall('TtlInv', 'ReprocessProp'),
  inOne('KeepInv', 'MeaningInv'),
  inOne('ReasonInv', 'MeaningInv'),
  inOne('ErrorInv', 'MeaningInv'),
  inTwo('WindowInv', 'IdempotentInv'),
  inTenants('WindowsInv', 'CapacityInv'),
  inOne('SettledInv', 'ReceiptsInv'),
  { name: 'SettledOnceInv', model: 'MCInductiveSettled', breaks: 'ReceiptsInv' },
  inOne('SettledAsInv', 'ReceiptsInv'),
];
