import type { Barred, Charged } from '../ports/process-facts.ts';
import type { Link, Quota } from './chain.ts';
import type { Need, QuotaParts } from './quota-parts.ts';
import { type Bounds, linksIn, type Node, QuotaTree, type Window } from './quota-tree.ts';

/** Who finds no room asks again after this time. */
const NO_ROOM_MS = 10_000;

/**
 * Counts per (nonce, caveat): however a capability is attenuated, the caveat it came with counts on (AU2), and what its holder
 * adds counts for itself (AU6). Fixed windows that start with their first operation: at most `max` in each.
 */
export class Quotas {
  private readonly tree: QuotaTree;
  /** By nonce and line: windows of an earlier version that still run. */
  private readonly old = new Map<string, Window>();
  /** What happened since it was last asked for; null while nobody asks. */
  private changed: (Window | Node)[] | null = null;
  /** Where other nodes count on the same quotas. */
  parts: QuotaParts | null = null;
  /** So much was made from one capability of this nonce that nobody adds a quota to it for so many ms. */
  onBarred: (nonce: string, forMs: number) => void = () => {};

  constructor(bounds: Partial<Bounds> = {}) {
    this.tree = new QuotaTree(bounds);
    this.tree.onBarred = (node, forMs) => {
      this.changed?.push(node);
      this.onBarred(this.tree.nonceOf(node), forMs);
    };
  }

  /**
   * Takes one operation and `bytes` from every quota of a chain, or from none: 0, else ms until what refuses is over. `links`:
   * the nonce, then what is below it. For want of room only who has attenuated is refused, never whoever it comes from.
   */
  charge(links: readonly Link[], bytes: number, nowMs: number): number {
    this.tree.sweep(1, nowMs);
    if (this.old.size > 0) this.sweepOld(nowMs);
    const waitMs = this.waitMs(links, bytes, nowMs);
    if (waitMs > 0) return waitMs;
    if (this.tree.find(links[links.length - 1]?.name ?? '') === undefined) {
      if (!this.tree.makeRoom(links, nowMs)) return NO_ROOM_MS;
      // Those who had to make it may have been these.
      const barredMs = this.barredMs(links, nowMs);
      if (barredMs > 0) return barredMs;
    }
    const nonce = links[0]?.name ?? '';
    // Nothing is made of a chain that is there: all operations come through here.
    let node: Node | null = null;
    for (const { name, quota } of links) {
      node = this.tree.below(node, name);
      if (quota === null) continue;
      const amount = amountOf(quota, bytes);
      // Its window is the one that all nodes count in.
      const endMs = this.parts === null ? nowMs + quota.windowMs : this.parts.endMs(name);
      const window = this.running(nonce, node, quota, nowMs) ?? begin(nonce, node, quota, endMs);
      this.parts?.use(name, amount);
      this.use(window, amount);
    }
    return 0;
  }

  /** Sees to it that a charge of so much needs nobody else; calls back with false where it cannot be known whether it may be. */
  prepare(links: readonly Link[], need: Need, done: (isKnown: boolean) => void): void {
    // Who is refused here takes nothing from anybody.
    if (this.parts === null || this.barredMs(links, this.parts.nowMs()) > 0) return done(true);
    this.parts.prepare(links, need, done);
  }

  /** 0 when all of its quotas allow it, else ms until the first that does not may. */
  private waitMs(links: readonly Link[], bytes: number, nowMs: number): number {
    const nonce = links[0]?.name ?? '';
    const barredMs = this.barredMs(links, nowMs);
    for (const { name, quota } of links) {
      if (quota === null) continue;
      if (this.parts !== null && barredMs === 0) {
        const waitMs = this.parts.waitMs(name, quota, amountOf(quota, bytes), nowMs);
        if (waitMs > 0) return waitMs;
        continue;
      }
      const window = this.running(nonce, this.tree.find(name), quota, nowMs);
      if ((window?.used ?? 0) + amountOf(quota, bytes) <= quota.max) continue;
      return window === null ? quota.windowMs : window.endMs - nowMs;
    }
    return barredMs;
  }

