import type { Delivery, FactView } from '../src/service/messages.ts';
import {
  type Answered,
  type Call,
  type Client,
  copyId,
  type Due,
  type Exchange,
  type Reply,
  type Streamed,
  WRITE_TIMEOUT_MS,
} from './call.ts';
import type { Group } from './capabilities.ts';
import type { FaultLog } from './fault-log.ts';
import { Event, type Loop } from './loop.ts';
import type { SimNode } from './node.ts';
import type { Watch } from './watch.ts';

/** Clients of a group, or everyone, as seen from one node. */
export interface Link {
  readonly node: number;
  readonly who: Group | 'all';
}
export type Direction = 'both' | 'requests' | 'replies';

type Trouble = Link &
  (
    | { readonly kind: 'partition'; readonly direction: Direction }
    | { readonly kind: 'delay' | 'slow_reader'; readonly byMs: number }
  );

/** A call in progress, as its client sees it. */
class Flight extends Event {
  declare readonly call: Call;
  declare readonly network: Network;
  declare readonly exchanges: Copied[];
  declare private readonly answer: Answered;
  declare private readonly streamed: Streamed | null;
  declare open: boolean;

  constructor(call: Call, network: Network, answer: Answered, streamed: Streamed | null) {
    super();
    this.call = call;
    this.network = network;
    this.exchanges = [];
    this.answer = answer;
    this.streamed = streamed;
    this.open = true;
  }

  run(): void {
    this.network.leave(this);
  }

  finish(reply: Reply | null): void {
    if (!this.open) return;
    this.open = false;
    this.network.watch.answered(this.call, reply);
    this.answer(reply);
  }

  /** A piece of a stream or a feed is there. */
  take(deliveries: readonly Delivery[], facts: readonly FactView[]): void {
    if (!this.open) return;
    this.network.watch.streamed(this.call, deliveries);
    this.streamed?.(deliveries, facts);
  }
}

/** One copy of it: first on its way to its node, then there. */
class Copied extends Event implements Exchange {
  declare readonly flight: Flight;
  declare readonly call: Call;
  declare readonly copy: number;
  declare closed: boolean;
  declare due: Due | null;
  declare falls: number;

  constructor(flight: Flight, copy: number) {
    super();
    this.flight = flight;
    this.call = flight.call;
    this.copy = copy;
    this.due = null;
    this.falls = 0;
    this.closed = flight.call.copies[copy]?.end === 'gone';
  }

  run(): void {
    this.flight.network.arrive(this);
  }

  reply(reply: Reply | null): void {
    this.flight.network.back(this, reply);
  }

  piece(deliveries: readonly Delivery[], taken: () => void, facts: readonly FactView[] = []): void {
    this.flight.network.piece(this, (flight) => flight.take(deliveries, facts), taken);
  }
}

/** A reply on its way back. */
class Returning extends Event {
  declare private readonly exchange: Copied;
  declare private readonly reply: Reply | null;

  constructor(exchange: Copied, reply: Reply | null) {
    super();
    this.exchange = exchange;
    this.reply = reply;
  }

  run(): void {
    const { flight, call, copy } = this.exchange;
    flight.network.loop.mark('reply', copyId(call, copy));
    flight.finish(this.reply);
  }
}

/**
 * Calls that time out after the same while do so in the order in which they were made: only the first of them that is still
 * open waits in the loop.
 */
class Timeouts extends Event {
  private readonly network: Network;
  private readonly afterMs: number;
  private flights: Flight[] = [];
  private from = 0;
  private isArmed = false;

  constructor(network: Network, afterMs: number) {
    super();
    this.network = network;
    this.afterMs = afterMs;
  }

  add(flight: Flight): void {
    this.flights.push(flight);
    this.arm();
  }

  /** The one that waits may have been answered: then it is the turn of the next. */
  run(): void {
    this.isArmed = false;
    const first = this.flights[this.from];
    if (first?.open && first.call.atMs + this.afterMs === this.network.loop.nowMs) {
      this.from++;
      this.network.timeOut(first);
    }
    this.arm();
  }

  private arm(): void {
    if (this.isArmed) return;
    const { flights } = this;
    while (flights[this.from]?.open === false) this.from++;
    if (this.from > 1000 && this.from * 2 > flights.length) {
      flights.splice(0, this.from);
      this.from = 0;
    }
    const first = flights[this.from];
    if (first === undefined) return;
    this.isArmed = true;
    this.network.loop.add(this, first.call.atMs + this.afterMs, 'timeout', first.call.id);
  }
}

/** The links between clients and nodes. What is dropped is never heard of; a timeout is all a client has. */
export class Network {
  readonly loop: Loop;
  readonly watch: Watch;
  private readonly nodes: readonly SimNode[];
  private readonly faults: FaultLog;
  private readonly timeouts = new Map<number, Timeouts>();
  /** What is wrong with links now. */
  private troubles: readonly Trouble[] = [];

