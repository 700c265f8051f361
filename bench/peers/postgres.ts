import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Lane, Opened, Peer, Running } from './peer.ts';
import { asNobody, freePort, launch, programOf, runToEnd } from './process.ts';

const DEBIAN = '/usr/lib/postgresql';
const FOLDERS = existsSync(DEBIAN)
  ? readdirSync(DEBIAN)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN, version, 'bin'))
  : [];
const CONNECTIONS_MAX = 200;

export const missingPostgres = (): string | null =>
  programOf('initdb', FOLDERS) === null || programOf('postgres', FOLDERS) === null ? 'postgres is not installed' : null;

export const clientOf = (port: number): Client =>
  new Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' });

/** A server with everything at its defaults: each commit is synced. */
export async function startPostgres(folder: string, schema: readonly string[] = []): Promise<Running> {
  const port = await freePort();
  const data = join(folder, 'data');
  const owner = asNobody();
  mkdirSync(data);
  if ('uid' in owner) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid);
  const made = ['-D', data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await runToEnd(programOf('initdb', FOLDERS) as string, made, owner);
  const where = [
    '-p',
    `${port}`,
    '-c',
    'listen_addresses=127.0.0.1',
    '-k',
    data,
    '-c',
    `max_connections=${CONNECTIONS_MAX}`,
  ];
  const { pid, stop } = await launch(programOf('postgres', FOLDERS) as string, ['-D', data, ...where], port, owner);
  // It listens before it is ready.
  for (let isReady = false; !isReady; ) {
    const client = clientOf(port);
    try {
      await client.connect();
      for (const statement of schema) await client.query(statement);
      isReady = true;
    } catch (error) {
      if ((error as { readonly code?: string }).code !== '57P03') throw error;
    } finally {
      await client.end().catch(() => {});
    }
  }
  return { port, secret: '', pid, stop: () => stop('SIGINT') };
}

const SCHEMA = [
  'CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL, leased timestamptz, payload bytea NOT NULL)',
  'CREATE INDEX ON jobs (queue, id)',
];
const SEND = { name: 'send', text: 'INSERT INTO jobs (queue, payload) SELECT $1, $2 FROM generate_series(1, $3)' };
const RECV = {
  name: 'recv',
  text: `UPDATE jobs SET leased = now() WHERE id IN (
      SELECT id FROM jobs WHERE queue = $1 AND leased IS NULL ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING id, payload`,
};
const ACK = { name: 'ack', text: 'DELETE FROM jobs WHERE id = ANY($1::bigint[])' };

class PostgresLane implements Lane {
  private readonly client: Client;
  private readonly to: Opened;

  constructor(client: Client, to: Opened) {
    this.client = client;
    this.to = to;
  }

  async cycle(messages: number): Promise<void> {
    const { queue, payload } = this.to;
    await this.client.query({ ...SEND, values: [queue, payload, messages] });
    const { rows } = await this.client.query<{ id: string }>({ ...RECV, values: [queue, messages] });
    if (rows.length !== messages) throw new Error(`postgres: ${rows.length} messages of ${messages}`);
    await this.client.query({ ...ACK, values: [rows.map(({ id }) => id)] });
  }

  close(): Promise<void> {
    return this.client.end();
  }
}

export const POSTGRES: Peer = {
  name: 'PostgreSQL, SKIP LOCKED',
  durable: 'WAL, each commit synced',
  note: 'a table with an index, three prepared statements a round, the payload of a batch sent once; no idempotency, no authority, no hashes',
  missing: missingPostgres,
  start: (folder) => startPostgres(folder, SCHEMA),
  open: async (to) => {
    const client = clientOf(to.port);
    await client.connect();
    return new PostgresLane(client, to);
  },
};
