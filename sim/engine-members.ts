import { sliceOf } from '../src/auth/quota-parts.ts';
import type {
  Company,
  Holder,
  Member,
  NameTaken,
  QuotaAsked,
  QuotaTaken,
  RevocationPage,
  SharedRevocation,
} from '../src/ports/engine.ts';

interface Parts {
  readonly shards: number;
  readonly leaseMs: number;
  readonly nowMs: () => number;
  readonly holders: () => readonly (Omit<Holder, 'leftMs'> & { readonly untilMs: number })[];
  readonly dismiss: (owner: string) => void;
}

interface Row {
  readonly member: Member;
  readonly log: number;
  seenMs: number;
  /** Whether the connection that it was said on still stands. */
  isConnected: () => boolean;
  isGone: boolean;
}

/** Who shares a simulated engine: a row a name, whose log stays the same. */
export class EngineMembers {
  private readonly parts: Parts;
  private readonly rows = new Map<string, Row>();
  private readonly revoked: SharedRevocation[] = [];
  private readonly quotas = new Map<string, { taken: number; readonly endMs: number }>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  join(member: Member, isConnected: () => boolean): { readonly log: number } | NameTaken {
    const before = this.rows.get(member.name);
    const isOther = before !== undefined && before.member.owner !== member.owner;
    const isThere = isOther && !before.isGone && before.isConnected();
    if (isThere && this.parts.nowMs() - before.seenMs < this.parts.leaseMs)
      return { taken: 'another process has this name' };
    if (isOther) this.parts.dismiss(before.member.owner);
    const log = before?.log ?? this.parts.shards + this.rows.size;
    this.rows.set(member.name, { member, log, seenMs: this.parts.nowMs(), isConnected, isGone: false });
    return { log };
  }

  beat(member: Member, isConnected: () => boolean): Company | NameTaken {
    const row = this.rows.get(member.name);
    if (row === undefined || row.member.owner !== member.owner) return { taken: 'another process took this name' };
    row.seenMs = this.parts.nowMs();
    row.isConnected = isConnected;
    return this.company();
  }

  leave({ name, owner }: Member): void {
    const row = this.rows.get(name);
    if (row?.member.owner === owner) row.isGone = true;
  }

  revoke(revocation: SharedRevocation): void {
    const isThere = this.revoked.some(({ kind, value }) => kind === revocation.kind && value === revocation.value);
    if (!isThere) this.revoked.push(revocation);
  }

  revocations(after: number): RevocationPage {
    return { revocations: this.revoked.slice(after), last: this.revoked.length, isEnd: true };
  }

  takeQuota({ name, max, windowMs, need, wanted }: QuotaAsked): QuotaTaken {
    const nowMs = this.parts.nowMs();
    const before = this.quotas.get(name);
    const row = before !== undefined && nowMs < before.endMs ? before : { taken: 0, endMs: nowMs + windowMs };
    const granted = sliceOf(max - row.taken, need, wanted);
    row.taken += granted;
    this.quotas.set(name, row);
    return { granted, rest: max - row.taken, leftMs: row.endMs - nowMs };
  }

  private company(): Company {
    const nowMs = this.parts.nowMs();
    const members = [...this.rows.values()]
      .filter(({ isGone }) => !isGone)
      .map(({ member, seenMs, isConnected }) => ({
        ...member,
        quietMs: nowMs - seenMs,
        isConnected: isConnected(),
      }));
    const holders = this.parts
      .holders()
      .filter(({ untilMs }) => untilMs > nowMs)
      .map(({ shard, owner, untilMs }) => ({ shard, owner, leftMs: untilMs - nowMs }));
    return { members, holders, revoked: this.revoked.length };
  }
}
