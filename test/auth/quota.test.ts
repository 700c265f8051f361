import { describe, expect, it } from 'vitest';
import { scopeOf } from '../../src/auth/caveats.ts';
import { type Link, linksOf } from '../../src/auth/chain.ts';
import { Quotas } from '../../src/auth/quota.ts';
import { type Bounds, type Node, QuotaTree } from '../../src/auth/quota-tree.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { writeRecord } from '../../src/journal/record.ts';
import { Replica } from '../../src/journal/replica.ts';
import type { Barred, Charged } from '../../src/ports/process-facts.ts';
import { LATER } from '../support/authority.ts';
import fc from '../support/properties.ts';

const NONCE = '0'.repeat(26);
const CORE = ['topic prefix a', 'op = send,recv,stats', LATER, 'quota_ops = 100000/1'];

/** A capability of these caveats as the quotas see it. */
function links(lines: readonly string[], nonce = NONCE): Link[] {
  const key = `${nonce} ${lines}`;
  let made = MADE.get(key);
  if (made === undefined) {
    const scope = scopeOf(lines);
    if (typeof scope === 'string') throw new Error(scope);
    made = linksOf(nonce, scope.pieces);
    MADE.set(key, made);
  }
  return made;
}
const MADE = new Map<string, Link[]>();

class Bench {
  now = 1_000_000;
  quotas: Quotas;
  private readonly bounds: Partial<Bounds>;
  private readonly replica = new Replica();

  constructor(bounds: Partial<Bounds> = {}) {
    this.bounds = bounds;
    this.quotas = new Quotas(bounds);
    this.quotas.changes();
  }
  charge(lines: readonly string[], nonce = NONCE, bytes = 0): number {
    return this.quotas.charge(links(lines, nonce), bytes, this.now);
  }
  /** Writes these facts to a journal, as it does with each commit. */
  note(facts: readonly (Charged | Barred)[] = this.quotas.changes()): readonly (Charged | Barred)[] {
    const w = new Writer();
    for (const fact of facts) writeRecord(w, null, fact);
    this.replica.takeBody(new Uint8Array(w.buffer.subarray(0, w.length)));
    return facts;
  }
  /** Another process, which knows what the journal kept. */
  restart(): number {
    this.note();
    const kept = this.replica.processFacts() as (Charged | Barred)[];
    this.quotas = new Quotas(this.bounds);
    this.quotas.restore(kept, this.now);
    this.quotas.changes();
    return kept.length;
  }
}

/** Quotas of 115 days, fourteen for each number: with the minted ones as many as a capability may have. */
const many = (n: number): string[] =>
  Array.from({ length: 14 }, (_, i) => `quota_${i < 7 ? 'ops' : 'bytes'} = ${1e6 + n * 14 + i}/9999999`);

/** Adds ever new quotas, so many times or until it is refused; gives how often it was let in. */
function fill(bench: Bench, lines: readonly string[], times = 10_000): number {
  for (let n = 0; n < times; n++) if (bench.charge([...lines, ...many(n)]) > 0) return n;
  return times;
}

