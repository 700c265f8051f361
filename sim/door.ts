import type { Op } from '../spec/vocabulary.ts';
import { type Capability, freshSession, type Session } from '../src/auth/authorize.ts';
import { AUTH_FAILURES, type AuthFailure } from '../src/auth/capability.ts';
import { type Denial, HELD_MS, letGo, type Verdict, type Verdicts } from '../src/node/authentication.ts';
import { unknownCaller } from '../src/node/authorize.ts';
import { type Client, NOBODY, NOTHING_LEASED, type Exchange as NodeExchange } from '../src/node/exchange.ts';
import type { FeedReader } from '../src/node/feed-writer.ts';
import type { MailboxNode } from '../src/node/node.ts';
import type { Item } from '../src/node/requests.ts';
import type { StreamReader } from '../src/node/stream-writer.ts';
import type { Cause } from '../src/ports/observer.ts';
import type { Delivery, FactView, Request } from '../src/service/messages.ts';
import { type BatchAsk, type Call, copyId, type Exchange, opOf, PIECE, type Reply, WRITE_TIMEOUT_MS } from './call.ts';
import { headerOf, tokenOf } from './capabilities.ts';
import type { FaultLog } from './fault-log.ts';
import type { Kind, Loop } from './loop.ts';
import type { ShardKills } from './shard-kills.ts';
import type { Watch } from './watch.ts';

/** The process behind the door, as it is at the moment. */
export interface Host {
  /** Null while nobody listens. */
  readonly listening: MailboxNode | null;
  readonly kills: ShardKills;
  /** Nothing is done until `pausedUntilMs`. */
  readonly isPaused: boolean;
  readonly pausedUntilMs: number;
  live(run: () => void): void;
}

interface Parts {
  readonly index: number;
  readonly loop: Loop;
  readonly watch: Watch;
  readonly faults: FaultLog;
  readonly connectionsMax: number;
}

/** As `stream_heartbeat` has it. */
const HEARTBEAT_MS = 15_000;
const CAUSE: Cause = { corrId: '-', peer: '-', scope: '-' };

/** One copy of a call as the node meets it. */
class Visit implements NodeExchange, Client {
  readonly exchange: Exchange;
  readonly session: Session;
  capability: Capability | null = null;
  leased = NOTHING_LEASED;
  holders = NOBODY;
  /** Who stands behind the capabilities that the items of a batch bring. */
  verdicts: Verdicts = new Map();
  /** Why nobody stands behind it. */
  failure: AuthFailure | null = null;
  /** Its answer is on the way. */
  isAnswered = false;
  leave: (() => void) | null = null;

  private readonly onCut: () => void;

  constructor(exchange: Exchange, session: Session, onCut: () => void) {
    this.exchange = exchange;
    this.session = session;
    this.onCut = onCut;
  }

  get client(): Client {
    return this;
  }

  get peer(): string {
    return this.exchange.call.by.name;
  }

  gone(): boolean {
    return this.exchange.closed;
  }

  cut(): void {
    this.onCut();
  }

  onGone(callback: () => void): void {
    this.leave = callback;
  }

  /** Whatever leaves the process is on the network at once. */
  onWritten(): void {}

  causeOf(): Cause {
    return CAUSE;
  }

  denied(_op: Op, reason: string): void {
    if ((AUTH_FAILURES as readonly string[]).includes(reason)) this.failure = reason as AuthFailure;
  }
}

/** Where requests come into a node and answers leave it: its connections. */
export class Door {
  private readonly parts: Parts;
  private readonly host: Host;
  /** What each client presented last, as a kept connection remembers it. */
  private readonly sessions = new Map<string, Session>();
  private readonly open = new Map<Exchange, Visit>();
  private readonly floods = new Set<{ readonly connections: number }>();

  constructor(parts: Parts, host: Host) {
    this.parts = parts;
    this.host = host;
  }

  /** The process is gone, and its connections with it. */
  close(): void {
    this.sessions.clear();
    this.open.clear();
  }

  /** Someone opens so many idle connections; what is returned closes those that are still there. */
  flood(connections: number): () => void {
    const one = { connections };
    this.floods.add(one);
    return () => this.floods.delete(one);
  }

  /** All that were kept idle are closed. */
  endFloods(): void {
    this.floods.clear();
  }

  private get connections(): number {
    let sum = this.open.size;
    for (const { connections } of this.floods) sum += connections;
    return sum;
  }

  arrive(exchange: Exchange): void {
    this.awake('request', copyId(exchange.call, exchange.copy), () => this.take(exchange));
  }

