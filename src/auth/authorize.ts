import type { Op } from '../../spec/vocabulary.ts';
import type { Clock } from '../ports.ts';
import { CapabilityCache } from './cache.ts';
import { type Scope, scopeOf } from './caveats.ts';
import type { Keyring } from './keyring.ts';
import { openToken } from './macaroon.ts';
import { Quotas } from './quota.ts';
import { Revocations } from './revocation.ts';

/** Capability times are judged with this much tolerance (TM2, R5). */
const TOLERANCE_S = 120;
const CACHE_CAPACITY = 10_000;

/** Why nobody stands behind a request (401). For logs and metrics; the caller is told no more than that. */
export const AUTH_FAILURES = [
  'missing',
  'malformed',
  'unknown_key',
  'forged',
  'caveats',
  'expired',
  'not_yet_valid',
  'revoked',
] as const;
export type AuthFailure = (typeof AUTH_FAILURES)[number];

/** An authentic capability, and what it allows at the moment it is asked. */
export class Capability {
  readonly nonce: string;
  readonly keyId: string;
  /** For logs: what it is for, nothing that would let anyone use it. */
  readonly label: string;
  private readonly scope: Scope;
  private readonly authority: Authority;

  constructor(nonce: string, keyId: string, scope: Scope, authority: Authority) {
    this.nonce = nonce;
    this.keyId = keyId;
    this.scope = scope;
    this.authority = authority;
    const topics = [...scope.topics, ...scope.prefixes.map((prefix) => `${prefix}*`)].join('&');
    this.label = `${[...scope.ops].join(',')} on ${topics} by ${keyId}:${nonce.slice(0, 8)}`;
  }

  allowsOp(op: Op): boolean {
    return this.scope.ops.has(op);
  }

  allowsTopic(topic: string): boolean {
    const { topics, prefixes } = this.scope;
    return topics.every((only) => only === topic) && prefixes.every((prefix) => topic.startsWith(prefix));
  }

  /** Takes one operation and `bytes` from the quotas: 0, else ms until they may allow it (AU2). */
  charge(bytes: number, nowMs: number): number {
    return this.authority.quotas.charge(this.nonce, this.scope.quotas, bytes, nowMs);
  }

  /** False once revoked, expired or of a key that is no more (AU3). */
  isValid(): boolean {
    return this.failure() === null;
  }

  /** Why it is not valid now, or null. */
  failure(): AuthFailure | null {
    const { revocations, clock } = this.authority;
    if (revocations.has(this.nonce, this.keyId)) return 'revoked';
    if (this.authority.keyring.find(this.keyId) === undefined) return 'unknown_key';
    const nowS = clock.wallMs() / 1000;
    if (nowS > this.scope.expiresS + TOLERANCE_S) return 'expired';
    return nowS < this.scope.notBeforeS - TOLERANCE_S ? 'not_yet_valid' : null;
  }
}

/**
 * What one connection presented last. Clients repeat their header: comparing it with the one before costs less than
 * looking it up. It lives no longer than the cache entry it came from.
 */
export interface Session {
  header: string;
  capability: Capability | null;
  untilMs: number;
}

/** Verifies, remembers and revokes capabilities. Fails closed. */
export class Authority {
  keyring: Keyring;
  readonly clock: Clock;
  readonly quotas = new Quotas();
  readonly revocations = new Revocations();
  readonly cache: CapabilityCache<Capability>;

  constructor(keyring: Keyring, clock: Clock, cacheTtlMs: number) {
    this.keyring = keyring;
    this.clock = clock;
    this.cache = new CapabilityCache(cacheTtlMs, CACHE_CAPACITY);
  }

  newSession(): Session {
    return { header: '', capability: null, untilMs: 0 };
  }

  /** The capability of an `Authorization` header, or why there is none. */
  authenticate(header: string | undefined, session: Session | null = null): Capability | AuthFailure {
    if (header === undefined) return 'missing';
    const nowMs = this.clock.nowMs();
    if (session !== null && session.capability !== null && nowMs < session.untilMs && session.header === header) {
      return session.capability.failure() ?? session.capability;
    }
    if (header.slice(0, 7).toLowerCase() !== 'bearer ') return 'malformed';
    const token = header.slice(7);
    let entry = this.cache.get(token, nowMs);
    if (entry === undefined) {
      const capability = this.verify(token);
      if (typeof capability === 'string') return capability;
      const failure = capability.failure();
      if (failure !== null) return failure;
      entry = this.cache.put(token, capability, nowMs);
    }
    if (session !== null) {
      session.header = header;
      session.capability = entry.value;
      session.untilMs = entry.untilMs;
    }
    return entry.value.failure() ?? entry.value;
  }

  private verify(token: string): Capability | AuthFailure {
    const opened = openToken(token, (id) => this.keyring.find(id));
    if (typeof opened === 'string') return opened;
    const scope = scopeOf(opened.caveats);
    return typeof scope === 'string' ? 'caveats' : new Capability(opened.nonce, opened.keyId, scope, this);
  }

  /** Takes effect at once in this process (S3). False when the list is full: nothing was revoked. */
  revoke(kind: 'nonce' | 'key_id', value: string): boolean {
    return this.revocations.add(kind, value);
  }
}