  constructor(loop: Loop, nodes: readonly SimNode[], faults: FaultLog, watch: Watch) {
    this.loop = loop;
    this.nodes = nodes;
    this.faults = faults;
    this.watch = watch;
  }

  /** Returns what ends it. */
  trouble(trouble: Trouble): () => void {
    this.troubles = [...this.troubles, trouble];
    return () => {
      this.troubles = this.troubles.filter((other) => other !== trouble);
    };
  }

  heal(): void {
    this.troubles = [];
  }

  /** Makes a call at its time, after everything else that happens in that millisecond; `answer` is called once. */
  call(call: Call, answer: Answered, streamed: Streamed | null = null): void {
    this.loop.add(new Flight(call, this, answer, streamed), call.atMs, 'call', call.id);
  }

  /** The same, when the events of its millisecond have come that far. */
  callNow(call: Call, answer: Answered, streamed: Streamed | null = null): void {
    this.leave(new Flight(call, this, answer, streamed));
  }

  leave(flight: Flight): void {
    const { loop } = this;
    const { call } = flight;
    loop.mark('call', call.id);
    this.watch.called(call);
    this.timeoutsOf(call.timeoutMs).add(flight);
    for (let i = 0; i < call.copies.length; i++) {
      const extraMs = this.pass(call, 'requests');
      if (extraMs === null) continue;
      loop.add(new Copied(flight, i), loop.nowMs + call.copies[i]!.outMs + extraMs, 'request', copyId(call, i));
    }
  }

  private timeoutsOf(ms: number): Timeouts {
    let timeouts = this.timeouts.get(ms);
    if (timeouts === undefined) {
      timeouts = new Timeouts(this, ms);
      this.timeouts.set(ms, timeouts);
    }
    return timeouts;
  }

  arrive(exchange: Copied): void {
    exchange.flight.exchanges.push(exchange);
    this.nodes[exchange.call.node]?.door.arrive(exchange);
  }

  /** A reply leaves its node. */
  back(exchange: Copied, reply: Reply | null): void {
    const { loop } = this;
    const { call, copy } = exchange;
    const { end, backMs } = call.copies[copy]!;
    if (end === 'lost') return this.faults.began('lost_reply', loop.nowMs);
    const extraMs = this.pass(call, 'replies');
    if (extraMs === null) return;
    loop.add(new Returning(exchange, reply), loop.nowMs + backMs + extraMs, 'reply', copyId(call, copy));
  }

  /** A piece of a stream or a feed leaves its node: its reader takes it after a while, unless nothing passes; then it never does. */
  piece(exchange: Copied, hand: (flight: Flight) => void, taken: () => void): void {
    const { loop } = this;
    const { call, copy, flight } = exchange;
    const { end, backMs } = call.copies[copy]!;
    const extraMs = end === 'lost' ? null : this.pass(call, 'replies');
    if (extraMs === null || (call.ask.verb !== 'stream' && call.ask.verb !== 'feed')) return;
    const { takesMs } = call.ask;
    loop.after(backMs + extraMs, 'reply', copyId(call, copy), () => {
      loop.mark('reply', copyId(call, copy));
      hand(flight);
      loop.after(takesMs, 'request', copyId(call, copy), taken);
    });
  }

  /** The client has waited long enough: it closes its connections. */
  timeOut(flight: Flight): void {
    this.loop.mark('timeout', flight.call.id);
    for (const exchange of flight.exchanges) this.hangUp(exchange);
    flight.finish(null);
  }

  /** Extra time on the way, or null when nothing passes. */
  private pass(call: Call, direction: 'requests' | 'replies'): number | null {
    if (this.troubles.length === 0) return 0;
    let extraMs = 0;
    for (const trouble of this.troubles) {
      if (trouble.node !== call.node || !isOf(call.by, trouble.who)) continue;
      if (trouble.kind === 'partition') {
        if (trouble.direction === 'both' || trouble.direction === direction) return null;
        continue;
      }
      if (trouble.kind === 'slow_reader' && direction === 'requests') continue;
      if (trouble.kind === 'slow_reader' && trouble.byMs > WRITE_TIMEOUT_MS) return null;
      extraMs += trouble.byMs;
    }
    return extraMs;
  }

  /** The node notices a little later, unless nothing passes. */
  private hangUp(exchange: Exchange): void {
    const { call, copy } = exchange;
    const extraMs = this.pass(call, 'requests');
    if (extraMs === null) return;
    this.loop.after(call.copies[copy]!.outMs + extraMs, 'hangup', copyId(call, copy), () => {
      this.nodes[call.node]?.door.hangUp(exchange);
    });
  }
}

const isOf = (client: Client, who: Group | 'all'): boolean => who === 'all' || client.group === who;
