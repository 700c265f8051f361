import type { StoredSnapshot } from '../src/ports/engine.ts';

interface Kept {
  readonly sequence: number;
  readonly pieces: readonly Uint8Array[];
  readonly whole: StoredSnapshot | null;
}

/** Snapshots of the logs of an engine, at its primary or its standby, and how far each log is trimmed. */
export class EngineSnapshots {
  /** By log and maker. */
  private readonly kept = new Map<number, ReadonlyMap<string, Kept>>();
  private readonly trimmed = new Map<number, number>();

  copy(): EngineSnapshots {
    const copy = new EngineSnapshots();
    for (const [shard, makers] of this.kept) copy.kept.set(shard, makers);
    for (const [shard, sequence] of this.trimmed) copy.trimmed.set(shard, sequence);
    return copy;
  }

  private of(shard: number): ReadonlyMap<string, Kept> {
    return this.kept.get(shard) ?? new Map();
  }

  /** The first frame that is there. */
  trimmedOf(shard: number): number {
    return this.trimmed.get(shard) ?? 1;
  }

  list(shard: number): readonly StoredSnapshot[] {
    return [...this.of(shard).values()]
      .flatMap(({ whole }) => (whole === null ? [] : [whole]))
      .toSorted((one, other) => other.sequence - one.sequence);
  }

  /** @throws Error where there is none */
  piece(shard: number, maker: string, number: number): Uint8Array {
    const piece = this.of(shard).get(maker)?.pieces[number];
    if (piece === undefined) throw new Error(`no piece ${number} of ${maker}`);
    return piece;
  }

  put(
    shard: number,
    { sequence, maker }: { sequence: number; maker: string },
    number: number,
    bytes: Uint8Array,
  ): void {
    const pieces = this.of(shard).get(maker)?.pieces ?? [];
    if (pieces.length !== number) throw new Error(`piece ${number} of ${maker} after ${pieces.length}`);
    this.set(shard, maker, { sequence, pieces: [...pieces, bytes], whole: null });
  }

  /** @throws Error where pieces are missing */
  finish(shard: number, snapshot: StoredSnapshot): void {
    const { sequence, maker } = snapshot;
    const pieces = this.of(shard).get(maker)?.pieces ?? [];
    if (pieces.length !== snapshot.pieces) throw new Error(`${maker}: ${pieces.length} pieces, not ${snapshot.pieces}`);
    this.set(shard, maker, { sequence, pieces, whole: snapshot });
  }

  discard(shard: number, maker: string): void {
    this.kept.set(shard, new Map([...this.of(shard)].filter(([name]) => name !== maker)));
  }

  /** Of all that are there, unfinished ones too. */
  piecesOf(shard: number): number {
    return [...this.of(shard).values()].reduce((sum, { pieces }) => sum + pieces.length, 0);
  }

  trim(shard: number, sequence: number): void {
    this.trimmed.set(shard, Math.max(sequence, this.trimmedOf(shard)));
    this.kept.set(shard, new Map([...this.of(shard)].filter(([, kept]) => kept.sequence >= sequence)));
  }

  /** Bits of one are not what they were. */
  damage(shard: number, { maker }: StoredSnapshot, number: number): void {
    const kept = this.of(shard).get(maker) as Kept;
    const damaged = new Uint8Array(kept.pieces[number] as Uint8Array);
    damaged[damaged.length >> 1]! ^= 4;
    this.set(shard, maker, { ...kept, pieces: kept.pieces.with(number, damaged) });
  }

  private set(shard: number, maker: string, kept: Kept): void {
    this.kept.set(shard, new Map([...this.of(shard), [maker, kept]]));
  }
}
