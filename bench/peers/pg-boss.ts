import { loadModule, missingModule } from './modules.ts';
import type { Lane, Opened, Peer } from './peer.ts';
import { missingPostgres, startPostgres } from './postgres.ts';

const CLIENT = 'pg-boss';

/** As of version 10, the last that runs on Node 20. */
interface Boss {
  start(): Promise<unknown>;
  stop(options: object): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): void;
  createQueue(name: string): Promise<void>;
  insert(jobs: readonly object[]): Promise<unknown>;
  fetch(name: string, options: object): Promise<readonly { readonly id: string }[]>;
  complete(name: string, ids: readonly string[]): Promise<unknown>;
}
interface Module {
  readonly PgBoss: new (options: object) => Boss;
}

/** All lanes of a process share its connections, as its users do. */
let shared: { readonly port: number; readonly boss: Promise<Boss>; lanes: number } | null = null;

async function begin(port: number): Promise<Boss> {
  const loaded = await loadModule<Module & (new (options: object) => Boss)>(CLIENT);
  const Made = loaded.PgBoss ?? loaded;
  const boss = new Made({
    ...{ host: '127.0.0.1', port, user: 'bench', database: 'postgres', max: 64 },
    ...{ supervise: false, schedule: false },
  });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  return boss;
}

class BossLane implements Lane {
  private readonly boss: Boss;
  private readonly to: Opened;

  constructor(boss: Boss, to: Opened) {
    this.boss = boss;
    this.to = to;
  }

  async cycle(messages: number): Promise<void> {
    const { queue, payload } = this.to;
    const data = { payload: payload.toString('base64') };
    await this.boss.insert(Array.from({ length: messages }, () => ({ name: queue, data })));
    const jobs = await this.boss.fetch(queue, { batchSize: messages });
    if (jobs.length !== messages) throw new Error(`pg-boss: ${jobs.length} messages of ${messages}`);
    await this.boss.complete(
      queue,
      jobs.map(({ id }) => id),
    );
  }

  async close(): Promise<void> {
    if (shared === null || --shared.lanes > 0) return;
    shared = null;
    await this.boss.stop({ graceful: false });
  }
}

export const PG_BOSS: Peer = {
  name: 'pg-boss',
  durable: 'WAL of PostgreSQL, each commit synced',
  note: 'a library over PostgreSQL; its client does a share of the work and is not counted; finished jobs are kept',
  missing: () => missingPostgres() ?? missingModule(CLIENT),
  start: (folder) => startPostgres(folder),
  open: async (to) => {
    if (shared?.port !== to.port) shared = { port: to.port, boss: begin(to.port), lanes: 0 };
    shared.lanes++;
    const boss = await shared.boss;
    await boss.createQueue(to.queue);
    return new BossLane(boss, to);
  },
};
