/** Senders whose failures are counted; the one quiet for longest makes room. */
const SOURCES_MAX = 10_000;
/** A sender's debt is worked off at a tenth of its burst a second, and grows to a minute of that at most. */
const RELIEF_S = 10;
const DEBT_S_MAX = 60;

interface Debt {
  /** Failures not yet worked off. */
  failures: number;
  atMs: number;
}

/**
 * Failed authentications by sender (AU5). Someone who has failed more than `burst` times lately is held back when it fails
 * again; a capability that is valid is never asked about its sender.
 */
export class FailureThrottle {
  private readonly debts = new Map<string, Debt>();
  private readonly burst: number;

  constructor(burst: number) {
    this.burst = burst;
  }

  /** Counts a failure: 0, else ms until this sender's next failure is answered like any other. */
  failed(source: string, nowMs: number): number {
    const perMs = this.burst / RELIEF_S / 1000;
    const debt = this.debts.get(source);
    const left = debt === undefined ? 0 : Math.max(0, debt.failures - (nowMs - debt.atMs) * perMs);
    const failures = Math.min(left + 1, this.burst + perMs * 1000 * DEBT_S_MAX);
    // Set anew, so that the map's order is that of the last failures.
    this.debts.delete(source);
    if (this.debts.size >= SOURCES_MAX) this.debts.delete(this.debts.keys().next().value as string);
    this.debts.set(source, { failures, atMs: nowMs });
    return failures > this.burst ? Math.ceil((failures - this.burst) / perMs) : 0;
  }

  get size(): number {
    return this.debts.size;
  }
}

/** Failures of presented capabilities that make a spike when they come within `SPIKE_MS` (K6). */
export const SPIKE_FAILURES = 200;
export const SPIKE_MS = 10_000;

/** Notices a spike of failures, once: the next one counts when this one is over. */
export class SpikeDetector {
  private count = 0;
  private sinceMs = Number.NEGATIVE_INFINITY;
  private spiking = false;

  /** Counts a failure; true when it makes a spike of what was none. */
  failed(nowMs: number): boolean {
    if (nowMs >= this.sinceMs + SPIKE_MS) {
      this.spiking = this.count >= SPIKE_FAILURES && nowMs < this.sinceMs + 2 * SPIKE_MS;
      this.sinceMs = nowMs;
      this.count = 0;
    }
    this.count++;
    if (this.spiking || this.count < SPIKE_FAILURES) return false;
    this.spiking = true;
    return true;
  }
}

const MAPPED = '::ffff:';
const USER = 'uid:';

/** Whom a peer stands for: itself (an address, or `uid:` and a user), or the /64 of an IPv6 address, which one sender has to itself. */
export function sourceOf(address: string): string {
  if (address.startsWith(USER)) return address;
  const plain = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::') as [string, string?];
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  if (tail !== undefined) while (groups.length + after < 8 && groups.length < 4) groups.push('0');
  return `${groups.slice(0, 4).join(':')}::/64`;
}
