import type { Outcome, State } from '../../spec/vocabulary.ts';
import type { Reply } from '../../src/service/messages.ts';
import type { RuleName } from './breach.ts';

/** What a request must be answered, as far as that is certain once it is decided. */
export interface Expected {
  readonly outcomes: readonly Outcome[];
  /** The rule that another outcome breaks. */
  readonly rule: RuleName;
  readonly msgId?: string;
  readonly state?: State;
  readonly count?: number;
  /** What is wrong with what an answer shows, as it was when the request was decided; null when nothing is. */
  readonly seen?: (reply: Reply) => string | null;
  readonly ackOutcomes?: readonly (readonly Outcome[])[];
}
