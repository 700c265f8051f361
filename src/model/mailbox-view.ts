import { STATES, type State } from '../../spec/vocabulary.ts';
import { type Graph, widthOfState } from './graph.ts';
import { LAST_ERRORS, REASONS, VERBS } from './mailbox.ts';
import { NUMBER_MIN } from './values.ts';

/** An entry of `settled`: the verb that settled a lease may be said again with its receipt for so many ticks (LE4). */
export interface SettledView {
  readonly m: number;
  readonly receipt: number;
  readonly verb: (typeof VERBS)[number];
  readonly to: State;
  readonly ticks: number;
}
const SETTLED_WIDTH = 5;

/** A state of a graph of `tla/Mailbox.tla`, variable by variable; messages are 1..N. It is led from state to state and copies nothing. */
export class MailboxView {
  private readonly rows: Uint8Array;
  private readonly width: number;
  private readonly places: ReadonlyMap<string, number>;
  private base = 0;

  constructor({ rows, width, variables }: Pick<Graph, 'rows' | 'width' | 'variables'>) {
    this.rows = rows;
    this.width = width;
    this.places = new Map(variables.map(([name], i) => [name, widthOfState(variables.slice(0, i))]));
  }

  to(state: number): this {
    this.base = state * this.width;
    return this;
  }

  private byte(name: string, m = 1): number {
    return this.rows[this.base + (this.places.get(name) as number) + m - 1] as number;
  }

  private number(name: string, m?: number): number {
    return this.byte(name, m) + NUMBER_MIN;
  }

  state(m: number): State {
    return STATES[this.byte('state', m)] as State;
  }
  isWaiting(m: number): boolean {
    const state = this.state(m);
    return state === 'queued' || state === 'redelivered';
  }
  isLive(m: number): boolean {
    return this.state(m) === 'leased' || this.isWaiting(m);
  }
  attempt(m: number): number {
    return this.number('attempt', m);
  }
  epoch(m: number): number {
    return this.number('epoch', m);
  }
  redrives(m: number): number {
    return this.number('redrives', m);
  }
  releases(m: number): number {
    return this.number('releases', m);
  }
  receipt(m: number): number {
    return this.number('receipt', m);
  }
  timer(m: number): number {
    return this.number('timer', m);
  }
  left(m: number): number {
    return this.number('left', m);
  }
  visibility(m: number): number {
    return this.number('visibility', m);
  }
  /** -1 for none. */
  ttl(m: number): number {
    return this.number('ttl', m);
  }
  keep(m: number): number {
    return this.number('keep', m);
  }
  window(m: number): number {
    return this.number('window', m);
  }
  reason(m: number): string {
    return REASONS[this.byte('reason', m)] as string;
  }
  error(m: number): string {
    return LAST_ERRORS[this.byte('error', m)] as string;
  }
  isAccepted(m: number): boolean {
    return this.byte('accepted', m) === 1;
  }
  delivered(m: number): number {
    return this.number('delivered', m);
  }
  isUp(): boolean {
    return this.byte('up') === 1;
  }
  crashes(): number {
    return this.number('crashes');
  }
  /** Dead letters, oldest first. */
  dead(): number[] {
    return Array.from({ length: this.byte('dlq') }, (_, i) => this.number('dlq', i + 2));
  }
  settledCount(): number {
    return this.byte('settled');
  }
  /** Oldest first. */
  settled(): SettledView[] {
    return Array.from({ length: this.settledCount() }, (_, i) => {
      const at = 2 + i * SETTLED_WIDTH;
      return {
        m: this.number('settled', at),
        receipt: this.number('settled', at + 1),
        verb: VERBS[this.byte('settled', at + 2)] as SettledView['verb'],
        to: STATES[this.byte('settled', at + 3)] as State,
        ticks: this.number('settled', at + 4),
      };
    });
  }
}