  /** ms for which nothing is counted on this chain below some link of it, else 0. */
  private barredMs(links: readonly Link[], nowMs: number): number {
    for (let i = 0; i < links.length - 1; i++) {
      const node = this.tree.find((links[i] as Link).name);
      if (node !== undefined && node.barredUntilMs > nowMs) return node.barredUntilMs - nowMs;
    }
    return 0;
  }

  /** The window that a quota counts in now. */
  private running(nonce: string, node: Node | undefined, { line }: Quota, nowMs: number): Window | null {
    const old = this.old.size === 0 ? undefined : this.old.get(`${nonce} ${line}`);
    const window = old !== undefined && nowMs < old.endMs ? old : (node?.window ?? null);
    return window !== null && nowMs < window.endMs ? window : null;
  }

  /** Looks at one, each in its turn. */
  private sweepOld(nowMs: number): void {
    for (const [key, window] of this.old) {
      this.old.delete(key);
      if (nowMs < window.endMs) this.old.set(key, window);
      return;
    }
  }

  private use(window: Window, amount: number): void {
    window.used += amount;
    if (window.changed || this.changed === null) return;
    window.changed = true;
    this.changed.push(window);
  }

  /** Whether anything happened since `changes` was last called. */
  get hasChanges(): boolean {
    return this.changed !== null && this.changed.length > 0;
  }

  /** Windows used, and links barred, since the last call: what a journal remembers, once for all the operations of one commit. */
  changes(): readonly (Charged | Barred)[] {
    const { changed } = this;
    this.changed = [];
    return (changed ?? []).map((one) => {
      if ('barredUntilMs' in one) return this.barred(one);
      one.changed = false;
      return this.charged(one);
    });
  }

  /** What runs at `nowMs`: what `restore` takes back. */
  *list(nowMs: number): Generator<Charged | Barred> {
    for (const windows of [this.old.values(), this.tree.windows()]) {
      for (const window of windows) if (window.endMs > nowMs) yield this.charged(window);
    }
    for (const node of this.tree.barred(nowMs)) yield this.barred(node);
  }

  /** Takes back what was kept: a restart resets no quota, and whatever the clock did lengthens none (AU2, TM1). */
  restore(kept: Iterable<Charged | Barred>, nowMs: number): void {
    for (const fact of kept) {
      const endMs = Math.min(fact.endMs, nowMs + fact.windowMs);
      if (endMs <= nowMs) continue;
      const { nonce } = fact;
      const node = fact.chain === undefined ? null : this.tree.grow(linksIn(nonce, fact.chain));
      if (fact.name === 'barred') (node as Node).barredUntilMs = endMs;
      else {
        const window: Window = { nonce, node, line: fact.line, used: fact.used, endMs, changed: false };
        if (node === null) this.old.set(`${nonce} ${fact.line}`, window);
        else node.window = window;
      }
    }
  }

  private charged({ nonce, node, line, used, endMs }: Window): Charged {
    const chain = node === null ? {} : { chain: this.tree.chainOf(node) };
    return { name: 'charged', nonce, ...chain, line, used, endMs, windowMs: windowMsOf(line) };
  }

  private barred(node: Node): Barred {
    const { barredUntilMs: endMs } = node;
    return {
      name: 'barred',
      nonce: this.tree.nonceOf(node),
      chain: this.tree.chainOf(node),
      endMs,
      windowMs: WINDOW_MS_MAX,
    };
  }

  /** Links that are kept, nonces among them. */
  get size(): number {
    return this.tree.size;
  }
}

const amountOf = ({ unit }: Quota, bytes: number): number => (unit === 'ops' ? 1 : bytes);

function begin(nonce: string, node: Node, { line }: Quota, endMs: number): Window {
  node.window ??= { nonce, node, line, used: 0, endMs: 0, changed: false };
  node.window.used = 0;
  node.window.endMs = endMs;
  return node.window;
}

/** The longest window that a caveat can ask for. */
const WINDOW_MS_MAX = 9_999_999_000;
/** The length of a window by its caveat, `quota_ops = <n>/<seconds>`. */
const windowMsOf = (line: string): number => Number(line.slice(line.indexOf('/') + 1)) * 1000;
