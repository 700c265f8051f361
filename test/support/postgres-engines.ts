import { createHash } from 'node:crypto';
import { BEGINNING } from '../../src/cluster/shard-log.ts';
import type { AppendOutcome, EngineFrame } from '../../src/ports/engine.ts';
import { createCluster, PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { PostgresFolder, type PostgresServer } from './postgres.ts';

export function frameOf(
  text: string,
  before: { sequence: number; hash: Uint8Array } = BEGINNING,
  shard = 0,
): EngineFrame {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(before.hash).update(body).digest();
  return { shard, sequence: before.sequence + 1, previous: before.hash, hash, body };
}

export interface Said {
  readonly outcomes: readonly AppendOutcome[];
  readonly why: string | null;
}
export const appendTo = (engine: PostgresEngine, frames: readonly EngineFrame[]): Promise<Said> =>
  new Promise((resolve) =>
    engine.append(frames, (outcomes, why) => resolve({ outcomes, why: why === null ? null : why.message })),
  );

/** A primary and its synchronous standby, and engines on tables that are new for each test. */
export class Engines {
  readonly folder = new PostgresFolder();
  primary!: PostgresServer;
  standby!: PostgresServer;
  options!: PostgresOptions;
  private schemas = 0;
  private readonly opened: PostgresEngine[] = [];

  async start(): Promise<void> {
    this.primary = await this.folder.primary();
    this.standby = await this.folder.standbyOf(this.primary);
  }

  /** On tables that nobody has used. */
  async anew(): Promise<PostgresEngine> {
    const more = { cluster: 'c', schema: `s${++this.schemas}`, answersWithinMs: 20_000, leaseMs: 300 };
    this.options = { url: this.primary.urlOf(), ...more };
    await createCluster({ ...this.options, shards: 4 });
    return this.open();
  }

  async open(more: Partial<PostgresOptions> = {}): Promise<PostgresEngine> {
    const one = await PostgresEngine.open({ ...this.options, ...more });
    this.opened.push(one);
    return one;
  }

  /** Why none is opened. */
  refusal(more: Partial<PostgresOptions>): Promise<string> {
    return PostgresEngine.open({ ...this.options, answersWithinMs: 3_000, ...more }).then(
      (one) => {
        one.close();
        return 'opened';
      },
      ({ message }: Error) => message,
    );
  }

  close(): void {
    for (const one of this.opened.splice(0)) one.close();
  }

  end(): void {
    this.folder.end();
  }
}
