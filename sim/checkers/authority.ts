import { type Capability, PLENTY } from '../capabilities.ts';
import { EPOCH_MS, type NodeClock } from '../clock.ts';
import type { RuleName } from './breach.ts';

/** TM2, AU1. */
const TOLERANCE_S = 120;

/** What one node must know about capabilities, and what it must make of each. */
export class AuthorityChecker {
  /** Root keys in force. */
  keys: readonly number[] = [1];
  private readonly clock: NodeClock;
  private readonly revoked = new Set<string>();
  private readonly quotas = new Map<string, { used: number; endMs: number }>();

  constructor(clock: NodeClock) {
    this.clock = clock;
  }

  revoke(nonce: string): void {
    this.revoked.add(nonce);
  }

  /** The rule that letting it in would break now, or null when it must be let in. */
  against({ key, nonce, expiresS, forged }: Capability): RuleName | null {
    if (this.revoked.has(nonce)) return 'RevokedProp';
    if (forged || !this.keys.includes(key)) return 'AU1';
    const nowS = (this.clock.wallMs() - EPOCH_MS) / 1000;
    return nowS > expiresS + TOLERANCE_S ? 'AU1' : null;
  }

  /** Counts an operation of this capability: false when its quota refuses it (AU2). */
  charge({ nonce, quotaOps }: Capability): boolean {
    if (quotaOps >= PLENTY) return true;
    const nowMs = this.clock.nowMs();
    const window = this.quotas.get(nonce);
    if (window === undefined || nowMs >= window.endMs) {
      this.quotas.set(nonce, { used: 1, endMs: nowMs + 1000 });
      return true;
    }
    if (window.used >= quotaOps) return false;
    window.used++;
    return true;
  }
}

export const allowsTopic = ({ topic }: Capability, name: string): boolean =>
  topic.endsWith('.') ? name.startsWith(topic) : topic === name;