  private take(exchange: Exchange): void {
    const { loop, connectionsMax } = this.parts;
    const { call, copy } = exchange;
    loop.mark('request', copyId(call, copy));
    const node = this.host.listening;
    if (node === null || this.connections >= connectionsMax) return exchange.reply(null);
    const visit: Visit = new Visit(exchange, this.sessionOf(call), () => this.cut(visit));
    this.open.set(exchange, visit);
    node.authentication.identify(visit, headerOf(call.capability), [opOf(call.ask)], (denied) => {
      // It may have been held back, and its client have left meanwhile, or the process.
      if (this.open.get(exchange) === visit) this.identified(node, visit, denied);
      if (denied?.held === true) this.holdBack(visit, denied.reply);
    });
  }

  private sessionOf({ by }: Call): Session {
    let session = this.sessions.get(by.name);
    if (session === undefined) {
      session = freshSession();
      this.sessions.set(by.name, session);
    }
    return session;
  }

  private identified(node: MailboxNode, visit: Visit, denied: Denial | null): void {
    const { index, loop, watch, faults } = this.parts;
    const { exchange, failure } = visit;
    if (failure === 'expired') faults.began('expired', loop.nowMs);
    const { ask } = exchange.call;
    // Known here at once: nobody else is asked about capabilities that items bring.
    if (denied === null && ask.verb === 'batch') {
      const tokens = ask.items.flatMap(({ under }) => (under === undefined ? [] : [tokenOf(under)]));
      node.authentication.identifyAll(visit, new Set(tokens), (found) => {
        visit.verdicts = found;
      });
      exchange.strangers = ask.items.map(({ under }) => {
        const verdict = under === undefined ? null : visit.verdicts.get(tokenOf(under));
        return typeof verdict === 'string' ? verdict : null;
      });
    }
    watch.arrived(index, exchange, failure);
    if (denied === null) return this.serve(node, visit);
    if (!denied.held) this.leave(visit, denied.reply);
  }

  /** Its answer goes out later, and what comes on its connection meanwhile has its turn then (AU5). */
  private holdBack(visit: Visit, reply: Reply): void {
    const { call, copy } = visit.exchange;
    this.parts.loop.after(HELD_MS, 'reply', copyId(call, copy), () =>
      this.awake('reply', copyId(call, copy), () => {
        if (this.sessions.get(visit.peer) !== visit.session) return;
        this.leave(visit, reply);
        letGo(visit.session, () => false);
      }),
    );
  }

  private serve(node: MailboxNode, visit: Visit): void {
    const { index, watch } = this.parts;
    const { exchange } = visit;
    const { ask } = exchange.call;
    const capability = visit.capability as Capability;
    if (ask.verb === 'revoke') {
      const what = { kind: 'nonce', value: ask.nonce, note: '' } as const;
      return node.requests.revoke(visit, what, (reply) => this.leave(visit, reply));
    }
    // What is answered at once is looked at when the whole decision is known.
    const early: (() => unknown)[] = [];
    let deciding = true;
    const told = (run: () => unknown): void => {
      if (deciding) early.push(run);
      else run();
    };
    const answer = (reply: Reply): void => told(() => this.leave(visit, reply));
    this.host.kills.handling = ask;
    if (ask.verb === 'stream') {
      node.requests.openStream(visit, ask, { heartbeatMs: HEARTBEAT_MS, reader: this.readerOf(visit, told) });
    } else if (ask.verb === 'feed') {
      node.requests.openFeed(visit, ask, { heartbeatMs: HEARTBEAT_MS, reader: this.listenerOf(visit, told) });
    } else if (ask.verb === 'batch') {
      this.askAll(node, visit, ask.items, answer);
    } else node.requests.ask(visit, { request: ask, capability }, answer);
    this.host.kills.handling = null;
    deciding = false;
    watch.served(index, exchange);
    for (const run of early) run();
  }

  /** Each by the capability that it brings, or by that of the call. */
  private askAll(node: MailboxNode, visit: Visit, asks: readonly BatchAsk[], answer: (reply: Reply) => void): void {
    const { verdicts } = visit;
    const capability = visit.capability as Capability;
    const all = asks.map(({ under, ...request }) => {
      const verdict = under === undefined ? capability : (verdicts.get(tokenOf(under)) as Verdict);
      return typeof verdict === 'string'
        ? unknownCaller(verdict)
        : { request: request as Request, capability: verdict };
    });
    const items = all.filter((one): one is Item => 'request' in one);
    node.requests.askAll(visit, items, (given) => {
      let next = 0;
      const replies = all.map((one) => ('request' in one ? (given[next++] as Reply) : one));
      answer({ outcome: 'ok', replies });
    });
  }

