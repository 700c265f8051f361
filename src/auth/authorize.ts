import { hash } from 'node:crypto';
import { CAP_FORMATS, type CapFormat, type Op } from '../../spec/vocabulary.ts';
import type { Clock } from '../ports/clock.ts';
import type { TakeQuota } from '../ports/engine.ts';
import type { Grant } from '../ports/process-facts.ts';
import { type CacheEntry, CapabilityCache } from './cache.ts';
import { type AuthFailure, Capability, type Judge } from './capability.ts';
import { scopeOf } from './caveats.ts';
import { KEY_AGE_MAX_MS, type Keyring } from './keyring.ts';
import { isSigned, parseToken, TOKEN_CHARS_MAX } from './macaroon.ts';
import { Quotas } from './quota.ts';
import { QuotaParts } from './quota-parts.ts';
import { RefusedWork } from './refused-work.ts';
import { type AskRemote, RemoteVerifier, type Verdict } from './remote.ts';
import { type Revocation, Revocations } from './revocation.ts';
import { FailureThrottle, SpikeDetector, sourceOf } from './throttle.ts';

export type { AuthFailure } from './capability.ts';
export { Capability } from './capability.ts';

const DAY_MS = 86_400_000;
const BEARER = 'bearer ';
const CACHE_CAPACITY = 10_000;
/** Refused tokens remembered, so that repeating one costs little. */
const REFUSED_CAPACITY = 1_000;
const REFUSED_TTL_MS = 5_000;
/** Well-formed, and signed by nobody. */
const PROBE_TOKEN =
  'MDAxOWxvY2F0aW9uIHN2Yy1tYWlsYm94CjAwMzNpZGVudGlmaWVyIHYxOnByb2JlOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwCjAwMmZzaWduYXR1cmUgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAK';

/**
 * What one connection presented last. Clients repeat their header: comparing it with the one before costs less than
 * looking it up. It lives no longer than the cache entry it came from.
 */
export interface Session {
  header: string;
  entry: CacheEntry<Capability> | null;
  /** An answer to it is held back (AU5): what comes meanwhile waits. */
  held: boolean;
  /** What was sent ahead on it, to go on when nothing is held back any more. */
  readonly waiting: (() => void)[];
  /** Who stood behind a request of it last. */
  holder: Capability | null;
  /** The last question for it at a remote verifier was answered with no, or not at all. */
  doubted: boolean;
  /** It is closed. */
  gone: boolean;
}

/** What a connection starts with. */
export const freshSession = (): Session => ({
  header: '',
  entry: null,
  held: false,
  waiting: [],
  holder: null,
  doubted: false,
  gone: false,
});

export interface AuthorityOptions {
  /** Formats that are accepted (P2); all by default. */
  readonly formats?: readonly CapFormat[];
  /** Where capabilities are verified instead of here (B8); the keyring is then null. */
  readonly remote?: AskRemote;
  /** Failures a sender may have in a burst before it is held back (AU5). */
  readonly failureBurst?: number;
  /** The cache was purged because failures spiked (K6). */
  readonly onPurge?: (entries: number) => void;
  /** Too many quotas were added to capabilities of this nonce: some of them are refused for so many ms (AU6). */
  readonly onBarred?: (nonce: string, forMs: number) => void;
  /** Where other nodes count on the same quotas: takes a part of one. */
  readonly takeQuota?: TakeQuota;
}

/**
 * Verifies, remembers and revokes capabilities. Fails closed: whatever is not known to be good is refused. Sans-I/O: time
 * comes from the clock that is handed in, and a remote verifier is asked through a port.
 */
export class Authority implements Judge {
  readonly clock: Clock;
  readonly quotas = new Quotas();
  readonly refusedWork = new RefusedWork();
  readonly revocations = new Revocations();
  readonly cache: CapabilityCache<Capability>;
  readonly remote: RemoteVerifier | null;
  version = 0;
  purges = 0;
  private ring: Keyring | null;
  private readonly formats: readonly CapFormat[];
  private readonly throttle: FailureThrottle;
  private readonly spikes = new SpikeDetector();
  private readonly refused = new Map<string, { readonly failure: AuthFailure; readonly untilMs: number }>();
  private readonly onPurge: (entries: number) => void;

