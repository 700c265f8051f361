import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { payloadHashOf } from '../../src/integrity/hash-chain.ts';
import { RECOVERING } from '../../src/journal/durable.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { mustRecover } from '../../src/journal/read-live.ts';
import { Owner } from '../journal/conformance/owner.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { PostgresPlace } from '../support/postgres-place.ts';
import { type Finished, run, runMany, serve } from '../support/process.ts';
import { sendOf } from '../support/shard.ts';

describe.skipIf(!isPostgresHere)('export and import (unavailable where PostgreSQL is missing)', () => {
  let folder: PostgresFolder;
  let server: PostgresServer;
  let data: string;
  let place: PostgresPlace;
  beforeAll(async () => {
    folder = new PostgresFolder();
    server = await folder.primary();
  });
  afterAll(() => folder?.end());
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'export-'));
    place = new PostgresPlace(server, false);
  });
  afterEach(async () => {
    rmSync(data, { recursive: true });
    await place.end();
  });

  const journal = (verb: string, schema: string, ...more: string[]): Promise<Finished> =>
    run(['journal', verb, ...more, '--engine', server.urlOf(), '--cluster', schema, '--schema', schema]);
  /** Messages of all sizes, some of them leased and acked, snapshots of some shards. */
  async function work(owner: Owner): Promise<void> {
    for (const [shard, claim] of owner.claims.entries()) {
      for (let i = 0; i < 5; i++) {
        const payload = new Uint8Array(10 + 70_000 * (i % 2)).fill(i);
        const payloadHash = payloadHashOf(payload);
        const send = sendOf(++owner.nowMs, `t${i % 2}`, `k${i}`, { payload, payloadHash, hashChain: payloadHash });
        await owner.durably([owner.decide(shard, send)]);
      }
      const recv = {
        name: 'recv',
        atMs: ++owner.nowMs,
        topic: 't0',
        receipt: `r${shard}`,
        visibilityMs: 60_000,
      } as const;
      const more = { bytesMax: Number.POSITIVE_INFINITY, inflightElsewhere: 0, tenantInflightElsewhere: 0 };
      const leased = owner.decide(shard, { ...recv, ...more });
      await owner.durably([leased]);
      const { msgId } = leased.facts[0] as { readonly msgId: string };
      if (shard === 1)
        await owner.durably([owner.decide(shard, { name: 'ack', atMs: ++owner.nowMs, msgId, receipt: `r${shard}` })]);
      if (shard === 2) await new Promise((resolve) => claim.snapshot(resolve));
    }
    const window = { endMs: owner.nowMs + 50_000, windowMs: 60_000 };
    await owner.durably([
      owner.note({ name: 'revoked', kind: 'nonce', value: 'n1', atMs: owner.nowMs }),
      owner.note({ name: 'charged', nonce: 'n2', line: 'quota_ops = 5/60', used: 3, ...window }),
    ]);
  }
  const found = (directory: string) => mustRecover(new FileStorage(directory), RECOVERING);

  it('a data directory of a cluster: intact, and what its shards are; a cluster of that: the same again, with its revocations and quotas', async () => {
    const owner = await Owner.start(place);
    await work(owner);
    const before = owner.digests();
    const out = join(data, 'out');
    expect(await journal('export', place.schema, out)).toMatchObject({ code: 0, err: '' });
    const verified = await run(['journal', 'verify', '--data', out, '--json']);
    expect([verified.code, JSON.parse(verified.out)]).toMatchObject([0, { intact: true, snapshots: 1, problems: [] }]);
    const { replica, salt } = found(out);
    expect(owner.digests(replica.shards)).toEqual(before);
    expect(replica.processFacts()).toHaveLength(2);
    expect(Buffer.from(salt)).toEqual((await server.query(`SELECT salt FROM ${place.schema}.cluster`))[0]?.['salt']);

    const keyring = join(data, 'keyring.json');
    await run(['keyring', 'init', keyring]);
    // A copy, for a server goes on in it.
    const copy = join(data, 'served');
    cpSync(out, copy, { recursive: true });
    const served = serve('--profile', 'macronode', '--data', copy, '--keyring', keyring, '--ready-shards', '3');
    await served.logged('server.ready');
    served.child.kill('SIGTERM');
    expect((await served.finished).code).toBe(0);
    expect((await run(['journal', 'verify', '--data', copy])).code).toBe(0);

    const other = new PostgresPlace(server, false);
    const imported = await journal('import', other.schema, '--data', out);
    expect(imported).toMatchObject({ code: 0, out: `${other.schema}: 3 shards, 15 messages\n` });
    const next = await Owner.open(other.begun(), owner.nowMs);
    expect(next.journal.contents.processFacts).toEqual(replica.processFacts());
    expect(next.journal.contents.clocks?.serviceMs).toBeGreaterThanOrEqual(owner.nowMs);
    const started = await Owner.start(await reopened(other), owner.nowMs);
    expect(started.digests()).toEqual(before);
    const payload = new Uint8Array(9);
    const payloadHash = payloadHashOf(payload);
    const send = sendOf(++started.nowMs, 't9', 'new', { payload, payloadHash, hashChain: payloadHash });
    await started.durably([started.decide(0, send)]);
    const again = join(data, 'again');
    expect((await journal('export', other.schema, again)).code).toBe(0);
    expect(started.digests(found(again).replica.shards)).toEqual(started.digests());
    await other.end();
  });

  const reopened = async (other: PostgresPlace): Promise<PostgresPlace> => {
    await other.crash();
    return other;
  };

  it('refused, in one line: no engine named, a directory that is not empty, tables that are there, a cluster that is not', async () => {
    const owner = await Owner.start(place);
    await work(owner);
    const out = join(data, 'out');
    const call = (verb: string, schema: string, ...more: string[]): string[] => [
      ...['journal', verb, ...more, '--engine', server.urlOf(), '--cluster', schema, '--schema', schema],
    ];
    const ended = await runMany([
      ['journal', 'export', out],
      call('export', place.schema, out),
      call('export', place.schema, out),
      call('import', place.schema, '--data', out),
      call('export', 'elsewhere', join(data, 'other')),
      call('export', 'a"b', join(data, 'other')),
      call('import', 'elsewhere', '--data', join(data, 'none')),
      ['cluster', 'init', '--shards', '2', '--engine', server.urlOf(), '--schema', `${place.schema}_new`],
      ['cluster', 'accept-loss', '1', '--engine', server.urlOf(), '--schema', `${place.schema}_new`],
      ['cluster', 'init', '--shards', '0', '--engine', server.urlOf()],
    ]);
    expect(ended.map(({ code }) => code)).toEqual([2, 0, 2, 2, 2, 2, 2, 0, 0, 2]);
    expect(ended.slice(7, 9).map(({ out }) => out)).toEqual(['mailbox: 2 shards\n', 'log 1: nothing to accept\n']);
    const says = [
      ...[
        'MAILBOX_ENGINE',
        '',
        'is not empty',
        'has the tables of a cluster already',
        'no tables of a mailbox are there',
      ],
      ...['schema: 1 to 48', 'none', '', '', '--shards "0"'],
    ];
    for (const [i, { err }] of ended.entries()) {
      expect(err).toContain(says[i]);
      expect(err.trim().split('\n').length, err).toBeLessThan(3);
      expect(err).not.toContain('swordfish');
    }
  });

  it('an import that broke off: what is there is not whole, and it says how to be rid of it', async () => {
    const owner = await Owner.start(place);
    await work(owner);
    const out = join(data, 'out');
    expect((await journal('export', place.schema, out)).code).toBe(0);
    // The tables of the import take nothing of the second shard.
    await server.query(`CREATE FUNCTION narrow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF to_regclass('broken.frame') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'narrow') THEN
        ALTER TABLE broken.frame ADD CONSTRAINT narrow CHECK (shard < 1);
      END IF; END $$`);
    await server.query('CREATE EVENT TRIGGER narrow ON ddl_command_end EXECUTE FUNCTION narrow()');
    const { code, err } = await journal('import', 'broken', '--data', out);
    await server.query('DROP EVENT TRIGGER narrow');
    expect(code).not.toBe(0);
    expect(err).toMatch(/^import: broke off: .*narrow.*; begin again after DROP SCHEMA broken CASCADE$/m);
    await server.query('DROP SCHEMA broken CASCADE');
    expect((await journal('import', 'broken', '--data', out)).code).toBe(0);
  });
});
