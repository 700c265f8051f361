import { Heap } from './heap.ts';
import { Line } from './line.ts';
import type { Savepoint } from './savepoint.ts';

/** The first labels of a topic: whose it is (BD5). */
export function tenantOf(topic: string, labels: number): string {
  let end = -1;
  for (let label = 0; label < labels; label++) {
    end = topic.indexOf('.', end + 1);
    if (end < 0) return topic;
  }
  return topic.slice(0, end);
}

interface Aged {
  readonly ageNumber: number;
}

/** What the topics of one tenant hold of a shard, counted as it changes. It is there as long as one of them is. */
export class Tenant<M extends Aged> {
  readonly name: string;
  /** Queued and redelivered. */
  ready = 0;
  leased = 0;
  /** Open idempotency windows. */
  windows = 0;
  topics = 0;
  /** Its dead letters, oldest first. */
  readonly dead = new Line<M>();
  /** Its place among the holders of dead letters, -1 while it has none. */
  rank = -1;

  constructor(name: string) {
    this.name = name;
  }

  get depth(): number {
    return this.ready + this.leased;
  }

  save(to: Savepoint): void {
    to.put(this.ready);
    to.put(this.leased);
    to.put(this.windows);
    to.put(this.topics);
    to.put(this.rank);
    this.dead.save(to);
  }

  restore(from: Savepoint): void {
    const { numbers } = from;
    this.ready = numbers[from.number++]!;
    this.leased = numbers[from.number++]!;
    this.windows = numbers[from.number++]!;
    this.topics = numbers[from.number++]!;
    this.rank = numbers[from.number++]!;
    this.dead.restore(from);
  }
}

/**
 * The tenants that have dead letters, the one with the most first; of equal ones the one whose oldest is the oldest. No two are
 * equal in both, so that the order does not depend on how it came about.
 */
export class Holders<M extends Aged> extends Heap<Tenant<M>> {
  protected override key(tenant: Tenant<M>): number {
    return -tenant.dead.size;
  }
  protected override tie({ dead }: Tenant<M>): number {
    return dead.first()?.ageNumber ?? 0;
  }
  protected override place(tenant: Tenant<M>): number {
    return tenant.rank;
  }
  protected override setPlace(tenant: Tenant<M>, place: number): void {
    tenant.rank = place;
  }

  /** The dead letters of this tenant have changed. */
  rank(tenant: Tenant<M>): void {
    if (tenant.dead.size === 0) this.remove(tenant);
    else if (tenant.rank < 0) this.push(tenant);
    else this.update(tenant);
  }
}