  /** What a stream gives goes out a piece at a time; its reader takes each when it comes to it. */
  private readerOf(visit: Visit, told: (run: () => unknown) => void): StreamReader {
    const { index, watch } = this.parts;
    const { exchange } = visit;
    const isOpen = (): boolean => this.open.get(exchange) === visit;
    const send = this.piecesOf(visit);
    return {
      refused: (reply) => told(() => this.leave(visit, reply)),
      opened: (reply) => {
        told(() => isOpen() && watch.opened(index, exchange, reply));
        return false;
      },
      write: (deliveries, _nowMs, written) => {
        const piece = deliveries.slice(0, PIECE);
        watch.gave(index, exchange, piece);
        send(piece, written);
        return piece.length;
      },
      beat: (written) => send([], written),
      end: (outcome) => told(() => this.leave(visit, { outcome })),
      over: () => this.outflowOver(visit),
    };
  }

  /** The same of a feed: facts instead of messages. */
  private listenerOf(visit: Visit, told: (run: () => unknown) => void): FeedReader {
    const { index, watch } = this.parts;
    const { exchange } = visit;
    const send = this.piecesOf(visit);
    return {
      refused: (reply) => told(() => this.leave(visit, reply)),
      opened: (cursor, written) =>
        told(() => {
          if (this.open.get(exchange) !== visit) return;
          watch.listened(index, exchange, cursor);
          send([], written);
        }),
      write: (facts, written) => {
        const piece = facts.slice(0, PIECE);
        watch.toldOf(index, exchange, piece);
        send([], written, piece);
        return piece.length;
      },
      beat: (_cursor, written) => send([], written),
      end: (outcome) => told(() => this.leave(visit, { outcome })),
      over: () => this.outflowOver(visit),
    };
  }

  /** Sends pieces to whoever reads along this visit. */
  private piecesOf(visit: Visit) {
    const { index, watch, loop } = this.parts;
    const { exchange } = visit;
    const { call, copy } = exchange;
    const isOpen = (): boolean => this.open.get(exchange) === visit;
    let pieces = 0;
    let taken = 0;
    return (deliveries: readonly Delivery[], written: () => void, facts: readonly FactView[] = []): void => {
      const piece = ++pieces;
      // A reader that does not take it is cut (D1), and one that is gone without a word is found out.
      loop.after(WRITE_TIMEOUT_MS, 'end', copyId(call, copy), () => {
        if (isOpen() && piece > taken) this.host.live(() => this.cut(visit));
      });
      const take = (): void =>
        this.awake('request', copyId(call, copy), () => {
          if (!isOpen()) return;
          taken = piece;
          watch.taken(index, exchange);
          written();
        });
      exchange.piece(deliveries, take, facts);
    };
  }

  private outflowOver(visit: Visit): void {
    const { index, watch, loop } = this.parts;
    const { exchange } = visit;
    watch.closed(index, exchange);
    if (this.open.get(exchange) !== visit) return;
    this.open.delete(exchange);
    loop.mark('hangup', copyId(exchange.call, exchange.copy));
  }

  /** Something comes to the process: when it is awake. */
  private awake(kind: Kind, id: number, run: () => void): void {
    if (!this.host.isPaused) return this.host.live(run);
    this.parts.loop.at(this.host.pausedUntilMs, kind, id, () => this.awake(kind, id, run));
  }

  /** The process ends a connection: its client notices. */
  private cut(visit: Visit): void {
    const { exchange, leave } = visit;
    if (this.open.get(exchange) !== visit) return;
    this.open.delete(exchange);
    exchange.closed = true;
    leave?.();
    exchange.reply(null);
  }

  /** A reply leaves the process, unless nobody is there to take it. */
  private leave(visit: Visit, reply: Reply): void {
    const { index, loop, watch, faults } = this.parts;
    const { exchange } = visit;
    if (this.open.get(exchange) !== visit) return;
    this.open.delete(exchange);
    visit.leave = null;
    if (exchange.closed) return faults.began('gone', loop.nowMs);
    watch.replied(index, exchange, reply);
    exchange.reply(reply);
  }

  /** The client closed its connection. */
  hangUp(exchange: Exchange): void {
    const { call, copy } = exchange;
    this.awake('hangup', copyId(call, copy), () => {
      const visit = this.open.get(exchange);
      if (visit === undefined) return;
      this.open.delete(exchange);
      this.parts.loop.mark('hangup', copyId(call, copy));
      this.parts.watch.hungUp();
      exchange.closed = true;
      visit.leave?.();
    });
  }
}