describe('quotas', () => {
  /** Uses capabilities of any tree at any times, with restarts; `judge` hears what was answered and what a map without bounds says. */
  const compare = (bounds: Partial<Bounds>, judge: (isServed: boolean, isFree: boolean) => void): void => {
    const added = fc.constantFrom(
      ...['quota_ops = 2/3', 'quota_ops = 5/7', 'quota_ops = 9/2', 'quota_bytes = 30/5', 'quota_bytes = 90/9'],
      ...['role = producer', 'op = send', 'topic = a.b', 'quota_ops = 10/4'],
    );
    const lines = fc.array(added, { maxLength: 6, size: 'max' });
    const chains = fc.array(lines, { minLength: 1, maxLength: 8, size: 'max' });
    const use = fc.record({ of: fc.nat(7), bytes: fc.nat(40), ms: fc.oneof(fc.constant(0), fc.nat(4_000)) });
    const uses = fc.array(use, { maxLength: 200, size: 'max' });
    const property = fc.property(chains, uses, fc.nat(200), (all, steps, restartAt) => {
      const bench = new Bench(bounds);
      const core = [...CORE.slice(0, 3), 'quota_ops = 10/4'];
      const known = new Map<string, { used: number; endMs: number }>();
      for (const [i, { of, bytes, ms }] of steps.entries()) {
        bench.now += ms;
        if (i === restartAt) bench.restart();
        const chain = [...core, ...(all[of % all.length] as string[])];
        const { quotas, windows } = expectedOf(chain, known, bench.now);
        const isFree = quotas.every(({ amount, max }, j) => (windows[j]?.used ?? 0) + amount(bytes) <= max);
        const isServed = bench.charge(chain, NONCE, bytes) === 0;
        judge(isServed, isFree);
        if (!isServed) continue;
        for (const [j, { key, amount, windowMs }] of quotas.entries()) {
          const window = windows[j] ?? { used: 0, endMs: bench.now + windowMs };
          known.set(key, { ...window, used: window.used + amount(bytes) });
        }
      }
    });
    fc.assert(property, { numRuns: 25 });
  };

  it('counts as a map of (nonce, chain) does, over any tree of capabilities and any times (AU2, AU6)', () => {
    compare({}, (isServed, isFree) => expect(isServed).toBe(isFree));
  });

  it('however short the room, nothing is served that a quota in force refuses (AU2)', () => {
    const seen = { served: 0, barred: 0 };
    compare({ linksMax: 14, ofNonceMax: 9 }, (isServed, isFree) => {
      expect(!isServed || isFree).toBe(true);
      if (isServed) seen.served++;
      else if (isFree) seen.barred++;
    });
    expect(Math.min(seen.served, seen.barred)).toBeGreaterThan(50);
  });

  it('a quota said again is the same one, and takes an operation once (AU6)', () => {
    const bench = new Bench();
    const parent = [...CORE.slice(0, 3), 'quota_ops = 5/10'];
    const child = [...parent, ...Array.from({ length: 7 }, () => 'quota_ops = 5/10')];
    expect([1, 2, 3, 4].map(() => bench.charge(child))).toEqual([0, 0, 0, 0]);
    expect([bench.charge(parent), bench.charge(parent)]).toEqual([0, 10_000]);
  });

  it('a child that repeats what its sibling says takes nothing of the sibling’s (AU6)', () => {
    const bench = new Bench();
    const sibling = [...CORE, 'op = send', 'quota_ops = 3/600'];
    const child = [...CORE, 'op = stats', 'quota_ops = 3/600'];
    while (bench.charge(child) === 0);
    expect([1, 2, 3, 4].map(() => bench.charge(sibling))).toEqual([0, 0, 0, 600_000]);
  });

  it('a child that adds ever new quotas is barred; parent, siblings, cousins and other nonces never, nor after restarts (AU6)', () => {
    const bench = new Bench({ linksMax: 8_000, ofNonceMax: 4_000 });
    const parent = [...CORE, 'quota_bytes = 9/9999999'];
    const child = [...parent, 'op = stats'];
    const siblings = ['op = send', 'op = recv', 'role = consumer', 'topic = a.b'].map((line) => [...parent, line]);
    const counted = siblings.map((lines, i) => [...lines, `quota_ops = ${50 + i}/600`]);
    const cousins = counted.flatMap((lines) =>
      [...Array(10).keys()].map((n) => [...lines, `topic prefix a.${n}`, ...many(n).slice(1, 8)]),
    );
    const honest = [parent, ...siblings, ...counted, ...cousins, child];
    const barred: string[] = [];
    bench.quotas.onBarred = (nonce, forMs) => barred.push(`${nonce} ${forMs}`);
    const served = (): number[] => honest.map((lines) => bench.charge(lines)).filter((wait) => wait > 0);
    expect(fill(bench, child)).toBeGreaterThan(200);
    expect(served()).toEqual([]);
    for (let i = 0; i < 1_500; i++) bench.charge([...child, `topic prefix a.${i % 70}`, ...many(i)]);
    expect(served()).toEqual([]);
    expect(bench.charge([...child, ...many(1e6)])).toBeGreaterThan(9_999_000_000);
    expect(bench.charge(CORE, '1'.repeat(26))).toBe(0);
    expect(barred).toContain(`${NONCE} 9999999000`);
    for (let i = 0; i < 2; i++) {
      expect(bench.restart()).toBeLessThan(4_000);
      expect(served()).toEqual([]);
      expect(bench.charge([...child, ...many(1e6)])).toBeGreaterThan(9_999_000_000);
      expect(bench.charge(CORE, '1'.repeat(26))).toBe(0);
    }
  });

  it('hundreds of children that all add what they can bar themselves, and none that does not (AU6)', () => {
    const bench = new Bench({ linksMax: 9_000, ofNonceMax: 6_000 });
    const fair = [...CORE, 'op = send', 'quota_ops = 7000/600', 'quota_bytes = 9/600'];
    expect(bench.charge(fair)).toBe(0);
    for (let turn = 0; turn < 4; turn++) {
      for (let i = 0; i < 300; i++) bench.charge([...CORE, `topic prefix a${i}.`, ...many(turn)]);
      expect([bench.charge(fair), bench.charge(CORE)]).toEqual([0, 0]);
      expect(bench.charge([...CORE, 'op = recv', `quota_ops = ${turn + 1}/600`])).toBe(0);
      expect(bench.charge([...CORE, ...many(0)], '2'.repeat(26))).toBe(0);
    }
    expect(bench.quotas.size).toBeLessThan(6_050);
    expect(bench.restart()).toBeLessThan(6_050);
  });

  it('many nonces whose holders all add what they can leave room for the next one (AU6)', () => {
    const bench = new Bench({ linksMax: 5_000, ofNonceMax: 2_000 });
    const nonceOf = (n: number): string => String(n).padStart(26, '0');
    for (let turn = 0; turn < 3; turn++) {
      for (let n = 1; n < 300; n++) bench.charge([...CORE, ...many(turn)], nonceOf(n));
    }
    for (let n = 1; n < 1_000; n++) expect(bench.charge(CORE, nonceOf(n))).toBe(0);
    expect(bench.quotas.size).toBeLessThan(5_001);
  });

  it('a quota in force is enforced whatever is made around it, and counts on when its window is over (AU2)', () => {
    const bench = new Bench({ linksMax: 2_000, ofNonceMax: 1_000 });
    const child = [...CORE, 'op = stats', 'quota_ops = 2/600'];
    expect([bench.charge(child), bench.charge(child), bench.charge(child)]).toEqual([0, 0, 600_000]);
    fill(bench, [...CORE, 'op = stats']);
    for (let i = 0; i < 10; i++) expect(bench.charge(child)).toBeGreaterThan(0);
    bench.restart();
    expect(bench.charge(child)).toBeGreaterThan(0);
    bench.now += 600_000;
    expect(bench.charge(child)).toBeGreaterThan(9_000_000_000);
    bench.now += 9_999_999_000;
    expect([bench.charge(child), bench.charge(child), bench.charge(child)]).toEqual([0, 0, 600_000]);
  });

  it('every commit tells of every window that it used, the second and the third time too (AU2)', () => {
    const bench = new Bench();
    for (let used = 1; used < 4; used++) {
      expect(bench.charge(CORE)).toBe(0);
      expect(bench.quotas.changes()).toMatchObject([{ name: 'charged', used }]);
    }
    expect(bench.quotas.changes()).toEqual([]);
  });

  it('what is over goes: room comes back, and nothing is kept of capabilities that are not used (D4)', () => {
    const bench = new Bench({ linksMax: 1_000, ofNonceMax: 1_000 });
    const brief = (n: number): string[] => [...CORE, 'role = producer', `quota_ops = ${n + 5}/1`];
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 400; n++) expect(bench.charge(brief(n))).toBe(0);
      bench.now += 1_000;
    }
    bench.now += 1_000_000_000;
    for (let i = 0; i < 1_000; i++) bench.charge(CORE);
    expect(bench.quotas.size).toBe(2);
  });

  it('windows of an earlier version, by nonce and line alone, count on to their end and lock nobody out (AU2, AU6)', () => {
    const bench = new Bench();
    const old = Array.from({ length: 64 }, (_, i) => ({
      ...{ name: 'charged' as const, nonce: NONCE, line: `quota_ops = ${1e6 + i}/9999999`, used: 1 },
      ...{ endMs: bench.now + 9_999_999_000, windowMs: 9_999_999_000 },
    }));
    const lines = [...CORE.slice(0, 3), 'quota_ops = 3/600'];
    const mine = { ...(old[0] as Charged), line: 'quota_ops = 3/600', used: 2, endMs: bench.now + 500_000 };
    bench.note([...old, { ...mine, windowMs: 600_000 }]);
    bench.restart();
    expect([bench.charge(lines), bench.charge(lines)]).toEqual([0, 500_000]);
    expect(bench.note()).toEqual([{ ...mine, used: 3, windowMs: 600_000 }]);
    expect(bench.charge(CORE)).toBe(0);
    bench.now += 500_000;
    expect([bench.charge(lines), bench.charge(lines)]).toEqual([0, 0]);
    expect(bench.note()).toMatchObject([{ line: 'quota_ops = 100000/1' }, { line: mine.line, used: 2 }]);
    bench.restart();
    expect([bench.charge(lines), bench.charge(lines)]).toEqual([0, 600_000]);
  });
});

