import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BEGINNING } from '../../src/cluster/shard-log.ts';
import type {
  AppendOutcome,
  EngineFrame,
  EnginePromise,
  FramesRead,
  Granted,
  Renewed,
} from '../../src/ports/engine.ts';
import { addressesOf } from '../../src/postgres/address.ts';
import { createCluster, PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { isPgBouncerHere, PgBouncer } from '../support/pgbouncer.ts';
import { isPostgresHere, own, PostgresFolder, type PostgresServer } from '../support/postgres.ts';

const mayMount = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'none', folder]);
  if (status === 0) execFileSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0;
})();

/** A frame that says something, behind another; the engine looks at numbers and hashes alone. */
function frameOf(text: string, before: { sequence: number; hash: Uint8Array } = BEGINNING, shard = 0): EngineFrame {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(before.hash).update(body).digest();
  return { shard, sequence: before.sequence + 1, previous: before.hash, hash, body };
}

describe('address of a server', () => {
  it('hosts in turn, sockets, escapes; what is wrong is named, and no password is', () => {
    const [first, second] = addressesOf('postgres://me:s%40fe@one:5433,two/db');
    expect(first?.config).toEqual({ host: 'one', port: 5433, database: 'db', user: 'me', password: 's@fe' });
    expect([first?.text, second?.text]).toEqual(['one:5433/db', 'two:5432/db']);
    expect(addressesOf('postgresql://[::1]:9/db')[0]?.config).toEqual({ host: '::1', port: 9, database: 'db' });
    expect(addressesOf('postgres:///db?host=/run/pg')[0]?.text).toBe('/run/pg:5432/db');
    for (const wrong of [
      'http://a/b',
      'postgres://a',
      'postgres://me:secret@/db',
      'postgres://me:secret@a:99999/db',
      'postgres://me:%@a/db',
      'postgres://me:secret/db',
      'postgres://a/db?password=secret',
    ])
      expect(() => addressesOf(wrong), wrong).toThrow(/^engine: (?!.*secret)/);
    expect(addressesOf('postgres://me:a:b:c@one/db')[0]?.config.password).toBe('a:b:c');
    for (const [parameters, says] of [
      ['target=x', 'target is none of its parameters: host, sslmode, sslrootcert'],
      ['sslmode=require', 'sslmode: must be disable or verify-full'],
      ['sslrootcert=/x', 'sslrootcert: only with sslmode=verify-full'],
      ['sslmode=verify-full&sslrootcert=/none', 'sslrootcert: no such file (ENOENT)'],
    ])
      expect(() => addressesOf(`postgres://a/db?${parameters}`)).toThrow(`engine: ${says}`);
    expect(() => addressesOf(`postgres://${Array(9).fill('a').join(',')}/b`)).toThrow('at most 8 hosts');
    expect(() => addressesOf(`postgres://a/${'b'.repeat(3_000)}`)).toThrow('at most 2048 bytes');
  });
});

