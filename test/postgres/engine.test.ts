import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BEGINNING } from '../../src/cluster/shard-log.ts';
import type { EngineFrame, EnginePromise, FramesRead, Granted, Renewed } from '../../src/ports/engine.ts';
import { createCluster, type PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { SCHEMA_VERSION } from '../../src/postgres/schema.ts';
import { isPostgresHere, own, type PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { appendTo, Engines, frameOf, type Said } from '../support/postgres-engines.ts';

const mayMount = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'none', folder]);
  if (status === 0) execFileSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0;
})();

describe.skipIf(!isPostgresHere)('engine on PostgreSQL (unavailable where it is missing)', () => {
  let engines: Engines;
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let engine: PostgresEngine;
  let options: PostgresOptions;
  beforeAll(async () => {
    engines = new Engines();
    await engines.start();
    ({ folder, primary, standby } = engines);
  });
  afterAll(() => engines?.end());
  beforeEach(async () => {
    engine = await engines.anew();
    ({ options } = engines);
  });
  afterEach(() => engines.close());
  const open = (more: Partial<PostgresOptions> = {}): Promise<PostgresEngine> => engines.open(more);
  const refusal = (more: Partial<PostgresOptions>): Promise<string> => engines.refusal(more);

  const append = (frames: readonly EngineFrame[], to = engine): Promise<Said> => appendTo(to, frames);
  const outcome = async (...frames: EngineFrame[]): Promise<string> => (await append(frames)).outcomes.join(' ');
  const frames = (shard: number, from: number): Promise<FramesRead> =>
    new Promise((resolve, reject) =>
      engine.frames(shard, from, (read) => (read instanceof Error ? reject(read) : resolve(read))),
    );
  const promise = (): Promise<EnginePromise | Error> => new Promise((resolve) => engine.promise(resolve));
  const bodies = async (shard: number): Promise<string[]> =>
    (await frames(shard, 1)).frames.map(({ body }) => Buffer.from(body).toString());
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

  it('what it promises is said with each connection that is made, before anything is appended on it', async () => {
    const said: (boolean | string)[] = [];
    engine.watchPromise(({ isReplicated }) => said.push(isReplicated));
    const a = frameOf('a');
    expect(await outcome(a)).toBe('durable');
    expect(said).toEqual([]);
    await primary.set('synchronous_standby_names', '');
    const ofAppends = `application_name = 'mailbox ${options.cluster} appends'`;
    await primary.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${ofAppends}`);
    await primary.until(`SELECT count(*) = 0 AS yes FROM pg_stat_activity WHERE ${ofAppends}`);
    // It may still take the connection for one that stands.
    while ((await outcome(frameOf('b', a))) === 'unknown') said.push('unknown');
    expect(said.filter((what) => what !== 'unknown')).toEqual([false]);
    await primary.set('synchronous_standby_names', '*');
  });

  it('what a server or its tables are not: said in one line each, without a password', async () => {
    const at = `PostgreSQL at 127.0.0.1:${primary.port}/postgres:`;
    expect(await refusal({ cluster: 'd' })).toBe(`${at} the tables are those of cluster c, not of d`);
    expect(await refusal({ schema: 'none' })).toBe(
      `${at} no tables of a mailbox are there: mailbox cluster init (42P01)`,
    );
    await primary.query(`UPDATE ${options.schema}.cluster SET version = 7`);
    expect(await refusal({})).toBe(`${at} the tables are of version 7, and this program knows ${SCHEMA_VERSION}`);
    await primary.query(`UPDATE ${options.schema}.cluster SET version = ${SCHEMA_VERSION}`);
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
});
