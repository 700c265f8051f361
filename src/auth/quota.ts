import type { Quota } from './caveats.ts';

/** Quota caveats counted per nonce; further ones deny, so that attenuating cannot use up memory. */
const LINES_MAX = 64;
/** Capabilities counted at a time; only holders of a root key can make this many. */
const NONCES_MAX = 200_000;

interface Window {
  readonly nonce: string;
  readonly line: string;
  used: number;
  endMs: number;
  /** Used since `changes` was last asked. */
  changed: boolean;
}

/** One window that runs, as it is persisted. Times: ms of the service clock. */
export interface QuotaWindow {
  readonly nonce: string;
  /** The caveat it counts for. */
  readonly line: string;
  readonly used: number;
  readonly endMs: number;
  /** The window's whole length: what a restart clamps the rest to (TM1). */
  readonly windowMs: number;
}

/**
 * Counts per (nonce, caveat): however a capability is attenuated, the caveat it came with counts on (AU2).
 * Fixed windows that start with their first operation: at most `max` in each.
 */
export class Quotas {
  private readonly byNonce = new Map<string, Map<string, Window>>();
  private sweepAtMs = 0;
  /** Windows used since they were last asked for; null while nobody asks. */
  private changed: Window[] | null = null;

  /** Takes one operation and `bytes` from every quota, or from none: 0, else ms until the refusing window is over. */
  charge(nonce: string, quotas: readonly Quota[], bytes: number, nowMs: number): number {
    if (nowMs >= this.sweepAtMs) this.sweep(nowMs);
    let windows = this.byNonce.get(nonce);
    if (windows === undefined) {
      if (this.byNonce.size >= NONCES_MAX) return this.sweepAtMs - nowMs;
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
    for (const quota of quotas) this.take(nonce, windows, quota, quota.unit === 'ops' ? 1 : bytes, nowMs);
    return 0;
  }

  private take(nonce: string, windows: Map<string, Window>, quota: Quota, amount: number, nowMs: number): void {
    const { line } = quota;
    let window = windows.get(line);
    if (window === undefined) {
      window = { nonce, line, used: amount, endMs: nowMs + quota.windowMs, changed: false };
      windows.set(line, window);
    } else if (nowMs < window.endMs) window.used += amount;
    else {
      window.used = amount;
      window.endMs = nowMs + quota.windowMs;
    }
    if (window.changed || this.changed === null) return;
    window.changed = true;
    this.changed.push(window);
  }

  /** Windows used since the last call: what a journal remembers, once for all the operations of one commit. */
  changes(): readonly QuotaWindow[] {
    const { changed } = this;
    this.changed = [];
    return (changed ?? []).map((window) => {
      window.changed = false;
      const { nonce, line, used, endMs } = window;
      return { nonce, line, used, endMs, windowMs: windowMsOf(line) };
    });
  }

  /** Windows that run at `nowMs`: what a snapshot keeps. */
  *list(nowMs: number): Generator<QuotaWindow> {
    for (const [nonce, windows] of this.byNonce) {
      for (const [line, { used, endMs }] of windows) {
        if (endMs > nowMs) yield { nonce, line, used, endMs, windowMs: windowMsOf(line) };
      }
    }
  }

  /** Takes back what `list` gave: a restart resets no quota, and whatever the clock did lengthens none (AU2, TM1). */
  restore(kept: Iterable<QuotaWindow>, nowMs: number): void {
    for (const { nonce, line, used, endMs, windowMs } of kept) {
      const endsMs = Math.min(endMs, nowMs + windowMs);
      if (endsMs <= nowMs) continue;
      const windows = this.byNonce.get(nonce) ?? new Map<string, Window>();
      windows.set(line, { nonce, line, used, endMs: endsMs, changed: false });
      this.byNonce.set(nonce, windows);
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

/** The length of a window by its caveat, `quota_ops = <n>/<seconds>`. */
const windowMsOf = (line: string): number => Number(line.slice(line.indexOf('/') + 1)) * 1000;
