import { EngineJournal } from '../../src/cluster/engine-journal.ts';
import { OneStatement } from '../../src/cluster/one-statement.ts';
import { blake3 } from '../../src/integrity/blake3.ts';
import type { JournalBackend } from '../../src/ports/journal.ts';
import { createCluster, PostgresEngine } from '../../src/postgres/engine.ts';
import { type Place, SHARDS } from '../journal/conformance/backends.ts';
import type { PostgresServer } from './postgres.ts';
import { until } from './until.ts';

const ANSWERS_WITHIN_MS = 10_000;
/** An answer that did not come, looked for and asked for again. */
const UNTIL_MS = 6 * ANSWERS_WITHIN_MS;
let places = 0;

/** Tables of its own in a server that others use too. */
export class PostgresPlace implements Place {
  readonly schema = `place${++places}`;
  private readonly server: PostgresServer;
  private readonly requiresReplica: boolean;
  private engine: PostgresEngine | null = null;
  private journal: EngineJournal | null = null;
  private gathered: OneStatement | null = null;
  private processes = 0;

  constructor(server: PostgresServer, requiresReplica = true) {
    this.server = server;
    this.requiresReplica = requiresReplica;
  }

  private get options() {
    return { url: this.server.urlOf(), cluster: this.schema, schema: this.schema, answersWithinMs: ANSWERS_WITHIN_MS };
  }

  /** Somebody else has made its tables. */
  begun(): this {
    this.processes++;
    return this;
  }

  async open(): Promise<JournalBackend> {
    if (this.processes++ === 0) await createCluster({ ...this.options, shards: SHARDS });
    this.engine = await PostgresEngine.open(this.options);
    this.gathered = new OneStatement(this.engine);
    const secret = { salt: this.engine.cluster.salt, hash: blake3 };
    const { gathered: engine, processes, requiresReplica } = this;
    this.journal = await new Promise<EngineJournal>((resolve, reject) => {
      EngineJournal.open(
        {
          ...{ engine, owner: `node.${processes}`, secret, shards: SHARDS, processLog: SHARDS },
          ...{ answersWithinMs: ANSWERS_WITHIN_MS, timers: { setTimeout: () => 0, clearTimeout: () => {} } },
          ...{ monotonicMs: () => performance.now(), requiresReplica },
        },
        (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)),
      );
    });
    return this.journal;
  }

  async until(isOver: () => boolean): Promise<void> {
    await until(isOver, UNTIL_MS);
  }

  /** What was under way has come to its end, whichever, before the next process looks. */
  async crash(): Promise<void> {
    this.engine?.close();
    this.engine = null;
    const name = `mailbox ${this.schema} %`;
    await this.server.until(`SELECT count(*) = 0 AS yes FROM pg_stat_activity WHERE application_name LIKE '${name}'`);
    await this.server.query(`DELETE FROM ${this.schema}.lease`);
  }

  breakNext(): void {
    (this.gathered as OneStatement).append = (frames, done) =>
      done(
        frames.map(() => 'failed'),
        new Error('broken'),
      );
  }

  async end(): Promise<void> {
    await this.crash().catch(() => {});
    await this.server.query(`SET client_min_messages = warning; DROP SCHEMA IF EXISTS ${this.schema} CASCADE`);
  }
}
