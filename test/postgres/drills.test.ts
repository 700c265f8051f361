import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { batchFraming } from '../../src/cluster/batch-framing.ts';
import { blake3 } from '../../src/integrity/blake3.ts';
import type { FramesRead } from '../../src/ports/engine.ts';
import { createCluster, PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { PostgresProcess, type ProcessOptions } from '../support/postgres-process.ts';
import { run } from '../support/process.ts';
import fc, { Reached } from '../support/properties.ts';
import { until } from '../support/until.ts';

const SHARDS = 3;
const SHARD_NUMBERS = [0, 1, 2];

/** What is in a log by now, in order, and that its frames are a chain. */
async function inLog(options: PostgresOptions, shard: number): Promise<number[]> {
  const engine = await PostgresEngine.open(options);
  const framing = batchFraming('reader', { salt: engine.cluster.salt, hash: blake3 });
  const numbers: number[] = [];
  let [sequence, hash, isEnd] = [0, new Uint8Array(32) as Uint8Array, false];
  while (!isEnd) {
    const read = await new Promise<FramesRead | Error>((resolve) => engine.frames(shard, sequence + 1, resolve));
    if (read instanceof Error) throw read;
    for (const { body } of read.frames) {
      const frame = framing.open(body);
      expect([frame?.sequence, Buffer.from(frame?.previous ?? [])]).toEqual([sequence + 1, Buffer.from(hash)]);
      ({ sequence, hash } = frame as NonNullable<typeof frame>);
      for (const { facts } of frame?.content.batches ?? [])
        for (const fact of facts) if (fact.name === 'clocks') numbers.push(fact.serviceMs);
    }
    ({ isEnd } = read);
  }
  engine.close();
  return numbers;
}

describe.skipIf(!isPostgresHere)('drills on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let schemas = 0;
  let options: ProcessOptions;
  let processes: PostgresProcess[];
  beforeAll(() => {
    folder = new PostgresFolder();
  });
  afterAll(() => folder?.end());
  beforeEach(() => {
    processes = [];
  });
  afterEach(() => {
    for (const one of processes) one.stop();
  });
  const use = async (primary: PostgresServer, more: Partial<ProcessOptions> = {}): Promise<void> => {
    options = { url: primary.urlOf(), cluster: 'c', schema: `d${++schemas}`, shards: SHARDS, node: 0, ...more };
    await createCluster(options);
  };
  const start = async (more: Partial<ProcessOptions> = {}): Promise<PostgresProcess> => {
    const one = await PostgresProcess.start({ ...options, ...more });
    processes.push(one);
    return one;
  };

  describe('with a standby that answers wait for', () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    beforeAll(async () => {
      primary = await folder.primary();
      standby = await folder.standbyOf(primary);
    });

    it('an owner whose lease is over, and who does not know it: refused, and told that it is somebody else (AC1)', async () => {
      await use(primary, { leaseMs: 1_000 });
      const one = await start();
      await one.claim(0);
      await one.append(0, 1);
      // It stands still: nothing is renewed.
      one.journal.close();
      const other = await start({ node: 1 });
      await expect(other.claim(0)).rejects.toThrow(/^log 0 is held for \d+ ms$/);
      await primary.until(
        `SELECT count(*) = 0 AS yes FROM ${options.schema}.lease WHERE until > clock_timestamp() AND shard = 0`,
      );
      await other.claim(0);
      await other.append(0, 2);
      await one.append(0, 3);
      expect([one.seen, one.answered[0], other.answered[0]]).toEqual([['0 unsure', '0 lost: foreign'], [1], [2]]);
      await other.append(0, 4);
      expect(await inLog(options, 0)).toEqual([1, 2, 4]);
    });

    it('leases are renewed while it works, and longer than one lasts', async () => {
      await use(primary, { leaseMs: 500 });
      const one = await start();
      await one.claim(0);
      const endMs = performance.now() + 1_200;
      let number = 0;
      while (performance.now() < endMs) await one.append(0, ++number);
      expect([one.journal.lapsed(), one.journal.leaseLeftMs(0) > 0, one.seen]).toEqual([[], true, []]);
    });

    it.each(['before', 'after'])(
      'the connection is lost when the answer comes, %s it is written: known again, and once in the log',
      async (when) => {
        const proxy = await LossyProxy.to(primary.port);
        await use(primary);
        const one = await start({ url: primary.urlOf().replace(`:${primary.port}/`, `:${proxy.port}/`) });
        await one.claim(0);
        await one.append(0, 1);
        // The name of the prepared statement is in what is asked.
        const lost = proxy.loseAnswerTo((asked) => asked.includes('append_1'));
        if (when === 'before') {
          await primary.query('BEGIN');
          await primary.query(`INSERT INTO ${options.schema}.frame VALUES (0, 2, 'h', 'b')`);
        }
        const done = one.append(0, 2);
        if (when === 'before') {
          await primary.until(
            `SELECT count(*) = 1 AS yes FROM pg_stat_activity WHERE application_name = 'mailbox c appends' AND wait_event = 'transactionid'`,
          );
          proxy.cut();
          await primary.query('ROLLBACK');
        } else await lost;
        await done;
        await one.append(0, 3);
        expect(one.answered[0]).toEqual([1, 2, 3]);
        expect(one.seen).toEqual(['0 unsure', '0 sure']);
        expect(await inLog(options, 0)).toEqual([1, 2, 3]);
        one.stop();
        proxy.close();
      },
    );

    it('whatever becomes of backends, connections and processes: what was answered is in the log once, in order (AC1)', async () => {
      const reached = new Reached('appends over PostgreSQL');
      const STEP = fc.constantFrom('append', 'append', 'append', 'terminate', 'cancel', 'cut', 'slow', 'next', 'kill');
      await fc.assert(
        fc.asyncProperty(fc.array(STEP, { minLength: 8, maxLength: 24 }), async (steps) => {
          const proxy = await LossyProxy.to(primary.port);
          await use(primary, { answersWithinMs: 2_000 });
          const url = primary.urlOf().replace(`:${primary.port}/`, `:${proxy.port}/`);
          const backends = `SELECT pid FROM pg_stat_activity WHERE application_name = 'mailbox c appends'`;
          const answered: number[][] = SHARD_NUMBERS.map(() => []);
          const saw = { appends: 0, processes: 0, unsure: 0, answered: 0 };
          let one: PostgresProcess | null = null;
          const next = async (): Promise<PostgresProcess> => {
            if (one !== null) for (const shard of SHARD_NUMBERS) answered[shard]?.push(...(one.answered[shard] ?? []));
            saw.unsure += one?.seen.filter((what) => what.endsWith('unsure')).length ?? 0;
            expect(one?.seen.filter((what) => what.endsWith('halted')) ?? []).toEqual([]);
            one?.stop();
            await primary.query(`DELETE FROM ${options.schema}.lease`);
            const made = await start({ url });
            for (const shard of SHARD_NUMBERS) await made.claim(shard);
            saw.processes++;
            return made;
          };
          one = await next();
          let number = 0;
          let ends: Promise<void>[] = [];
          let slow = Promise.resolve();
          for (const step of steps) {
            // The standby stands still or goes on as this step says, not as one before does.
            if (step === 'slow' || step === 'cancel') await slow;
            if (step === 'append') {
              await Promise.all(ends);
              if (one.owned < SHARDS) one = await next();
              ends = SHARD_NUMBERS.map((shard) => (one as PostgresProcess).append(shard, ++number));
              saw.appends++;
            }
            if (step === 'terminate') await primary.query(`SELECT pg_terminate_backend(pid) FROM (${backends}) b`);
            if (step === 'cancel') {
              standby.pause(true);
              const more = ends.length > 0 ? ends : [one.append(0, ++number)];
              await primary.query(`SELECT pg_cancel_backend(pid) FROM (${backends}) b`);
              standby.pause(false);
              ends = more;
            }
            if (step === 'cut') proxy.cut();
            if (step === 'slow') {
              standby.pause(true);
              slow = new Promise((resolve) => {
                setTimeout(() => {
                  standby.pause(false);
                  resolve();
                }, 30);
              });
            }
            // Killed: whatever was under way is left to itself.
            if (step === 'next') await Promise.all(ends);
            if (step === 'next' || step === 'kill') {
              one = await next();
              ends = [];
            }
          }
          await Promise.all([...ends, slow]);
          one = await next();
          for (const shard of SHARD_NUMBERS) {
            await one.append(shard, ++number);
            const there = await inLog(options, shard);
            expect(there.length).toBe(new Set(there).size);
            const told = answered[shard] as number[];
            expect(there.filter((each) => told.includes(each))).toEqual(told);
            saw.answered += told.length;
          }
          one.stop();
          proxy.close();
          await primary.query(`SET client_min_messages = warning; DROP SCHEMA ${options.schema} CASCADE`);
          reached.saw(saw);
        }),
        { numRuns: Number(process.env['RUNS'] ?? 5) },
      );
      reached.atLeast({ appends: 5, processes: 3, unsure: 1, answered: 10 });
    });
  });

  it('kill -9 of the primary under load, and its standby promoted: nothing that was answered is lost, and the owner goes on (R3)', async () => {
    const primary = await folder.primary();
    const standby = await folder.standbyOf(primary);
    const url = `postgres://postgres:swordfish@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`;
    await use(primary, { url, requiresReplica: false });
    const one = await start();
    for (const shard of SHARD_NUMBERS) await one.claim(shard);
    let number = 0;
    let isOver = false;
    const load = SHARD_NUMBERS.map(async (shard) => {
      while (!isOver && one.owned === SHARDS) await one.append(shard, ++number);
    });
    const answered = (): number => one.answered.reduce((sum, { length }) => sum + length, 0);
    const isFar = (count: number) => (): boolean => answered() >= count || one.owned < SHARDS;
    await until(isFar(100), 60_000);
    await primary.kill();
    const before = answered();
    await standby.promote();
    await until(isFar(before + 50), 60_000);
    isOver = true;
    await Promise.all(load);
    expect([one.owned, one.seen.filter((what) => /lost|halted|failed/.test(what))]).toEqual([SHARDS, []]);
    expect(one.seen.filter((what) => what.endsWith(' unsure')).length).toBeGreaterThan(0);
    for (const shard of SHARD_NUMBERS) expect(await inLog(options, shard)).toEqual(one.answered[shard]);
    console.log(`${answered()} answered, ${before} of them before the primary was lost`);
    one.stop();
    // What its log says was promised, and kept: nobody asks whether a loss is accepted.
    const other = await start({ node: 1 });
    await primary.kill();
    await standby.query(`DELETE FROM ${options.schema}.lease`);
    await other.claim(0);
    await standby.kill();
  });

  it('answers that wait for nobody, and a primary that is lost: the tail is gone, its owner halts, and no other passes it over unasked', async () => {
    const primary = await folder.primary();
    const standby = await folder.standbyOf(primary);
    await primary.set('synchronous_standby_names', '');
    const url = `postgres://postgres:swordfish@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`;
    await use(primary, { url, requiresReplica: false });
    await expect(start({ requiresReplica: true })).rejects.toThrow('the engine has no standby');
    const one = await start();
    await one.claim(0);
    await one.append(0, 1);
    await standby.until(`SELECT to_regclass('${options.schema}.frame') IS NOT NULL AS yes`);
    await standby.until(`SELECT count(*) > 0 AS yes FROM ${options.schema}.frame WHERE shard = 0`);
    // What only waits for it in a socket would still arrive.
    await standby.kill();
    await one.append(0, 2);
    expect(one.answered[0]).toEqual([1, 2]);
    await primary.kill();
    await standby.restart();
    await standby.promote();
    await one.append(0, 3);
    expect(one.seen.at(-1)).toBe('0 halted');
    one.stop();
    await standby.query(`DELETE FROM ${options.schema}.lease`);
    const other = await start({ node: 1 });
    await expect(other.claim(0)).rejects.toThrow(
      /^log 0: what was answered before the failover may be gone: .* accept-loss 0$/,
    );
    const named = ['--cluster', options.cluster, '--schema', options.schema as string];
    const accepted = await run(['cluster', 'accept-loss', '0', '--engine', options.url, ...named]);
    expect(accepted).toMatchObject({ code: 0, out: expect.stringMatching(/^accepted: log 0: .* may be gone/) });
    await other.claim(0);
    await other.append(0, 4);
    expect(await inLog(options, 0)).toEqual([1, 4]);
    await standby.kill();
  });
});
