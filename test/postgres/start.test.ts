import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../src/postgres/engine.ts';
import { SCHEMA_VERSION } from '../../src/postgres/schema.ts';
import { CLUSTER, ClusterServers } from '../support/cluster-servers.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { type Finished, MailboxProcess, run, serve } from '../support/process.ts';

const told = ({ err }: Finished): string => err.trimEnd();
/** Of the line that says why a start is refused. */
const refusalIn = ({ out }: Finished): Record<string, unknown> =>
  JSON.parse(out.split('\n').find((line) => line.includes('"event":"server.refused"')) ?? '{}');

describe.skipIf(!isPostgresHere)('a server that starts on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let cluster: ClusterServers;
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    standby = await folder.standbyOf(primary);
    cluster = new ClusterServers(primary.urlOf(), ['a'], 4);
    await cluster.create();
  });
  afterAll(async () => {
    await cluster?.end();
    folder?.end();
  });
  const start = (...args: string[]): Promise<Finished> =>
    serve('--node-name', 'z', '--engine-cluster', CLUSTER, ...args).finished;
  const at = (): string => `PostgreSQL at 127.0.0.1:${primary.port}/postgres:`;

  it.each([
    [
      'a wrong password',
      () => primary.urlOf('postgres', 'postgres', 'wrong'),
      [],
      2,
      /the password is refused \(28P01\)$/,
    ],
    ['no such database', () => primary.urlOf('elsewhere'), [], 2, /there is no such database \(3D000\)$/],
    [
      'no tables',
      () => primary.urlOf(),
      ['--engine-schema', 'none'],
      2,
      /no tables of a mailbox are there: mailbox cluster init/,
    ],
    [
      'tables of another cluster',
      () => primary.urlOf(),
      ['--engine-cluster', 'd'],
      2,
      /the tables are those of cluster c, not of d$/,
    ],
    ['a standby', () => standby.urlOf(), [], 1, /it is a standby, not the primary$/],
    ['nobody there', () => 'postgres://me:swordfish@127.0.0.1:1/db', [], 1, /nobody listens there \(ECONNREFUSED\)$/],
    [
      'a URL that is none',
      () => 'postgres://me:swordfish@db',
      [],
      2,
      /^engine: must be postgres:\/\/user:password@host:port\/database$/,
    ],
  ])(
    '%s: one line on standard error and one in the log, with its exit code, and no password (R1)',
    async (_, url, more, exit, says) => {
      const ended = await start('--engine', url(), ...more);
      expect(told(ended)).toMatch(says);
      expect(told(ended)).not.toContain('\n');
      expect(refusalIn(ended)).toMatchObject({ reason: told(ended), setting: 'engine', exit_code: exit });
      expect(ended.code).toBe(exit);
      expect(ended.out + ended.err).not.toMatch(/swordfish|wrong@/);
    },
  );

  it('a trace: it follows shards that stay', async () => {
    const ended = await start('--engine', primary.urlOf(), '--trace', '/tmp/none.ndjson');
    expect([ended.code, told(ended)]).toEqual([2, '--trace: of a data directory alone; not with engine']);
  });

  it('tables of another version', async () => {
    await primary.query('UPDATE mailbox.cluster SET version = version + 1');
    const ended = await start('--engine', primary.urlOf());
    await primary.query('UPDATE mailbox.cluster SET version = version - 1');
    expect([ended.code, told(ended)]).toEqual([
      2,
      `${at()} the tables are of version ${SCHEMA_VERSION + 1}, and this program knows ${SCHEMA_VERSION}`,
    ]);
  });

  it('a read-only database', async () => {
    await primary.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await primary.query('SELECT pg_reload_conf()');
    await primary.until(`SELECT current_setting('default_transaction_read_only') = 'on' AS yes`);
    const ended = await start('--engine', primary.urlOf());
    await primary.query('SET default_transaction_read_only = off');
    await primary.query('ALTER SYSTEM RESET default_transaction_read_only');
    await primary.query('SELECT pg_reload_conf()');
    await primary.until(`SELECT pg_reload_conf() AS yes`);
    expect([ended.code, told(ended)]).toEqual([1, expect.stringMatching(/read-only/)]);
  });

  it('no standby: refused, unless that is allowed; then it serves, and says what is missing', async () => {
    await primary.set('synchronous_standby_names', '');
    const ended = await start('--engine', primary.urlOf());
    expect([ended.code, told(ended)]).toEqual([
      1,
      expect.stringMatching(/^the engine has no standby: .*engine_require_replica = false$/),
    ]);
    const [a] = cluster.nodes;
    const env = { MAILBOX_ENGINE_REQUIRE_REPLICA: 'false' };
    const on = [
      '--engine',
      primary.urlOf(),
      '--engine-cluster',
      CLUSTER,
      '--node-name',
      'y',
      '--metrics-bind',
      '127.0.0.1:0',
    ];
    const allowed = new MailboxProcess(['serve', '--bind', '127.0.0.1:0', ...on], env);
    const { http } = await allowed.logged('server.ready');
    expect((await fetch(`http://${http}/readyz`)).status).toBe(200);
    allowed.child.kill('SIGTERM');
    expect((await allowed.finished).code).toBe(0);
    await primary.set('synchronous_standby_names', '*');
    await a?.start();
    await primary.set('synchronous_standby_names', '');
    const ready = async (): Promise<unknown> => (await fetch(`${await a?.url()}/readyz`)).json();
    await expect.poll(ready, { timeout: 30_000 }).toMatchObject({ ready: false, missing: ['engine_unreplicated'] });
    await primary.set('synchronous_standby_names', '*');
    await expect.poll(ready, { timeout: 30_000 }).toMatchObject({ ready: true });
  });

  it('two nodes with one name: the second is refused while the first is there; a node without a shard is ready', async () => {
    const [a] = cluster.nodes;
    await cluster.served();
    const ended = await start('--engine', primary.urlOf(), '--node-name', 'a');
    expect([ended.code, told(ended)]).toEqual([
      1,
      `node a: another process has this name, at ${await a?.url()}. Each node of a cluster has a name of its own (node_name)`,
    ]);
    expect(refusalIn(ended)).toMatchObject({ setting: 'node_name', exit_code: 1 });
    // It has been there all the time.
    expect(await cluster.isServed()).toBe(true);
  });

  it('cluster status: who is there and has what, for people and as JSON', async () => {
    const on = ['--engine', primary.urlOf(), '--cluster', CLUSTER];
    const text = await run(['cluster', 'status', ...on]);
    const url = await cluster.nodes[0]?.url();
    expect(text.out.split('\n')).toEqual([
      'c: 4 shards, 1 node',
      expect.stringMatching(`^a  ${url}  version .* s ago  shards 0 1 2 3$`),
      '',
    ]);
    const json = JSON.parse((await run(['cluster', 'status', ...on, '--json'])).out);
    expect(json).toMatchObject({
      cluster: 'c',
      shards: 4,
      nodes: [{ name: 'a', url, connected: true, shards: [0, 1, 2, 3] }],
      without_node: [],
    });
  });

  it('the engine goes: the node says so, answers 503, and serves again when it is back', async () => {
    const [a] = cluster.nodes;
    const { token } = cluster.cap('topic prefix t', 'op = send');
    const send = async (key: string): Promise<number> =>
      (await cluster.caller.post('/v1/send', token, { topic: 't', idem_key: key, payload_b64: '' })).status;
    expect(await send('before')).toBe(200);
    primary.pause(true);
    const ready = async (): Promise<unknown> => (await fetch(`${await a?.url()}/readyz`)).json();
    await expect.poll(ready, { timeout: 60_000 }).toMatchObject({ missing: expect.arrayContaining(['engine']) });
    primary.pause(false);
    await expect.poll(ready, { timeout: 60_000 }).toMatchObject({ ready: true });
    await expect.poll(() => send('after'), { timeout: 60_000 }).toBe(200);
  });

  it('another process takes the name of one that stood still: that one ends, and says why', async () => {
    const [a] = cluster.nodes;
    await createCluster({ url: primary.urlOf(), cluster: 'e', schema: 'e', shards: 1 });
    const on = ['--engine', primary.urlOf(), '--engine-cluster', 'e', '--engine-schema', 'e', '--node-name', 'a'];
    const first = serve(...on);
    await first.logged('server.ready');
    await primary.query(`UPDATE e.node SET owner = 'a.other'`);
    const { code, out } = await first.finished;
    expect([code, out]).toEqual([1, expect.stringContaining('node a: another process took this name')]);
    expect(await a?.shards()).toEqual([0, 1, 2, 3]);
  });
});
