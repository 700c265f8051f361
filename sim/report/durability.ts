import type { Fact } from '../../src/core/facts.ts';

interface Waiting {
  readonly fact: Fact;
  /** Row of the fact, counted from the first of the run. */
  readonly at: number;
}

/** Which facts became durable, and when: what a crash undid never did. */
export class Durability {
  /** By shard, `node shard`, in the order of their decisions. */
  private readonly waiting = new Map<string, Waiting[]>();

  decided(node: number, shard: number, fact: Fact, at: number): void {
    const key = `${node} ${shard}`;
    const waiting = this.waiting.get(key);
    if (waiting === undefined) this.waiting.set(key, [{ fact, at }]);
    else waiting.push({ fact, at });
  }

  /** The rows of these facts, which are durable now. After a crash the disk may turn out to have less than the process had decided. */
  synced(node: number, shard: number, facts: readonly Fact[]): number[] {
    const waiting = this.waiting.get(`${node} ${shard}`) ?? [];
    const rows: number[] = [];
    let from = 0;
    for (const fact of facts) {
      const found = waiting.findIndex(({ fact: own }, i) => i >= from && isSame(own, fact));
      if (found < 0) continue;
      rows.push((waiting[found] as Waiting).at);
      from = found + 1;
    }
    waiting.splice(0, from);
    return rows;
  }

  /** What is not durable by now is undone: of one shard, or of all of a node. */
  undone(node: number, shard: number | null = null): void {
    for (const key of this.waiting.keys())
      if (shard === null ? key.startsWith(`${node} `) : key === `${node} ${shard}`) this.waiting.delete(key);
  }
}

const idOf = (fact: Fact): string => (fact.name === 'recovered' ? '' : fact.msgId);
const isSame = (a: Fact, b: Fact): boolean =>
  a === b || (a.name === b.name && a.atMs === b.atMs && idOf(a) === idOf(b));
