import type { Quota } from './caveats.ts';

/** Quota caveats counted per nonce; further ones deny, so that attenuating cannot use up memory. */
const LINES_MAX = 64;

interface Window {
  used: number;
  endMs: number;
}

/**
 * Counts per (nonce, caveat): however a capability is attenuated, the caveat it came with counts on (AU2).
 * Fixed windows that start with their first operation: at most `max` in each.
 */
export class Quotas {
  private readonly byNonce = new Map<string, Map<string, Window>>();
  private sweepAtMs = 0;

  /** Takes one operation and `bytes` from every quota, or from none: 0, else ms until the refusing window is over. */
  charge(nonce: string, quotas: readonly Quota[], bytes: number, nowMs: number): number {
    if (nowMs >= this.sweepAtMs) this.sweep(nowMs);
    let windows = this.byNonce.get(nonce);
    if (windows === undefined) {
      windows = new Map();
      this.byNonce.set(nonce, windows);
    }
    for (const quota of quotas) {
      const window = windows.get(quota.line);
      const amount = quota.unit === 'ops' ? 1 : bytes;
      if (window === undefined) {
        if (windows.size >= LINES_MAX || amount > quota.max) return quota.windowMs;
      } else if ((nowMs < window.endMs ? window.used : 0) + amount > quota.max) {
        return nowMs < window.endMs ? window.endMs - nowMs : quota.windowMs;
      }
    }
    for (const quota of quotas) this.take(windows, quota, quota.unit === 'ops' ? 1 : bytes, nowMs);
    return 0;
  }

  private take(windows: Map<string, Window>, quota: Quota, amount: number, nowMs: number): void {
    const window = windows.get(quota.line);
    if (window === undefined) windows.set(quota.line, { used: amount, endMs: nowMs + quota.windowMs });
    else if (nowMs < window.endMs) window.used += amount;
    else {
      window.used = amount;
      window.endMs = nowMs + quota.windowMs;
    }
  }

  /** Once a minute: forgets windows that are over. */
  private sweep(nowMs: number): void {
    this.sweepAtMs = nowMs + 60_000;
    for (const [nonce, windows] of this.byNonce) {
      for (const [line, window] of windows) if (window.endMs <= nowMs) windows.delete(line);
      if (windows.size === 0) this.byNonce.delete(nonce);
    }
  }

  get size(): number {
    return this.byNonce.size;
  }
}