  constructor(keyring: Keyring | null, clock: Clock, cacheTtlMs: number, options: AuthorityOptions = {}) {
    if ((keyring === null) !== (options.remote !== undefined)) throw new Error('authority: a keyring or a verifier');
    this.ring = keyring;
    this.clock = clock;
    this.cache = new CapabilityCache(cacheTtlMs, CACHE_CAPACITY);
    this.formats = options.formats ?? CAP_FORMATS;
    this.remote = options.remote === undefined ? null : new RemoteVerifier(options.remote, clock, PROBE_TOKEN);
    this.throttle = new FailureThrottle(options.failureBurst ?? 100);
    this.onPurge = options.onPurge ?? (() => {});
    if (options.onBarred !== undefined) this.quotas.onBarred = options.onBarred;
    if (options.takeQuota !== undefined) this.quotas.parts = new QuotaParts(options.takeQuota, () => clock.nowMs());
  }

  get keyring(): Keyring | null {
    return this.ring;
  }

  /**
   * Takes another keyring into use, as one swap (P3): capabilities of keys that both hold go on, those of a key that is gone or
   * was exchanged end at once.
   */
  useKeyring(keyring: Keyring): void {
    this.ring = this.ring === null ? keyring : keyring.keeping(this.ring);
    this.version++;
    this.refused.clear();
    // Those of keys that went let go of them (K7).
    this.cache.each((capability) => capability.failure());
    const oldestMs = Math.min(...this.ring.keys.map((key) => key.createdMs));
    // Keys are dated by the wall clock, revocations by the service clock: ages can be compared, dates can not.
    const ageMs = Math.max(KEY_AGE_MAX_MS, this.clock.wallMs() - oldestMs) + DAY_MS;
    this.revocations.forgetNonces(this.clock.nowMs() - ageMs);
  }

  /** What was granted to a process before this one for one topic, as far as it still holds; null where its key is gone. */
  recall({ nonce, keyId, keyCreatedMs, expiresS, notBeforeS }: Grant, topic: string): Capability | null {
    const root = this.ring?.find(keyId) ?? null;
    if (root === null || root.createdMs !== keyCreatedMs) return null;
    const scope = { topics: [topic], prefixes: [], ops: new Set<Op>(), expiresS, notBeforeS, pieces: [] };
    return new Capability({ nonce, keyId, id: '' }, root, scope, this);
  }

  newSession(): Session {
    return freshSession();
  }

  /** The capability of an `Authorization` header, or why there is none. `unverified`: it takes a question, see `ask`. */
  authenticate(header: string | undefined, session: Session | null = null): Capability | AuthFailure {
    if (header === undefined) return 'missing';
    const nowMs = this.clock.nowMs();
    if (session !== null && session.entry !== null && nowMs < session.entry.untilMs && session.header === header) {
      return session.entry.value.failure() ?? session.entry.value;
    }
    const token = tokenOf(header);
    if (token === null) return 'malformed';
    let entry = this.cache.get(token, nowMs);
    if (entry === undefined) {
      const capability = this.refusedBefore(token, nowMs) ?? this.verify(token, nowMs);
      if (typeof capability === 'string') return capability;
      entry = this.cache.put(token, capability, nowMs);
    }
    if (session !== null) {
      session.header = header;
      session.entry = entry;
    }
    return entry.value.failure() ?? entry.value;
  }

  /** Whether this token is remembered as verified: to ask about it costs next to nothing. */
  knows(token: string): boolean {
    return this.cache.get(token, this.clock.nowMs()) !== undefined;
  }

  /**
   * Asks the remote verifier about a header that is `unverified`, which came from `peer` on the connection of `session`; `done` is
   * called once, perhaps before this returns.
   */
  ask(header: string, peer: string, session: Session, done: (verdict: Capability | AuthFailure) => void): void {
    const token = tokenOf(header);
    if (token === null || this.remote === null) return done('malformed');
    const asked = this.remote.verify(token, sourceOf(peer), session, (verdict, askedMs) =>
      done(this.answered(token, askedMs, verdict)),
    );
    if (asked === 'crowded') done('crowded');
  }

