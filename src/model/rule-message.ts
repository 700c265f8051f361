import type { TimedView } from '../../spec/invariants.ts';
import type { State } from '../../spec/vocabulary.ts';
import type { MailboxView } from './mailbox-view.ts';

/** What the clock says in a graph: its times are what is left of them, so that a deadline of 0 is now. */
export const NOW = 0;

/** One message of a state, as the predicates of `spec/invariants.ts` look at it; it goes where its view is led. */
class MessageOf implements TimedView {
  private readonly view: MailboxView;
  private readonly m: number;

  constructor(view: MailboxView, m: number) {
    this.view = view;
    this.m = m;
  }

  get state(): State {
    return this.view.state(this.m);
  }
  get attempt(): number {
    return this.view.attempt(this.m);
  }
  get epoch(): number {
    return this.view.epoch(this.m);
  }
  get receipt(): string | null {
    const receipt = this.view.receipt(this.m);
    return receipt === 0 ? null : String(receipt);
  }
  get timerAtMs(): number {
    return this.view.timer(this.m);
  }
}

export const messageOf = (view: MailboxView, m: number): TimedView => new MessageOf(view, m);