describe.skipIf(!isPostgresHere)('engine on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let engine: PostgresEngine;
  let schemas = 0;
  let options: PostgresOptions;
  const opened: PostgresEngine[] = [];
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    standby = await folder.standbyOf(primary);
  });
  afterAll(() => folder?.end());
  const open = async (more: Partial<PostgresOptions> = {}): Promise<PostgresEngine> => {
    const one = await PostgresEngine.open({ ...options, ...more });
    opened.push(one);
    return one;
  };
  beforeEach(async () => {
    options = { url: primary.urlOf(), cluster: 'c', schema: `s${++schemas}`, answersWithinMs: 20_000, leaseMs: 300 };
    await createCluster({ ...options, shards: 4 });
    engine = await open();
  });
  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
  });

  type Said = { readonly outcomes: readonly AppendOutcome[]; readonly why: string | null };
  const append = (frames: readonly EngineFrame[], from = engine): Promise<Said> =>
    new Promise((resolve) =>
      from.append(frames, (outcomes, why) => resolve({ outcomes, why: why === null ? null : why.message })),
    );
  const outcome = async (...frames: EngineFrame[]): Promise<string> => (await append(frames)).outcomes.join(' ');
  const frames = (shard: number, from: number): Promise<FramesRead> =>
    new Promise((resolve, reject) =>
      engine.frames(shard, from, (read) => (read instanceof Error ? reject(read) : resolve(read))),
    );
  const promise = (): Promise<EnginePromise | Error> => new Promise((resolve) => engine.promise(resolve));
  const bodies = async (shard: number): Promise<string[]> =>
    (await frames(shard, 1)).frames.map(({ body }) => Buffer.from(body).toString());
  const refusal = (more: Partial<PostgresOptions>): Promise<string> =>
    PostgresEngine.open({ ...options, answersWithinMs: 3_000, ...more }).then(
      (one) => {
        one.close();
        return 'opened';
      },
      ({ message }: Error) => message,
    );

  it('append: behind the very frame that is named, or nowhere; what is read is what was written', async () => {
    const a = frameOf('a');
    const b = frameOf('b', a);
    expect(await outcome(a)).toBe('durable');
    expect(await outcome(b)).toBe('durable');
    const foreign = frameOf('foreign', frameOf('other'));
    expect(await outcome(frameOf('a'))).toBe('refused');
    expect(await outcome(b)).toBe('refused');
    expect(await outcome({ ...foreign, sequence: 3 })).toBe('refused');
    expect(await outcome(frameOf('gap', { sequence: 3, hash: b.hash }))).toBe('refused');
    const read = await frames(0, 2);
    expect(read.isEnd).toBe(true);
    expect(read.frames.map(({ sequence, hash, body }) => [sequence, Buffer.from(hash), Buffer.from(body)])).toEqual([
      [2, b.hash, b.body],
    ]);
    expect(await frames(0, 9)).toEqual({ frames: [], isEnd: true });
  });

  it('several logs in a statement, whatever their number: one that is refused spoils no other', async () => {
    const one = frameOf('x', BEGINNING, 1);
    expect(await outcome(one)).toBe('durable');
    expect(await outcome(frameOf('a'), frameOf('stale', BEGINNING, 1), frameOf('b', BEGINNING, 2))).toBe(
      'durable refused durable',
    );
    const many = Array.from({ length: 64 }, (_, i) => frameOf('m', BEGINNING, 100 + i));
    expect(new Set((await append(many)).outcomes)).toEqual(new Set(['durable']));
    expect(() => engine.append([...many, frameOf('m', BEGINNING, 99)], () => {})).toThrow('65 frames');
    expect(() => engine.append([frameOf('a'), frameOf('b')], () => {})).toThrow('two frames of one log');
    // The tables of every row that pads a statement out are as they were.
    expect(await primary.query(`SELECT count(*)::int AS n FROM ${options.schema}.frame`)).toEqual([{ n: 67 }]);
  });

  it('read in pages: by bytes, by number, never fewer than two', async () => {
    let last: { sequence: number; hash: Uint8Array } = BEGINNING;
    for (let i = 0; i < 5; i++) {
      const frame = frameOf(`${i}`.repeat(3 << 20), last);
      expect(await outcome(frame)).toBe('durable');
      last = frame;
    }
    const pages: number[][] = [];
    for (let from = 1; ; from = (pages.at(-1) as number[]).at(-1) as number) {
      const { frames: page, isEnd } = await frames(0, from);
      pages.push(page.map(({ sequence }) => sequence));
      if (isEnd) break;
    }
    expect(pages).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    await primary.query(`INSERT INTO ${options.schema}.frame SELECT 3, g, 'h', 'b' FROM generate_series(1, 300) g`);
    expect([(await frames(3, 1)).frames.length, (await frames(3, 1)).isEnd, (await frames(3, 256)).isEnd]).toEqual([
      256,
      false,
      true,
    ]);
  });

  it('in flight when another wants the number: waits for it, and is refused, or goes in where that is taken back', async () => {
    for (const end of ['COMMIT', 'ROLLBACK']) {
      const shard = end === 'COMMIT' ? 1 : 2;
      await primary.query('BEGIN');
      await primary.query(`INSERT INTO ${options.schema}.frame VALUES (${shard}, 1, 'hash', 'other')`);
      const said = append([frameOf('mine', BEGINNING, shard), frameOf('beside', BEGINNING, shard + 10)]);
      await waits('transactionid');
      await primary.query(end);
      expect((await said).outcomes).toEqual([end === 'COMMIT' ? 'refused' : 'durable', 'durable']);
      expect(await bodies(shard)).toEqual([end === 'COMMIT' ? 'other' : 'mine']);
    }
  });

  /** Until an append waits for this. */
  const waits = (event: string): Promise<void> =>
    primary.until(
      `SELECT count(*) = 1 AS yes FROM pg_stat_activity WHERE application_name = 'mailbox c appends' AND wait_event = '${event}'`,
    );
  const pidOf = `(SELECT pid FROM pg_stat_activity WHERE application_name = 'mailbox c appends')`;

  it.each(['pg_cancel_backend', 'pg_terminate_backend'])(
    'an append that waits for the standby and is ended by %s: unknown, though it is there; the next goes on a new connection',
    async (how) => {
      standby.pause(true);
      const a = frameOf('a');
      const said = append([a]);
      await waits('SyncRep');
      expect(await bodies(0)).toEqual([]);
      await primary.query(`SELECT ${how}(pid) FROM ${pidOf} p`);
      const { outcomes, why } = await said;
      expect(outcomes).toEqual(['unknown']);
      expect(why).toMatch(how === 'pg_cancel_backend' ? /it warns: canceling wait/ : /terminating connection|warns/);
      // It can be seen, and the standby does not have it.
      await primary.until(`SELECT count(*) = 1 AS yes FROM ${options.schema}.frame`);
      standby.pause(false);
      expect(await outcome(frameOf('b', a))).toBe('durable');
    },
  );

  it('no answer in time: unknown at the deadline, whatever the server waits for; and it may be there', async () => {
    const hasty = await open({ answersWithinMs: 700, cluster: 'c' });
    standby.pause(true);
    const said = await append([frameOf('a')], hasty);
    expect(said).toEqual({ outcomes: ['unknown'], why: 'PostgreSQL: no answer within 700 ms' });
    standby.pause(false);
    await primary.until(`SELECT count(*) = 1 AS yes FROM ${options.schema}.frame`);
    expect((await append([frameOf('b', frameOf('a'))], hasty)).outcomes).toEqual(['durable']);
  });

  it('whoever asks while a statement is under way has given that up: unknown, and no answer of it is taken for another', async () => {
    standby.pause(true);
    const first = append([frameOf('a')]);
    await waits('SyncRep');
    const second = append([frameOf('b', BEGINNING, 1)]);
    expect(await first).toEqual({ outcomes: ['unknown'], why: 'PostgreSQL: the statement was given up' });
    standby.pause(false);
    expect((await second).outcomes).toEqual(['durable']);
  });

  it('a setting of the server that lets answers come early does not: the statement says how long it waits', async () => {
    await primary.query(`ALTER ROLE postgres SET synchronous_commit = off`);
    const lax = await open();
    standby.pause(true);
    const said = append([frameOf('a')], lax);
    await waits('SyncRep');
    standby.pause(false);
    expect((await said).outcomes).toEqual(['durable']);
    await primary.query(`ALTER ROLE postgres RESET synchronous_commit`);
  });

  it('leases: one owner at a time, renewed in one go, over by the clock of the server; whoever waits is told when one is given back', async () => {
    const { leases } = engine;
    const claim = (shard: number, owner: string): Promise<Granted | { readonly heldForMs: number } | Error> =>
      new Promise((resolve) => leases.claim(shard, owner, resolve));
    const renew = (owner: string, logs: readonly number[] = [0, 1]): Promise<Renewed | Error> =>
      new Promise((resolve) => leases.renewAll(owner, logs, resolve));
    const serverMs = Number((await primary.query('SELECT extract(epoch FROM now()) * 1000 AS ms'))[0]?.['ms']);
    const granted = (await claim(0, 'one')) as Granted;
    expect(Math.abs(granted.engineMs - serverMs)).toBeLessThan(20_000);
    expect(await claim(1, 'one')).toHaveProperty('engineMs');
    const held = (await claim(0, 'other')) as { readonly heldForMs: number };
    expect(held.heldForMs).toBeLessThanOrEqual(300);
    expect(await claim(0, 'one')).toHaveProperty('engineMs');
    expect(await renew('one', [0])).toMatchObject({ logs: [0] });
    const renewed = (await renew('one')) as Renewed;
    expect([...renewed.logs].sort()).toEqual([0, 1]);
    let told = 0;
    const other = await open();
    const heard = new Promise<void>((resolve) => other.leases.watch(() => ++told && resolve()));
    leases.release(0, 'other');
    leases.release(0, 'one');
    await heard;
    expect(told).toBe(1);
    expect(await claim(0, 'other')).toHaveProperty('engineMs');
    await primary.until(`SELECT count(*) = 0 AS yes FROM ${options.schema}.lease WHERE until > clock_timestamp()`);
    expect(await renew('one')).toMatchObject({ logs: [] });
    expect(await claim(1, 'other')).toHaveProperty('engineMs');
  });

  it('leases and snapshots do not wait for a standby', async () => {
    standby.pause(true);
    const result = await new Promise((resolve) => engine.leases.claim(0, 'one', resolve));
    const put = await new Promise((resolve) =>
      engine.snapshots.put(0, { sequence: 1, maker: 'm' }, 0, Buffer.from('piece'), resolve),
    );
    standby.pause(false);
    expect([result, put]).toEqual([{ engineMs: expect.any(Number) }, null]);
  });

  it('snapshots: whole or not there; a trim never takes the last frame', async () => {
    const { snapshots } = engine;
    const done = (ask: (done: (result: unknown) => void) => void): Promise<unknown> => new Promise(ask);
    const a = frameOf('a');
    await outcome(a);
    await outcome(frameOf('b', a));
    const made = { sequence: 2, maker: 'm', pieces: 2, bytes: 6 };
    expect(await done((end) => snapshots.put(0, made, 0, Buffer.from('one'), end))).toBe(null);
    expect(await done((end) => snapshots.finish(0, made, end))).toEqual(
      new Error('snapshot: finish wrote 0 rows, not 1'),
    );
    expect(await done((end) => snapshots.list(0, end))).toEqual([]);
    expect(await done((end) => snapshots.put(0, made, 1, Buffer.from('two'), end))).toBe(null);
    expect(await done((end) => snapshots.put(0, made, 1, Buffer.from('two'), end))).toBeInstanceOf(Error);
    expect(await done((end) => snapshots.finish(0, made, end))).toBe(null);
    expect(await done((end) => snapshots.list(0, end))).toEqual([made]);
    expect(String(await done((end) => snapshots.piece(0, made, 1, end)))).toBe('two');
    expect(await done((end) => snapshots.piece(0, made, 2, end))).toEqual(
      new Error('log 0: piece 2 of snapshot m is gone'),
    );
    expect(await done((end) => snapshots.put(0, { ...made, maker: 'n' }, 0, Buffer.from('one'), end))).toBe(null);
    for (const maker of ['n', 'm', 'none']) expect(await done((end) => snapshots.discard(0, maker, end))).toBe(null);
    expect(await done((end) => snapshots.list(0, end))).toEqual([]);
    expect(await primary.query(`SELECT count(*)::int AS n FROM ${options.schema}.piece`)).toEqual([{ n: 0 }]);
    expect(await done((end) => snapshots.put(0, made, 0, Buffer.from('one'), end))).toBe(null);
    expect(await done((end) => snapshots.trim(0, 9, end))).toBe(null);
    expect([await bodies(0), await done((end) => snapshots.list(0, end))]).toEqual([['b'], []]);
    expect(await primary.query(`SELECT count(*)::int AS n FROM ${options.schema}.piece`)).toEqual([{ n: 0 }]);
  });

  it('a log that was trimmed does not begin anew: its first frame, sent an hour late, goes nowhere', async () => {
    const a = frameOf('a');
    await outcome(a);
    await outcome(frameOf('b', a));
    await new Promise((resolve) => engine.snapshots.trim(0, 2, resolve));
    expect(await outcome(frameOf('late'))).toBe('refused');
    expect((await frames(0, 1)).frames.map(({ sequence }) => sequence)).toEqual([2]);
  });

  it('what it promises, and that it does without a standby', async () => {
    const now = (await promise()) as EnginePromise;
    expect(now).toEqual({ system: expect.stringMatching(/^\d+$/), timeline: 1, isReplicated: true });
    await primary.set('synchronous_standby_names', '');
    expect(await promise()).toEqual({ ...now, isReplicated: false });
    await primary.set('synchronous_standby_names', '*');
  });

  it('what a server or its tables are not: said in one line each, without a password', async () => {
    const at = `PostgreSQL at 127.0.0.1:${primary.port}/postgres:`;
    expect(await refusal({ cluster: 'd' })).toBe(`${at} the tables are those of cluster c, not of d`);
    expect(await refusal({ schema: 'none' })).toBe(
      `${at} no tables of a mailbox are there: mailbox cluster init (42P01)`,
    );
    await primary.query(`UPDATE ${options.schema}.cluster SET version = 7`);
    expect(await refusal({})).toBe(`${at} the tables are of version 7, and this program knows 1`);
    await primary.query(`UPDATE ${options.schema}.cluster SET version = 1`);
    expect(await refusal({ url: primary.urlOf('postgres', 'postgres', 'wrong') })).toBe(
      `${at} the password is refused (28P01)`,
    );
    expect(await refusal({ url: primary.urlOf('elsewhere') })).toMatch(
      /elsewhere: there is no such database \(3D000\)$/,
    );
    expect(await refusal({ url: standby.urlOf() })).toMatch(/it is a standby, not the primary$/);
    expect(await refusal({ url: 'postgres://me:swordfish@127.0.0.1:1/db' })).toBe(
      'PostgreSQL at 127.0.0.1:1/db: nobody listens there (ECONNREFUSED)',
    );
    expect(await createCluster({ ...options, shards: 4 }).catch(({ message }: Error) => message)).toMatch(
      /has the tables of a cluster already$/,
    );
    expect(await createCluster({ ...options, shards: 0 }).catch(({ message }: Error) => message)).toMatch(
      /shards: 1 to 1024/,
    );
    for (const schema of ['', 'A', 'a"b', 'a'.repeat(49)])
      expect(await refusal({ schema })).toMatch(/^schema: 1 to 48/);
  });

  it('a server that is made read-only, or whose tables go, under a node: refused or failed, and it says why', async () => {
    await primary.query(`CREATE ROLE reader LOGIN PASSWORD 'swordfish'`);
    expect(await refusal({ url: primary.urlOf('postgres', 'reader') })).toMatch(/this user may not do that \(42501\)$/);
    await primary.query(`GRANT USAGE ON SCHEMA ${options.schema} TO reader`);
    await primary.query(`GRANT ALL ON ALL TABLES IN SCHEMA ${options.schema} TO reader`);
    const reader = await open({ url: primary.urlOf('postgres', 'reader') });
    await primary.query(`REVOKE INSERT ON ${options.schema}.frame FROM reader`);
    expect(await append([frameOf('a')], reader)).toMatchObject({ outcomes: ['failed'] });
    await primary.query('ALTER ROLE reader SET default_transaction_read_only = on');
    expect(await refusal({ url: primary.urlOf('postgres', 'reader') })).toMatch(/it is read-only/);
    await primary.query(`ALTER TABLE ${options.schema}.frame RENAME TO gone`);
    expect(await append([frameOf('a')])).toMatchObject({
      outcomes: ['failed'],
      why: expect.stringContaining('does not exist'),
    });
  });

  describe.skipIf(!isPgBouncerHere)('behind PgBouncer (unavailable where it is missing)', () => {
    it.each([
      [
        'transaction',
        /a pooler stands in front that gives connections away between transactions: connect directly, or in session mode$/,
      ],
      ['statement', /a pooler stands in front that gives connections away/],
      ['session', /^opened$/],
    ])('in %s mode: it is said what will not do, and what does works', async (mode, says) => {
      const pooler = await PgBouncer.start(folder, primary, mode);
      expect(await refusal({ url: pooler.url })).toMatch(says);
      if (mode === 'session') {
        const pooled = await open({ url: pooler.url });
        expect((await append([frameOf('a')], pooled)).outcomes).toEqual(['durable']);
        pooled.close();
      }
      pooler.kill();
    });
  });

  it('several servers: whichever is the primary is found, wherever it stands in the list', async () => {
    const other = await open({
      url: `postgres://postgres:swordfish@127.0.0.1:1,127.0.0.1:${standby.port},127.0.0.1:${primary.port}/postgres`,
    });
    expect((await append([frameOf('a')], other)).outcomes).toEqual(['durable']);
  });

  it.skipIf(!mayMount)(
    'out of space (unavailable without leave to mount): refused, with why, and it goes on when there is some again',
    async () => {
      const disk = mkdtempSync(join(tmpdir(), 'small-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'none', disk]);
      const alone = await folder.primary();
      try {
        own(disk);
        await alone.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
        await createCluster({ ...options, url: alone.urlOf(), shards: 1 });
        await alone.query(`ALTER TABLE ${options.schema}.frame SET TABLESPACE small`);
        const narrow = await open({ url: alone.urlOf() });
        const a = frameOf('a');
        expect((await append([a], narrow)).outcomes).toEqual(['durable']);
        const big = frameOf('b'.repeat(20 << 20), a);
        const full = { outcomes: ['refused', 'refused'], why: expect.stringMatching(/No space left on device/) };
        expect(await append([big, frameOf('beside', BEGINNING, 1)], narrow)).toEqual(full);
        expect((await append([frameOf('c', a)], narrow)).outcomes).toEqual(['durable']);
        execFileSync('mount', ['-o', 'remount,size=64m', disk]);
        expect((await append([frameOf('d'.repeat(20 << 20), frameOf('c', a))], narrow)).outcomes).toEqual(['durable']);
      } finally {
        await alone.kill();
        execFileSync('umount', [disk]);
        rmdirSync(disk);
      }
    },
  );

  it('one connection finds the primary of after a failover: the others leave the one of before, which still answers', async () => {
    const old = await folder.primary();
    await old.query('CREATE DATABASE d');
    const young = await folder.standbyOf(old);
    const url = `postgres://postgres:swordfish@127.0.0.1:${old.port},127.0.0.1:${young.port}/d`;
    await createCluster({ ...options, url, shards: 1 });
    const both = await open({ url });
    const timeline = (): Promise<unknown> =>
      new Promise((resolve) => both.promise((now) => resolve(now instanceof Error ? null : now.timeline)));
    expect([(await append([frameOf('a')], both)).outcomes, await timeline()]).toEqual([['durable'], 1]);
    await young.promote();
    await old.query('ALTER DATABASE d WITH ALLOW_CONNECTIONS false');
    await old.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailbox c reads'`,
    );
    const read = (): Promise<boolean> =>
      new Promise((resolve) => both.frames(0, 1, (found) => resolve(!(found instanceof Error))));
    while (!(await read()));
    const told = await timeline();
    expect(told ?? (await timeline())).toBe(2);
    expect((await append([frameOf('b', frameOf('a'))], both)).outcomes).toEqual(['durable']);
    await Promise.all([old.kill(), young.kill()]);
  });

  it('encrypted: to a server of that name with a certificate that is trusted, and to no other', async () => {
    const keys = mkdtempSync(join(tmpdir(), 'keys-'));
    const [key, certificate] = [join(keys, 'key.pem'), join(keys, 'certificate.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...args, ...subject, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    own(keys);
    const secure = await folder.primary({ ssl: 'on', ssl_key_file: key, ssl_cert_file: certificate });
    const url = `${secure.urlOf()}?sslmode=verify-full`;
    const trusted = `${url}&sslrootcert=${certificate}`;
    await createCluster({ ...options, url: trusted, shards: 1 });
    const one = await open({ url: trusted });
    expect((await append([frameOf('a')], one)).outcomes).toEqual(['durable']);
    const plain = `SELECT count(*) = 0 AS yes FROM pg_stat_activity a JOIN pg_stat_ssl USING (pid)
      WHERE a.application_name LIKE 'mailbox%' AND NOT ssl`;
    expect(await secure.query(plain)).toEqual([{ yes: true }]);
    expect(await refusal({ url })).toMatch(/self.signed certificate/);
    expect(await refusal({ url: trusted.replace('127.0.0.1', 'localhost') })).toMatch(/altnames/);
    expect(await refusal({ url: `${primary.urlOf()}?sslmode=verify-full` })).toMatch(/does not support SSL/);
    await secure.kill();
    rmSync(keys, { recursive: true });
  });

  it('a server that does not keep what it says it keeps is not taken', async () => {
    const lax = await folder.primary({ fsync: 'off' });
    expect(await refusal({ url: lax.urlOf() })).toMatch(
      /fsync is off: what it says it keeps would not survive a crash$/,
    );
    await lax.kill();
  });
});
