import type { QuotaTaken, TakeQuota } from '../ports/engine.ts';
import type { Link, Quota } from './chain.ts';

/** Who is told that a part is on its way asks again after this time. */
const SOON_MS = 100;
/** Others may be faster, but not for ever. */
const ROUNDS_MAX = 16;
/** Looked at for each part that is new: what is over goes faster than anything comes. */
const SWEPT = 2;

/** What a node may use of one quota in the window that runs, without asking anybody. */
interface Part {
  left: number;
  endMs: number;
  /** There is no more than this for anybody beyond it: less and less, while the window runs. */
  rest: number;
  /** It is asked for more. */
  isAsking: boolean;
  /** Called with whether there was an answer. */
  readonly waiting: { readonly amount: number; readonly run: (isAnswered: boolean) => void }[];
}

/** What is to be charged at once: so many operations, each for itself, and bytes of all of them. */
export interface Need {
  readonly ops: number;
  readonly bytes: number;
}

/**
 * Quotas that nodes share: each takes parts of a window from where all of them are counted, and uses them up by itself. What is taken is gone
 * for the others, whatever becomes of it: a quota is never exceeded, and may refuse early. Sans-I/O.
 */
export class QuotaParts {
  private readonly parts = new Map<string, Part>();
  private readonly take: TakeQuota;
  readonly nowMs: () => number;

  constructor(take: TakeQuota, nowMs: () => number) {
    this.take = take;
    this.nowMs = nowMs;
  }

  /** 0 when so much of it may be used now, else ms until it may be: soon, where more is on its way. */
  waitMs(name: string, quota: Quota, amount: number, nowMs: number): number {
    const part = this.running(name, nowMs);
    if (amount === 0 || (part !== null && part.left >= amount)) return 0;
    if (amount > quota.max) return quota.windowMs;
    if (part !== null && part.left + part.rest < amount) return part.endMs - nowMs;
    this.more(name, quota, amount);
    return SOON_MS;
  }

  /** When the window is over that this part is of. */
  endMs(name: string): number {
    return this.parts.get(name)?.endMs ?? 0;
  }

  use(name: string, amount: number): void {
    const part = this.parts.get(name);
    if (part !== undefined) part.left -= amount;
  }

  /**
   * Sees to it that what is needed is here, where there is so much: then it can be charged at once. Calls back with false where nobody can say
   * how far a quota is used.
   */
  prepare(links: readonly Link[], need: Need, done: (isKnown: boolean) => void, rounds = ROUNDS_MAX): void {
    const nowMs = this.nowMs();
    for (const { name, quota } of links) {
      if (quota === null) continue;
      const part = this.running(name, nowMs);
      const all = quota.unit === 'ops' ? need.ops : need.bytes;
      const there = part === null ? quota.max : part.left + part.rest;
      // One that finds too little is refused and takes nothing; of several some are served.
      if (rounds === 0 || (need.ops === 1 && all > there)) break;
      const amount = Math.min(all, there);
      if (amount === 0 || (part !== null && part.left >= amount)) continue;
      this.more(name, quota, amount, (isAnswered) => {
        if (isAnswered) this.prepare(links, need, done, rounds - 1);
        else done(false);
      });
      return;
    }
    done(true);
  }

  private running(name: string, nowMs: number): Part | null {
    const part = this.parts.get(name);
    return part !== undefined && nowMs < part.endMs ? part : null;
  }

  private more(name: string, quota: Quota, amount: number, run: ((isAnswered: boolean) => void) | null = null): void {
    const part = this.parts.get(name) ?? this.begin(name);
    if (run !== null) part.waiting.push({ amount, run });
    if (!part.isAsking) this.ask(name, part, quota, amount);
  }

  private begin(name: string): Part {
    const nowMs = this.nowMs();
    const old = this.parts.entries();
    for (let i = 0; i < SWEPT; i++) {
      const { value, done } = old.next();
      if (done === true) break;
      const [other, part] = value;
      this.parts.delete(other);
      if (part.isAsking || part.endMs > nowMs) this.parts.set(other, part);
    }
    const part: Part = { left: 0, endMs: 0, rest: 0, isAsking: false, waiting: [] };
    this.parts.set(name, part);
    return part;
  }

  private ask(name: string, part: Part, { max, windowMs }: Quota, amount: number): void {
    part.isAsking = true;
    const has = this.running(name, this.nowMs())?.left ?? 0;
    const wanted = part.waiting.reduce((sum, one) => sum + one.amount, 0);
    const need = Math.max(1, amount - has);
    this.take({ name, max, windowMs, need, wanted: Math.min(max, Math.max(need, wanted - has)) }, (taken) => {
      part.isAsking = false;
      if (taken !== null) this.got(part, taken);
      // Each in its turn, as they came: who is served uses it before the next one looks.
      for (const { run } of part.waiting.splice(0)) run(taken !== null);
    });
  }

  private got(part: Part, { granted, rest, leftMs }: QuotaTaken): void {
    const nowMs = this.nowMs();
    const endMs = Math.floor(nowMs + leftMs);
    const isNew = nowMs >= part.endMs;
    part.left = granted + (isNew ? 0 : part.left);
    part.endMs = isNew ? endMs : Math.min(part.endMs, endMs);
    part.rest = rest;
  }

  /** Parts that are kept. */
  get size(): number {
    return this.parts.size;
  }
}

/** How much is given of a window of which so much is there: an eighth, what is needed, or what is wanted at once, whichever is most; nothing, where less than needed is there. */
export function sliceOf(rest: number, need: number, wanted: number): number {
  return rest < need ? 0 : Math.min(rest, Math.max(wanted, Math.ceil(rest / 8)));
}
