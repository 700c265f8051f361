import type { Company, Member, SeenMember } from '../ports/engine.ts';

/** Parts of a lease. A node without a connection for so long is dead, */
const DEAD_PART = 2 / 15;
/** one that was not heard for so long is not counted on, connected or not, */
const QUIET_PART = 4 / 5;
/** a shard that is free for so long may be had by anybody, */
const ANYBODY_PART = 1 / 3;
/** the next one is handed over so long after the one before, */
const MOVE_PART = 1 / 5;
/** and none twice to the same process within so many leases: what it could not take over it will not be able to at once. */
const AGAIN_LEASES = 4;
/** What could not be read is tried again after so much of a lease, and after twice as long each time, up to half a lease. */
const RETRY_PART = 1 / 30;
const RETRY_PART_MAX = 1 / 2;

export interface Moves {
  /** Shards to claim. */
  readonly wanted: readonly number[];
  /** A shard of ours that another node is to have. */
  readonly unwanted: number | null;
  /** Owners whose processes are gone: their leases are to be ended. */
  readonly dead: readonly string[];
}

type Ranked = Pick<Member, 'name' | 'owner'>;

/**
 * Which shards a node claims, and which it hands over. Each node ranks all that are there for each shard, and all come to the same order: the
 * first has it. Nothing here makes anything safe: two that think they are first ask the engine, and the log settles what it was wrong about.
 */
export class Claiming {
  private readonly me: Ranked;
  private readonly shards: number;
  private readonly leaseMs: number;
  /** By owner: since when it is without a connection. */
  private readonly goneMs = new Map<string, number>();
  /** By owner: in how many looks in a row it was there. */
  private readonly looks = new Map<string, number>();
  /** By shard: since when nobody has it. */
  private readonly freeMs: (number | null)[];
  private readonly failures = new Map<number, { readonly count: number; readonly untilMs: number }>();
  /** By shard: when it was handed over last, and to which process. */
  private readonly handed = new Map<number, { readonly owner: string; readonly atMs: number }>();
  private moving: number | null = null;
  private movedMs = Number.NEGATIVE_INFINITY;
  private mine: ReadonlySet<number> = new Set();

  constructor(me: Ranked, shards: number, leaseMs: number) {
    this.me = me;
    this.shards = shards;
    this.leaseMs = leaseMs;
    this.freeMs = Array.from({ length: shards }, () => null);
  }

  /** Whether the shard is for us to claim, as it was when the others were last looked at. */
  mayClaim(shard: number): boolean {
    return this.mine.has(shard);
  }

  /** It was claimed, or could not be read. */
  claimed(shard: number, isOurs: boolean, nowMs: number): void {
    if (isOurs) {
      this.failures.delete(shard);
      return;
    }
    const count = (this.failures.get(shard)?.count ?? 0) + 1;
    const part = Math.min(RETRY_PART_MAX, RETRY_PART * 2 ** Math.min(count, 10));
    this.failures.set(shard, { count, untilMs: nowMs + part * this.leaseMs });
  }

  /** Who is there, and has what. */
  seen({ members, holders }: Pick<Company, 'members' | 'holders'>, nowMs: number): Moves {
    const dead = this.deadAmong(members, nowMs);
    const alive = this.aliveAmong(members, dead);
    const owners: (string | null)[] = Array.from({ length: this.shards }, () => null);
    for (const { shard, owner } of holders) if (shard < this.shards) owners[shard] = owner;
    const wanted = this.wanted(owners, alive, nowMs);
    this.mine = new Set(wanted);
    const holding = new Set(holders.map(({ owner }) => owner));
    return { wanted, unwanted: this.unwanted(owners, alive, nowMs), dead: dead.filter((owner) => holding.has(owner)) };
  }

  private deadAmong(members: readonly SeenMember[], nowMs: number): string[] {
    const known = new Set(members.map(({ owner }) => owner));
    for (const owner of this.goneMs.keys()) if (!known.has(owner)) this.goneMs.delete(owner);
    const dead: string[] = [];
    for (const { owner, isConnected } of members) {
      if (isConnected || owner === this.me.owner) this.goneMs.delete(owner);
      else if (!this.goneMs.has(owner)) this.goneMs.set(owner, nowMs);
      if (nowMs - (this.goneMs.get(owner) ?? nowMs) >= DEAD_PART * this.leaseMs) dead.push(owner);
    }
    return dead;
  }

  /** Those that are counted on; we are there ourselves. */
  private aliveAmong(members: readonly SeenMember[], dead: readonly string[]): readonly Ranked[] {
    const isThere = ({ owner, quietMs }: SeenMember): boolean =>
      owner !== this.me.owner && quietMs < QUIET_PART * this.leaseMs && !dead.includes(owner);
    const others = members.filter(isThere);
    const before = new Map(this.looks);
    this.looks.clear();
    for (const { owner } of others) this.looks.set(owner, Math.min(2, (before.get(owner) ?? 0) + 1));
    return [this.me, ...others];
  }

  private wanted(owners: readonly (string | null)[], alive: readonly Ranked[], nowMs: number): readonly number[] {
    const wanted: number[] = [];
    for (const [shard, owner] of owners.entries()) {
      if (owner !== null) {
        this.freeMs[shard] = null;
        continue;
      }
      const freeMs = this.freeMs[shard] ?? nowMs;
      this.freeMs[shard] = freeMs;
      const isForUs = this.isFirst(shard, alive) || nowMs - freeMs >= ANYBODY_PART * this.leaseMs;
      if (isForUs && nowMs >= (this.failures.get(shard)?.untilMs ?? nowMs)) wanted.push(shard);
    }
    return wanted;
  }

  private isFirst(shard: number, alive: readonly Ranked[]): boolean {
    return firstFor(shard, alive) === this.me;
  }

  /** One at a time, and only to a node that is there for longer than one look. */
  private unwanted(owners: readonly (string | null)[], alive: readonly Ranked[], nowMs: number): number | null {
    const { me, moving, leaseMs } = this;
    const isBetween = (fromMs: number, part: number): boolean => nowMs - fromMs < part * leaseMs;
    if (isBetween(this.movedMs, MOVE_PART)) return null;
    // Until somebody else has it, or nobody wants it.
    const isUnderWay = moving !== null && (owners[moving] === null || owners[moving] === me.owner);
    if (isUnderWay && isBetween(this.movedMs, 1)) return null;
    this.moving = null;
    for (const [shard, owner] of owners.entries()) {
      if (owner !== me.owner) continue;
      const first = firstFor(shard, alive);
      if (first === me || (this.looks.get(first.owner) ?? 0) < 2) continue;
      const before = this.handed.get(shard);
      if (before?.owner === first.owner && isBetween(before.atMs, AGAIN_LEASES)) continue;
      this.moving = shard;
      this.movedMs = nowMs;
      this.handed.set(shard, { owner: first.owner, atMs: nowMs });
      return shard;
    }
    return null;
  }
}

/** Whose the shard is to be among these: whose name and the number give the largest hash (rendezvous hashing: Thaler and Ravishankar, 1998). */
export function firstFor<One extends { readonly name: string }>(shard: number, members: readonly One[]): One {
  let best: One | null = null;
  let most = -1;
  for (const member of members) {
    const weight = weightOf(member.name, shard);
    if (best === null || weight > most || (weight === most && member.name < best.name)) {
      best = member;
      most = weight;
    }
  }
  if (best === null) throw new Error('claiming: nobody is there');
  return best;
}

/** FNV-1a over the name, and then all bits of both mixed into all (the end of MurmurHash3). */
function weightOf(name: string, shard: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash ^= Math.imul(shard + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
