import type { ProcessFact } from '../../src/ports/process-facts.ts';
import { type Capability, PLENTY, quotasOf } from '../capabilities.ts';
import { Breach } from './breach.ts';

interface Window {
  readonly used: number;
  readonly endMs: number;
}
type Windows = ReadonlyMap<string, Window>;

/** How far quotas are used (AU2): counted here too, and held against what a restart finds. */
export class QuotaChecker {
  /** By the name that the journal has for a quota. */
  private windows = new Map<string, Window>();
  /** What they were when the append at hand began, and the last one that is durable. */
  private writing: Windows = new Map();
  private written: Windows = new Map();
  private hasChanged = false;
  /** Those that a stream uses by itself: nobody says when. */
  private readonly uncounted = new Set<string>();

  /** From here on nobody can say how far its quotas are used. */
  leave(capability: Capability): void {
    for (const { name } of quotasOf(capability)) this.uncounted.add(name);
  }

  /** Counts an operation: false when one of the quotas refuses it. */
  charge(capability: Capability, nowMs: number): boolean {
    const counted = quotasOf(capability).filter(({ max }) => max < PLENTY);
    const charged = counted.map(({ name, max, windowMs }) => {
      const known = this.windows.get(name);
      const window = known !== undefined && nowMs < known.endMs ? known : { used: 0, endMs: nowMs + windowMs };
      return { name, max, window };
    });
    if (charged.some(({ max, window }) => window.used >= max)) return false;
    for (const { name, window } of charged) this.windows.set(name, { ...window, used: window.used + 1 });
    this.hasChanged = true;
    return true;
  }

  appending(): void {
    if (!this.hasChanged) return;
    this.hasChanged = false;
    this.writing = new Map(this.windows);
  }

  durable(): void {
    this.written = this.writing;
  }

  /**
   * Another process goes on from what was written down: no less than is durable, no more than was used, but for what
   * was `undecided` when it died. @throws Breach
   */
  restarted(facts: readonly ProcessFact[], nowMs: number, undecided: number): void {
    const found = new Map<string, Window>();
    for (const fact of facts) {
      if (fact.name !== 'charged' || fact.line.includes(`= ${PLENTY}/`)) continue;
      const name = fact.chain?.split('.').at(-1) ?? fact.line;
      if (this.uncounted.has(name)) continue;
      const endMs = Math.min(fact.endMs, nowMs + fact.windowMs);
      const known = this.windows.get(name);
      if (known !== undefined && known.endMs === fact.endMs && fact.used > known.used + undecided) {
        throw new Breach('AU2', `a restart finds ${fact.used} used of ${fact.line}, and ${known.used} were`);
      }
      if (endMs > nowMs) found.set(name, { used: fact.used, endMs });
    }
    for (const [name, { used, endMs }] of this.written) {
      const kept = found.get(name);
      if (endMs <= nowMs || (kept !== undefined && (kept.endMs > endMs || kept.used >= used))) continue;
      throw new Breach('AU2', `a restart finds ${kept?.used ?? 0} used of a quota, and ${used} were written down`);
    }
    this.windows = found;
    this.writing = new Map(found);
    this.written = new Map(found);
  }
}