  /** What the verifier's answer comes to. The entry's life is counted from the question: a late answer is not a fresh one. */
  private answered(token: string, askedMs: number, verdict: Verdict): Capability | AuthFailure {
    if (verdict === null) return 'unavailable';
    if (!verdict.valid) return this.refuse(token, 'refused', this.clock.nowMs());
    const known = this.cache.get(token, askedMs)?.value;
    const capability = known ?? this.capabilityOf(token);
    if (typeof capability === 'string') return capability;
    if (known === undefined) {
      capability.vouchedUntilMs = this.cache.put(token, capability, askedMs, verdict.ttlMs).untilMs;
      this.remote?.witness({ nonce: capability.nonce, token, isGood: () => isGood(capability) });
    }
    return capability.failure() ?? capability;
  }

  private verify(token: string, nowMs: number): Capability | AuthFailure {
    const capability = this.capabilityOf(token);
    if (typeof capability === 'string') return this.refuse(token, capability, nowMs);
    return this.remote === null ? capability : 'unverified';
  }

  /** What a token says. Only with a keyring of our own is that also known to be true. */
  private capabilityOf(token: string): Capability | AuthFailure {
    const parsed = parseToken(token);
    if (parsed === null || !this.formats.includes(parsed.format)) return 'malformed';
    const { nonce, keyId } = parsed;
    const root = this.ring === null ? null : this.ring.find(keyId);
    if (root === undefined) return 'unknown_key';
    if (root !== null && !isSigned(parsed, root.key)) return 'forged';
    const scope = scopeOf(parsed.caveats);
    return typeof scope === 'string' ? 'caveats' : new Capability({ nonce, keyId, id: idOf(token) }, root, scope, this);
  }

  private refuse(token: string, failure: AuthFailure, nowMs: number): AuthFailure {
    if (failure === 'malformed') return failure;
    if (this.refused.size >= REFUSED_CAPACITY) this.refused.delete(this.refused.keys().next().value as string);
    this.refused.set(token, { failure, untilMs: nowMs + Math.min(REFUSED_TTL_MS, this.cache.ttlMs) });
    return failure;
  }

  private refusedBefore(token: string, nowMs: number): AuthFailure | null {
    const before = this.refused.get(token);
    if (before === undefined) return null;
    if (nowMs < before.untilMs) return before.failure;
    this.refused.delete(token);
    return null;
  }

  /**
   * Counts a failed authentication: 0, else ms for which its sender is held back (AU5). A spike of them purges the cache (K6), but not
   * while nobody could be asked again: what is remembered is all there is then.
   */
  failed(failure: AuthFailure, peer: string): number {
    if (failure === 'unavailable' || failure === 'crowded') return 0;
    const nowMs = this.clock.nowMs();
    if (failure !== 'missing' && this.spikes.failed(nowMs) && this.remote?.healthy !== false) {
      this.purges++;
      this.onPurge(this.cache.size);
      this.cache.clear();
    }
    return this.throttle.failed(sourceOf(peer), nowMs);
  }

  /** Takes effect at once in this process (S3). False when the list is full: nothing was revoked. */
  revoke(kind: Revocation['kind'], value: string): boolean {
    if (!this.revocations.add({ kind, value, atMs: this.clock.nowMs() })) return false;
    this.version++;
    if (kind === 'nonce') this.cache.drop(value);
    return true;
  }

  /** Takes back what was revoked before a restart. */
  restore(revocations: Iterable<Revocation>): void {
    for (const revocation of revocations) this.revocations.add(revocation);
    this.version++;
  }

  /** When `tick` is next needed; Infinity for never. */
  nextWakeMs(): number {
    return this.remote?.nextWakeMs() ?? Number.POSITIVE_INFINITY;
  }

  /** Looks after the remote verifier. */
  tick(nowMs: number): void {
    this.remote?.tick(nowMs);
  }
}

/** Whether nothing that is known here speaks against it. */
function isGood(capability: Capability): boolean {
  const failure = capability.failure();
  return failure === null || failure === 'unverified';
}

/** The token of `Bearer <token>`; null for what cannot be one, before any work is done on it. */
function tokenOf(header: string): string | null {
  if (header.length > BEARER.length + TOKEN_CHARS_MAX) return null;
  return header.slice(0, BEARER.length).toLowerCase() === BEARER ? header.slice(BEARER.length) : null;
}

/** 96 bits of a hash: nobody can make a token that answers for what another did, or that could be guessed from it. */
const idOf = (token: string): string => hash('sha256', token, 'base64url').slice(0, 16);