describe('tree of quotas', () => {
  /** The links of this chain, the last of which counts something until then. */
  function counted(tree: QuotaTree, names: readonly string[], endMs: number): Node {
    const node = tree.grow(names.map((name) => ({ name }))) as Node;
    node.window = { nonce: names[0] as string, node, line: '', used: 1, endMs, changed: false };
    return node;
  }

  it('whatever is over in whatever order: the children of a link are those that are there (D4)', () => {
    const chain = fc.record({ nonce: fc.nat({ max: 5 }), link: fc.nat({ max: 8 }), endMs: fc.nat({ max: 100 }) });
    fc.assert(
      fc.property(
        fc.array(chain, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 8 }),
        (chains, times) => {
          const tree = new QuotaTree();
          const names = new Set<string>();
          for (const { nonce, link, endMs } of chains) {
            counted(tree, [`n${nonce}`, `n${nonce}.${link}`], endMs);
            for (const name of [`n${nonce}`, `n${nonce}.${link}`]) names.add(name);
          }
          for (const nowMs of times.toSorted((one, other) => one - other)) {
            tree.sweep(2 * names.size + 2, nowMs);
            const there = [...names].map((name) => tree.find(name)).filter((node) => node !== undefined);
            expect(there).toHaveLength(tree.size);
            const parents = new Set(there.map(({ parent }) => parent as Node));
            for (const node of there) expect(node.parent?.children[node.place]).toBe(node);
            const children = [...parents].flatMap((parent) => parent.children);
            expect(children).toHaveLength(there.length);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a bar that goes with what is below a link lasts on in the bar of that link (AU6)', () => {
    const tree = new QuotaTree({ ofNonceMax: 6 });
    const below = tree.grow([{ name: 'n' }, { name: 'a' }, { name: 'b' }]) as Node;
    below.barredUntilMs = 1e9;
    for (const name of ['c', 'd']) counted(tree, ['n', 'a', name], 2000);
    const links = ['n', 'a', 'e', 'f', 'g'].map((name) => ({ name, quota: null }));
    expect(tree.makeRoom(links, 1000)).toBe(true);
    expect([tree.find('b'), tree.find('a')?.barredUntilMs]).toEqual([undefined, 1e9]);
  });
});

interface Expected {
  readonly key: string;
  readonly max: number;
  readonly windowMs: number;
  readonly amount: (bytes: number) => number;
}

/** The quotas of a chain and the windows that they count in, by a key that is the whole chain down to each. */
function expectedOf(
  lines: readonly string[],
  known: ReadonlyMap<string, { used: number; endMs: number }>,
  nowMs: number,
) {
  const quotas: Expected[] = [];
  for (const [i, line] of lines.entries()) {
    const [, unit, max, seconds] = /^quota_(ops|bytes) = (\d+)\/(\d+)$/.exec(line) ?? [];
    if (unit === undefined || lines.indexOf(line) < i) continue;
    const amount = (bytes: number): number => (unit === 'ops' ? 1 : bytes);
    quotas.push({ key: lines.slice(0, i + 1).join('\n'), max: Number(max), windowMs: Number(seconds) * 1000, amount });
  }
  const windows = quotas.map(({ key }) => {
    const window = known.get(key);
    return window !== undefined && nowMs < window.endMs ? window : undefined;
  });
  return { quotas, windows };
}
