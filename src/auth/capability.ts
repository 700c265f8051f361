import type { Op } from '../../spec/vocabulary.ts';
import type { Clock } from '../ports/clock.ts';
import type { Grant } from '../ports/process-facts.ts';
import type { Scope } from './caveats.ts';
import { type Link, linksOf } from './chain.ts';
import type { Keyring, RootKey } from './keyring.ts';
import type { Quotas } from './quota.ts';
import type { Need } from './quota-parts.ts';
import { type RefusedWork, refusedUs } from './refused-work.ts';
import type { Revocations } from './revocation.ts';

/** Capability times are judged with this much tolerance (TM2, R5). */
const TOLERANCE_S = 120;

/** Why nobody stands behind a request. For logs and metrics; the caller is told no more than that (AU1). */
export const AUTH_FAILURES = [
  'missing',
  'malformed',
  'unknown_key',
  'forged',
  'caveats',
  'expired',
  'not_yet_valid',
  'revoked',
  /** Signed by a root key that is over (K5). */
  'key_expired',
  /** The remote verifier said no. */
  'refused',
  /** The remote verifier has to be asked: `Authority.ask`. Whoever does not ask refuses. */
  'unverified',
  /** The remote verifier cannot be asked: 503, the capability may be good. */
  'unavailable',
  /** The sender has too many questions open at the remote verifier, or has failed too often in one request: 429. */
  'crowded',
] as const;
export type AuthFailure = (typeof AUTH_FAILURES)[number];

/** What a capability is judged by, whenever it is used. */
export interface Judge {
  readonly clock: Clock;
  /** Null where a remote verifier holds the keys. */
  readonly keyring: Keyring | null;
  readonly revocations: Revocations;
  readonly quotas: Quotas;
  readonly refusedWork: RefusedWork;
  /** Rises with every revocation and every change of the keyring. */
  readonly version: number;
}

/** What tells a capability from others. */
interface Named {
  readonly nonce: string;
  readonly keyId: string;
  readonly id: string;
}

/** An authentic capability, and what it allows at the moment it is asked. */
export class Capability {
  readonly nonce: string;
  readonly keyId: string;
  /** Of the token as a whole: whatever was made from it has another. */
  readonly id: string;
  private root: RootKey | null;
  /** The ring no longer holds its key, and nothing here keeps that in memory (K7). */
  private isOrphan = false;
  private readonly scope: Scope;
  private readonly judge: Judge;
  /** Made when it is first charged. */
  private links: readonly Link[] | null = null;
  private isProven = false;
  private said: string | null = null;
  private judgedVersion = -1;
  private over: AuthFailure | null = null;
  private keyEndsS = Number.POSITIVE_INFINITY;
  /**
   * Until when a remote verifier's word counts, service clock: nothing is done under it later, whatever was under way by then
   * (RevokedProp). Infinity where the signature was checked here.
   */
  vouchedUntilMs = Number.POSITIVE_INFINITY;

  /** `root` is the key that signed it, null where a remote verifier vouches for it. */
  constructor({ nonce, keyId, id }: Named, root: RootKey | null, scope: Scope, judge: Judge) {
    this.nonce = nonce;
    this.keyId = keyId;
    this.id = id;
    this.root = root;
    this.scope = scope;
    this.judge = judge;
  }

  /** For logs: what it is for, nothing that would let anyone use it. */
  get label(): string {
    this.said ??= this.say();
    return this.said;
  }

  private say(): string {
    const { ops, topics, prefixes } = this.scope;
    const where = [...topics, ...prefixes.map((prefix) => `${prefix}*`)].join('&');
    return `${[...ops].join(',')} on ${where} by ${this.keyId}:${this.nonce.slice(0, 8)}`;
  }

  allowsOp(op: Op): boolean {
    return this.scope.ops.has(op);
  }

  allowsTopic(topic: string): boolean {
    const { topics, prefixes } = this.scope;
    for (const only of topics) if (only !== topic) return false;
    for (const prefix of prefixes) if (!topic.startsWith(prefix)) return false;
    return true;
  }

  /** Every topic that it allows begins so. */
  get reach(): string {
    const { topics, prefixes } = this.scope;
    return [...topics, ...prefixes].reduce((longest, one) => (one.length > longest.length ? one : longest), '');
  }

  /** What may be written down of it; null where a remote verifier vouches for it, whose word does not last. */
  get grant(): Grant | null {
    const { nonce, keyId, root } = this;
    const { expiresS, notBeforeS } = this.scope;
    return root === null ? null : { nonce, keyId, keyCreatedMs: root.createdMs, expiresS, notBeforeS };
  }

  /** Takes one operation and `bytes` from the quotas: 0, else ms until they may allow it (AU2). */
  charge(bytes: number, nowMs: number): number {
    this.links ??= linksOf(this.nonce, this.scope.pieces);
    return this.judge.quotas.charge(this.links, bytes, nowMs);
  }

  /** Sees to it that `charge` of so much needs nobody else. Calls back once, maybe at once: with false where nobody can say how far its quotas are used. */
  prepare(need: Need, done: (isKnown: boolean) => void): void {
    const { quotas } = this.judge;
    if (quotas.parts === null || this.scope.pieces.length === 0) return done(true);
    this.links ??= linksOf(this.nonce, this.scope.pieces);
    quotas.prepare(this.links, need, done);
  }

  /** A request of so many bytes was refused before any quota counted it, as a whole or in so many of its items (BD4). */
  refused(bytes: number, items: number, nowMs: number): void {
    this.judge.refusedWork.refused(this, refusedUs(bytes, items), nowMs);
  }

  /** A request of it was taken. */
  taken(): void {
    if (this.isProven) return;
    this.isProven = true;
    this.judge.refusedWork.prove(this);
  }

  /** ms until its next request is read, for what it had refused; 0 for now. */
  refusedWaitMs(nowMs: number): number {
    return this.judge.refusedWork.waitMs(this, nowMs);
  }

  /** ms for which its verification still counts: what waits under it waits no longer (RevokedProp). Infinity with our own keys. */
  vouchedForMs(nowMs: number): number {
    return Math.max(0, this.vouchedUntilMs - nowMs);
  }

  /** False once revoked, expired or of a key that is no more (AU3). */
  isValid(): boolean {
    return this.failure() === null;
  }

  /** Why it is not valid now, or null. Never remembered beyond the version it was judged at, and times never at all. */
  failure(): AuthFailure | null {
    if (this.judgedVersion !== this.judge.version) this.rejudge();
    if (this.over !== null) return this.over;
    const { clock } = this.judge;
    const nowS = clock.wallMs() / 1000;
    if (nowS > this.keyEndsS) return 'key_expired';
    if (nowS > this.scope.expiresS + TOLERANCE_S) return 'expired';
    if (nowS < this.scope.notBeforeS - TOLERANCE_S) return 'not_yet_valid';
    // Last: it says that nothing is known against it, and that somebody else has to be asked.
    return this.root === null && clock.nowMs() >= this.vouchedUntilMs ? 'unverified' : null;
  }

  /** What only revocations and keys decide. */
  private rejudge(): void {
    const { keyring, revocations, version } = this.judge;
    const { root } = this;
    this.judgedVersion = version;
    if (root !== null && keyring?.find(root.id) !== root) {
      this.root = null;
      this.isOrphan = true;
    }
    const end = this.isOrphan ? 'unknown_key' : null;
    this.over = revocations.has(this.nonce, this.keyId) ? 'revoked' : end;
    if (this.root !== null) this.keyEndsS = (keyring as Keyring).endsMs(this.root) / 1000 + TOLERANCE_S;
  }
}
