import type { ProcessFact } from '../../src/ports.ts';
import { type Capability, PLENTY } from '../capabilities.ts';
import { EPOCH_MS, type NodeClock } from '../clock.ts';
import { Breach, type RuleName } from './breach.ts';

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
  /** By nonce and the chain of quotas down to one. */
  private readonly quotas = new Map<string, { used: number; endMs: number }>();

  constructor(clock: NodeClock) {
    this.clock = clock;
  }

  revoke(nonce: string): void {
    this.revoked.add(nonce);
  }

  /** From here on it is for ever (AC1, S3). */
  answered(nonce: string): void {
    this.answeredOf.add(nonce);
  }

  /** Another process: what was answered it must know; what was not it may. */
  restarted(facts: readonly ProcessFact[]): void {
    this.revoked = new Set(facts.flatMap((fact) => (fact.name === 'revoked' ? [fact.value] : [])));
    this.quotas.clear();
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
  charge({ nonce, quotaOps, added = [] }: Capability): boolean {
    if (quotaOps >= PLENTY && added.length === 0) return true;
    const nowMs = this.clock.nowMs();
    let key = nonce;
    const windows = [`quota_ops = ${quotaOps}/1`, ...added].map((line) => {
      key += ` ${line}`;
      const [max, seconds] = line.slice('quota_ops = '.length).split('/').map(Number) as [number, number];
      const known = this.quotas.get(key);
      const isRunning = known !== undefined && nowMs < known.endMs;
      return { key, max, window: isRunning ? known : { used: 0, endMs: nowMs + 1000 * seconds } };
    });
    if (windows.some(({ max, window }) => window.used >= max)) return false;
    for (const { key, window } of windows) {
      window.used++;
      this.quotas.set(key, window);
    }
    return true;
  }
}

export const allowsTopic = ({ topic }: Capability, name: string): boolean =>
  topic.endsWith('.') ? name.startsWith(topic) : topic === name;
