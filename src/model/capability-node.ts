import { type AuthFailure, Authority, type Capability, type Session } from '../auth/authorize.ts';
import type { CacheEntry } from '../auth/cache.ts';
import type { Keyring } from '../auth/keyring.ts';
import type { Verdict } from '../auth/remote.ts';
import type { Clock } from '../ports/clock.ts';
import type { Stage } from './capability-constants.ts';
import { FIXED_FIELDS } from './capability-fields.ts';
import { Checkpoint } from './checkpoint.ts';

/** What a node has asked the one that holds the keys, and what is on its way back. */
export interface Question {
  readonly capability: number;
  readonly token: string;
  readonly askedMs: number;
  stage: Stage;
  /** Ticks that the answer vouches for. */
  ttl: number;
  /** When another request began to wait for the same answer; null for none. */
  joinedMs: number | null;
  readonly answer: (verdict: Verdict) => void;
}

/** A request under way: the capability it was let in with. */
export interface Held {
  readonly capability: number;
  readonly by: Capability;
}

/** Of a class, what its private fields hold. */
interface InsideAuthority {
  readonly cache: {
    readonly entries: ReadonlyMap<string, CacheEntry<Capability>>;
    readonly byNonce: ReadonlyMap<string, ReadonlySet<string>>;
  };
  readonly revocations: {
    readonly nonces: ReadonlyMap<string, number>;
    readonly keyIds: ReadonlyMap<string, number>;
  };
  readonly refused: ReadonlyMap<string, { readonly untilMs: number }>;
  readonly remote: {
    readonly open: ReadonlyMap<string, { readonly waiting: readonly unknown[] }>;
    readonly asked: readonly number[];
    readonly lines: readonly { readonly size: number }[];
    readonly misses: number;
  } | null;
}

const isFixed = (field: string): boolean => FIXED_FIELDS.has(field);
const PEER = '10.0.0.1';

/** One node: the shipped `Authority` with one connection to it, the question it may have open, and a request under way. */
export class CapabilityNode {
  readonly name: number;
  readonly clock: Clock;
  readonly cacheTtlMs: number;
  authority: Authority;
  session: Session;
  question: Question | null = null;
  held: Held | null = null;
  /** What became of the requests that waited for the last answer. */
  answers: (Capability | AuthFailure)[] = [];
  /** The capability that is being asked about: the port is told of a token only. */
  private asking = 0;
  /** What the state was when it was last taken or put back; null when something may have happened since. */
  private checkpoint: Checkpoint | null = null;

  /** With a keyring it verifies itself, without one it asks. */
  constructor(name: number, keyring: Keyring | null, clock: Clock, cacheTtlMs: number) {
    this.name = name;
    this.clock = clock;
    this.cacheTtlMs = cacheTtlMs;
    this.authority = this.begin(keyring);
    this.session = this.authority.newSession();
  }

  private begin(keyring: Keyring | null): Authority {
    const { clock, cacheTtlMs } = this;
    if (keyring !== null) return new Authority(keyring, clock, cacheTtlMs);
    return new Authority(null, clock, cacheTtlMs, { remote: (token, answer) => this.opened(token, answer) });
  }

  private opened(token: string, answer: (verdict: Verdict) => void): void {
    if (this.question !== null) throw new Error('a question is asked while another is open');
    const askedMs = this.clock.nowMs();
    this.question = { capability: this.asking, token, askedMs, stage: 'asked', ttl: 0, joinedMs: null, answer };
  }

  /** Something is about to happen here. */
  touch(): void {
    this.checkpoint = null;
  }

  save(): Checkpoint {
    this.checkpoint ??= new Checkpoint(this, isFixed);
    return this.checkpoint;
  }

  restore(checkpoint: Checkpoint): void {
    if (this.checkpoint === checkpoint) return;
    checkpoint.restore();
    this.checkpoint = checkpoint;
  }

  /** A request on this node's connection; null when only the node with the keys can tell. */
  request(header: string): Capability | AuthFailure | null {
    const verdict = this.authority.authenticate(header, this.session);
    return verdict === 'unverified' ? null : verdict;
  }

  /** Asks the node with the keys; whoever waits is told in `answers`. */
  ask(capability: number, header: string): void {
    this.asking = capability;
    const { question } = this;
    this.authority.ask(header, PEER, this.session, (answer) => this.answers.push(answer));
    if (question !== null) question.joinedMs = this.clock.nowMs();
  }

  /** The answer is there, or null when there is none: what it comes to for everyone who waited. */
  answered(verdict: Verdict): Capability | AuthFailure {
    const { question } = this;
    if (question === null) throw new Error('an answer to nothing');
    this.answers = [];
    this.question = null;
    question.answer(verdict);
    const [first, ...others] = this.answers;
    const waited = question.joinedMs === null ? 1 : 2;
    if (first === undefined || this.answers.length !== waited) throw new Error('someone was not told');
    if (others.some((other) => other !== first)) throw new Error('one answer is not the same to all who waited');
    this.answers = [];
    return first;
  }

  /** Whoever is let in is looked at from now on, if nobody is. */
  hold(capability: number, by: Capability): void {
    this.held ??= { capability, by };
  }

  /** Another process takes over, which knows what was revoked. */
  restart(): void {
    const { keyring, revocations } = this.authority;
    const known = [...revocations.list()];
    this.authority = this.begin(keyring);
    this.authority.restore(known);
    this.session = this.authority.newSession();
    this.question = null;
    this.held = null;
  }

  /** Answers missing in a row. */
  get misses(): number {
    return this.inside.remote?.misses ?? 0;
  }

  get inside(): InsideAuthority {
    return this.authority as unknown as InsideAuthority;
  }
}
