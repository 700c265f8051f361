import { describe, expect, it } from 'vitest';
import { EngineMembers } from '../../sim/engine-members.ts';
import { linksOf } from '../../src/auth/chain.ts';
import { Quotas } from '../../src/auth/quota.ts';
import { QuotaParts, sliceOf } from '../../src/auth/quota-parts.ts';
import type { QuotaAsked, QuotaTaken } from '../../src/ports/engine.ts';
import fc, { Reached } from '../support/properties.ts';

const WINDOW_MS = 10_000;

/** Nodes that count on the same quotas; answers of the engine come when the test says so, or are lost. */
class Nodes {
  nowMs = 0;
  readonly quotas: Quotas[];
  readonly taken: QuotaAsked[] = [];
  private readonly coming: { readonly tell: () => void; readonly lose: () => void }[] = [];
  private readonly links;

  constructor(count: number, unit: 'ops' | 'bytes', max: number) {
    const line = `quota_${unit} = ${max}/${WINDOW_MS / 1000}`;
    this.links = linksOf('nonce', [{ text: line, quota: { line, unit, max, windowMs: WINDOW_MS } }]);
    const engine = new EngineMembers({
      ...{ shards: 1, leaseMs: 1, nowMs: () => this.nowMs, holders: () => [], dismiss: () => {} },
    });
    this.quotas = Array.from({ length: count }, () => {
      const quotas = new Quotas();
      const take = (asked: QuotaAsked, done: (taken: QuotaTaken | null) => void): void => {
        this.taken.push(asked);
        const taken = engine.takeQuota(asked);
        const atMs = this.nowMs;
        const tell = (): void => done({ ...taken, leftMs: taken.leftMs - (this.nowMs - atMs) - 0.3 });
        this.coming.push({ tell, lose: () => done(null) });
      };
      quotas.parts = new QuotaParts(take, () => this.nowMs);
      return quotas;
    });
  }

  /** What is charged when it is there; null while that is not known, or is not to be known. */
  ask(node: number, bytes = 0): { waitMs: number | null; isLost: boolean } {
    const quotas = this.quotas[node] as Quotas;
    const asked: { waitMs: number | null; isLost: boolean } = { waitMs: null, isLost: false };
    quotas.prepare(this.links, { ops: 1, bytes }, (isKnown) => {
      asked.isLost = !isKnown;
      if (isKnown) asked.waitMs = quotas.charge(this.links, bytes, this.nowMs);
    });
    return asked;
  }

  /** The first of what is under way. */
  answer(isLost = false): boolean {
    const next = this.coming.shift();
    if (isLost) next?.lose();
    else next?.tell();
    return next !== undefined;
  }
  answerAll(): void {
    while (this.answer());
  }
  granted(node: number): boolean {
    const asked = this.ask(node);
    this.answerAll();
    return asked.waitMs === 0;
  }
}

