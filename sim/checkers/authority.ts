import type { ProcessFact } from '../../src/ports/process-facts.ts';
import { type Capability, PLENTY } from '../capabilities.ts';
import { EPOCH_MS, type NodeClock } from '../clock.ts';
import { Breach, type RuleName } from './breach.ts';
import { QuotaChecker } from './quotas.ts';

/** TM2, AU1. */
const TOLERANCE_S = 120;

/** What one node must know about capabilities, and what it must make of each. */
export class AuthorityChecker {
  /** Root keys in force. */
  keys: readonly number[] = [1];
  private readonly clock: NodeClock;
  private revoked = new Set<string>();
  /** Those that a client was told of. */
  private readonly answeredOf = new Set<string>();
  private readonly quotas = new QuotaChecker();

  constructor(clock: NodeClock) {
    this.clock = clock;
  }

  revoke(nonce: string): void {
    this.revoked.add(nonce);
  }

  isRevoked(nonce: string): boolean {
    return this.revoked.has(nonce);
  }

  /** From here on it is for ever (AC1, S3). */
  answered(nonce: string): void {
    this.answeredOf.add(nonce);
  }

  /** Another process: what was answered it must know; what was not it may. */
  restarted(facts: readonly ProcessFact[], undecided: number): void {
    this.revoked = new Set(facts.flatMap((fact) => (fact.name === 'revoked' ? [fact.value] : [])));
    this.quotas.restarted(facts, this.clock.nowMs(), undecided);
    for (const nonce of this.answeredOf) {
      if (!this.revoked.has(nonce)) throw new Breach('RevokedProp', `a restart forgot that ${nonce} is revoked`);
    }
  }

  /** The rule that letting it in would break now, or null when it must be let in. */
  against({ key, nonce, expiresS, forged }: Capability): RuleName | null {
    if (this.revoked.has(nonce)) return 'RevokedProp';
    if (forged || !this.keys.includes(key)) return 'AU1';
    const nowS = (this.clock.wallMs() - EPOCH_MS) / 1000;
    return nowS > expiresS + TOLERANCE_S ? 'AU1' : null;
  }

  /** Counts an operation of this capability: false when one of its quotas refuses it (AU2). What others made of it counts nothing (AU6). */
  charge(capability: Capability): boolean {
    const { quotaOps, added = [] } = capability;
    if (quotaOps >= PLENTY && added.length === 0) return true;
    return this.quotas.charge(capability, this.clock.nowMs());
  }

  /** A stream uses its quotas by itself. */
  leave(capability: Capability): void {
    this.quotas.leave(capability);
  }

  /** An append begins, */
  appending(): void {
    this.quotas.appending();
  }

  /** and is durable. */
  durable(): void {
    this.quotas.durable();
  }
}

export const allowsTopic = ({ topic }: Capability, name: string): boolean =>
  topic.endsWith('.') ? name.startsWith(topic) : topic === name;
