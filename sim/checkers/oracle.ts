import type { MessageView } from '../../spec/invariants.ts';
import type { State } from '../../spec/vocabulary.ts';
import type { MessageFact } from '../../src/core/facts.ts';

/** What a message must be after a fact, worked out apart from the core: a second opinion, two dozen lines long. */
export interface OracleView extends MessageView {
  state: State;
  attempt: number;
  epoch: number;
  receipt: string | null;
}

export const unknown = (): OracleView => ({ state: 'absent', attempt: 0, epoch: 0, receipt: null });

export function follow(view: OracleView, fact: MessageFact): void {
  switch (fact.name) {
    case 'sent':
      view.state = 'queued';
      return;
    case 'received':
      view.state = 'leased';
      view.attempt++;
      view.epoch++;
      view.receipt = fact.receipt;
      return;
    case 'extended':
      return;
    case 'acked':
      view.state = 'acked';
      break;
    case 'nacked':
    case 'expired':
      view.state = fact.to;
      break;
    case 'released':
      view.state = fact.to;
      if (!fact.counted) view.attempt--;
      break;
    case 'reprocessed':
      view.state = 'queued';
      view.attempt = 0;
      break;
    case 'purged':
      view.state = 'purged';
      break;
  }
  view.receipt = null;
}

export const copy = (from: OracleView, to: OracleView): void => {
  to.state = from.state;
  to.attempt = from.attempt;
  to.epoch = from.epoch;
  to.receipt = from.receipt;
};