describe('quotas that nodes share (AU2)', () => {
  it('are never exceeded, whoever asks when, and whatever answer is late or lost', () => {
    const reached = new Reached('operations of nodes that share a quota');
    const STEP = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), node: fc.nat(3), bytes: fc.nat(40) }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 4_000 }) }) },
    );
    fc.assert(
      fc.property(
        fc.constantFrom('ops' as const, 'bytes' as const),
        fc.integer({ min: 1, max: 60 }),
        fc.array(STEP, { minLength: 40, maxLength: 200 }),
        (unit, max, steps) => {
          const nodes = new Nodes(4, unit, max);
          const used = new Map<number, number>();
          const saw = { charged: 0, refused: 0, lost: 0, windows: 0 };
          const asked: { readonly bytes: number; readonly one: ReturnType<Nodes['ask']>; isOver: boolean }[] = [];
          // The window of a charge: that which its part says is over then.
          const look = (): void => {
            for (const each of asked) {
              if (each.isOver || (each.one.waitMs === null && !each.one.isLost)) continue;
              each.isOver = true;
              if (each.one.isLost) saw.lost++;
              else if (each.one.waitMs !== 0) saw.refused++;
              else saw.charged++;
            }
          };
          const charge = nodes.quotas.map((quotas) => quotas.charge.bind(quotas));
          for (const [i, quotas] of nodes.quotas.entries())
            quotas.charge = (links, bytes, nowMs) => {
              const waitMs = charge[i]?.(links, bytes, nowMs) ?? 0;
              const endMs = quotas.parts?.endMs(links[1]?.name ?? '') ?? 0;
              const amount = unit === 'ops' ? 1 : bytes;
              if (waitMs === 0 && amount > 0) {
                expect(endMs).toBeGreaterThan(nowMs);
                used.set(endMs, (used.get(endMs) ?? 0) + amount);
              }
              return waitMs;
            };
          for (const step of steps) {
            if (step.do === 'ask')
              asked.push({ bytes: step.bytes, one: nodes.ask(step.node, step.bytes), isOver: false });
            if (step.do === 'answer') nodes.answer();
            if (step.do === 'lose') nodes.answer(true);
            if (step.do === 'pass') nodes.nowMs += step.ms;
            look();
          }
          nodes.answerAll();
          look();
          // Everybody is answered.
          expect(asked.every(({ isOver }) => isOver)).toBe(true);
          for (const sum of used.values()) expect(sum).toBeLessThanOrEqual(max);
          saw.windows = used.size;
          reached.saw(saw);
        },
      ),
    );
    reached.atLeast({ charged: 20, refused: 10, lost: 1, windows: 2 });
  });

  it('all of it is used where all nodes ask until they are refused, by one alone or by several', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 300 }), (count, max) => {
        const nodes = new Nodes(count, 'ops', max);
        let used = 0;
        let isRefused = 0;
        while (isRefused < count) {
          isRefused = 0;
          for (let node = 0; node < count; node++) {
            if (nodes.granted(node)) used++;
            else isRefused++;
          }
        }
        expect(used).toBe(max);
        // It is asked for in parts, not for each operation.
        expect(nodes.taken.length).toBeLessThan(8 * Math.log(max + 1) + 16 + 2 * count);
        nodes.nowMs += WINDOW_MS;
        expect(nodes.granted(0)).toBe(true);
      }),
    );
  });

  it('another node that asks no more keeps an eighth from the others, at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 8, max: 2_000 }), (count, max) => {
        const nodes = new Nodes(count, 'ops', max);
        for (let node = 1; node < count; node++) nodes.granted(node);
        let used = count - 1;
        while (nodes.granted(0)) used++;
        expect(used).toBeGreaterThanOrEqual(max - (count - 1) * Math.ceil(max / 8));
      }),
    );
  });

  it('many that wait for one answer are served by it, in their turn', () => {
    const nodes = new Nodes(1, 'ops', 1_000);
    const asked = Array.from({ length: 300 }, () => nodes.ask(0));
    nodes.answerAll();
    expect(asked.filter(({ waitMs }) => waitMs === 0).length).toBe(300);
    expect(nodes.taken.length).toBeLessThan(4);
  });

  it('who comes unprepared asks for more, and is told to come again', () => {
    const nodes = new Nodes(1, 'ops', 10);
    const [quotas] = nodes.quotas as [Quotas];
    const links = linksOf('n', [
      { text: 'q', quota: { line: 'quota_ops = 10/10', unit: 'ops', max: 10, windowMs: WINDOW_MS } },
    ]);
    quotas.changes();
    expect(quotas.charge(links, 0, 0)).toBe(100);
    nodes.answerAll();
    expect(quotas.charge(links, 0, 0)).toBe(0);
    // As a journal keeps it: whole milliseconds, of the window that all count in.
    expect(quotas.changes()).toEqual([expect.objectContaining({ used: 1, endMs: WINDOW_MS - 1 })]);
  });

  it('one that finds too little takes nothing from the others; several take what is there', () => {
    const nodes = new Nodes(2, 'bytes', 100);
    expect(nodes.ask(0, 101).waitMs).toBe(WINDOW_MS);
    expect(nodes.taken).toEqual([]);
    const most = nodes.ask(0, 80);
    nodes.answerAll();
    expect(most.waitMs).toBe(0);
    const much = nodes.ask(1, 30);
    nodes.answerAll();
    expect(much.waitMs).toBe(WINDOW_MS - 1);
    const little = nodes.ask(0, 20);
    nodes.answerAll();
    expect(little.waitMs).toBe(0);
    expect([sliceOf(80, 1, 1), sliceOf(3, 1, 2), sliceOf(3, 4, 4), sliceOf(0, 1, 1)]).toEqual([10, 2, 0, 0]);
  });

  it('forgets parts whose windows are over', () => {
    const nodes = new Nodes(1, 'ops', 10);
    const [quotas] = nodes.quotas as [Quotas];
    for (let i = 0; i < 100; i++) {
      const quota = { line: 'quota_ops = 10/10', unit: 'ops' as const, max: 10, windowMs: WINDOW_MS };
      quotas.prepare(linksOf(`n${i}`, [{ text: 'q', quota }]), { ops: 1, bytes: 0 }, () => {});
      nodes.answerAll();
      nodes.nowMs += WINDOW_MS / 2;
    }
    expect(quotas.parts?.size).toBeLessThan(10);
  });
});
