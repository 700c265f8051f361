import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineMembers } from '../../sim/engine-members.ts';
import type {
  Company,
  Granted,
  Member,
  QuotaAsked,
  QuotaTaken,
  Renewed,
  RevocationPage,
} from '../../src/ports/engine.ts';
import { type PostgresEngine, upgradeCluster } from '../../src/postgres/engine.ts';
import { isPostgresHere } from '../support/postgres.ts';
import { Engines } from '../support/postgres-engines.ts';
import { until } from '../support/until.ts';

const memberOf = (name: string, process = 1): Member => ({
  ...{ name, owner: `${name}.${process}`, url: `http://${name}:1`, version: '1' },
});
const done = <Result>(ask: (end: (result: Result) => void) => void): Promise<Result> => new Promise(ask);

describe.skipIf(!isPostgresHere)('nodes on PostgreSQL (unavailable where it is missing)', () => {
  const engines = new Engines();
  let engine: PostgresEngine;
  beforeAll(() => engines.start());
  beforeEach(async () => {
    engine = await engines.anew();
  });
  afterEach(() => engines.close());
  afterAll(() => engines.folder.end());
  const join = (one: PostgresEngine, member: Member) => done((end) => one.members.join(member, end));
  const beat = (one: PostgresEngine, member: Member) => done((end) => one.members.beat(member, end));
  const claim = (one: PostgresEngine, shard: number, { owner }: Member) =>
    done((end) => one.leases.claim(shard, owner, end));

  it('each gets a log of its own, for good; all see who is there, and who has what', async () => {
    const other = await engines.open();
    const [a, b] = [memberOf('a'), memberOf('b')];
    expect([await join(engine, a), await join(other, b)]).toEqual([{ log: 4 }, { log: 5 }]);
    await claim(other, 2, b);
    const { members, holders } = (await beat(engine, a)) as Company;
    expect(members).toEqual([
      { ...a, quietMs: expect.any(Number), isConnected: true },
      { ...b, quietMs: expect.any(Number), isConnected: true },
    ]);
    expect(holders).toEqual([{ shard: 2, owner: b.owner, leftMs: expect.any(Number) }]);
    await done((end) => other.members.leave(b, end));
    expect(((await beat(engine, a)) as Company).members.map(({ name }) => name)).toEqual(['a']);
    expect(await join(other, memberOf('b', 2))).toEqual({ log: 5 });
  });

  it('a name is one process’s: another is refused while it is there; when that is gone its leases are ended and the name is free', async () => {
    const [first, second] = [memberOf('a', 1), memberOf('a', 2)];
    const other = await engines.open();
    expect(await join(engine, first)).toEqual({ log: 4 });
    expect(await join(other, second)).toEqual({ taken: 'another process has this name, at http://a:1' });
    expect(await claim(engine, 1, first)).toHaveProperty('engineMs');
    engine.close();
    await until(async () => 'log' in ((await join(other, second)) as object));
    expect(((await beat(other, second)) as Company).holders).toEqual([]);
    expect(((await claim(other, 1, second)) as Granted).engineMs).toBeGreaterThan(0);
    // The one before wakes.
    expect(await beat(await engines.open(), first)).toEqual({ taken: 'another process took this name' });
  });

  it('a process that ends has no connection at once; what it had is ended when somebody says so', async () => {
    const other = await engines.open({ leaseMs: 60_000 });
    const [a, b] = [memberOf('a'), memberOf('b')];
    await join(engine, a);
    await join(other, b);
    for (const shard of [0, 3]) await claim(other, shard, b);
    other.close();
    const company = async () => (await beat(engine, a)) as Company;
    await until(async () => (await company()).members.find(({ name }) => name === 'b')?.isConnected === false);
    let news = 0;
    engine.leases.watch(() => news++);
    expect((await company()).holders.length).toBe(2);
    expect(await done((end) => engine.leases.dismiss(b.owner, end))).toBe(null);
    expect((await company()).holders).toEqual([]);
    await until(() => news > 0);
  });

  it('quotas are taken in parts, as the model takes them; several nodes at once take no more than there is, and a window that is over begins anew (AU2)', async () => {
    const take = (one: PostgresEngine, asked: QuotaAsked) =>
      done<QuotaTaken | null>((end) => one.members.takeQuota(asked, end));
    const many = { windowMs: 3_600_000, max: 1_000 };
    const model = new EngineMembers({
      ...{ shards: 1, leaseMs: 1, nowMs: () => 0, holders: () => [], dismiss: () => {} },
    });
    let given = 0;
    for (const [need, wanted] of [
      [1, 1],
      [7, 7],
      [1, 300],
      [400, 400],
      [399, 900],
      [1, 1],
      [2, 5],
    ] as const) {
      const asked = { name: 'as the model', ...many, need, wanted };
      const { granted, rest, leftMs } = (await take(engine, asked)) as QuotaTaken;
      expect({ granted, rest }).toEqual((({ leftMs: _, ...both }) => both)(model.takeQuota(asked)));
      expect(leftMs).toBeGreaterThan(3_000_000);
      given += granted;
    }
    expect(given).toBeGreaterThan(900);

    const nodes = [engine, await engines.open(), await engines.open(), await engines.open()];
    const asked = { name: 'at once', windowMs: 3_600_000, max: 100, need: 1, wanted: 1 };
    const all = await Promise.all(Array.from({ length: 120 }, (_, i) => take(nodes[i % 4] as PostgresEngine, asked)));
    expect(all.reduce((sum, one) => sum + (one?.granted ?? 0), 0)).toBe(100);

    const short = { name: 'short', windowMs: 200, max: 5, need: 5, wanted: 5 };
    expect(await take(engine, short)).toMatchObject({ granted: 5, rest: 0 });
    await until(async () => (await take(engine, short))?.granted === 5);
    const rows = `SELECT count(*)::int AS count FROM ${engines.options.schema}.quota WHERE name = 'short'`;
    expect(await engines.primary.query(rows)).toEqual([{ count: 1 }]);
    await until(async () => {
      await take(engine, { ...asked, name: 'other' });
      return (await engines.primary.query(rows))[0]?.['count'] === 0;
    });
  });

  it('tables of the version before are made those of this one, once; others are not', async () => {
    const { schema } = engines.options;
    await engines.primary.query(`DROP TABLE ${schema}.quota`);
    await engines.primary.query(`UPDATE ${schema}.cluster SET version = version - 1`);
    expect(await engines.refusal({})).toMatch(
      /the tables are of version 2, and this program knows 3: mailbox cluster upgrade$/,
    );
    await expect(upgradeCluster({ ...engines.options, cluster: 'd' })).rejects.toThrow('those of cluster c, not of d');
    expect([await upgradeCluster(engines.options), await upgradeCluster(engines.options)]).toEqual([true, false]);
    const asked = { name: 'n', max: 8, windowMs: 1_000, need: 1, wanted: 1 };
    const one = await engines.open();
    expect(await done((end) => one.members.takeQuota(asked, end))).toMatchObject({ granted: 1, rest: 7 });
    await engines.primary.query(`UPDATE ${schema}.cluster SET version = 1`);
    await expect(upgradeCluster(engines.options)).rejects.toThrow(
      /the tables are of version 1, and this program knows 3$/,
    );
  });

  describe('while the standby is gone', () => {
    const nonce = { kind: 'nonce', value: 'n' } as const;
    afterEach(() => engines.standby.pause(false));
    const revoke = (one: PostgresEngine) => done<Error | null>((end) => one.members.revoke(nonce, end));
    const renew = (one: PostgresEngine, { owner }: Member) =>
      done<Renewed | Error>((end) => one.leases.renewAll(owner, [1], end));
    const seen = async (one: PostgresEngine) => {
      const page = (await done<RevocationPage | Error>((end) => one.members.revocations(0, end))) as RevocationPage;
      return page.revocations.map(({ kind, value }) => ({ kind, value }));
    };
    /** Those of revocations that the server has. */
    const durable = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'mailbox c durable'`;

    it('a revocation says in its deadline that it is not certain; leases go on, are given back and taken; it holds when the standby is back (AU3)', async () => {
      const slow = { leaseMs: 1_500, answersWithinMs: 4_000 };
      const [one, other] = [await engines.open(slow), await engines.open(slow)];
      const [a, b] = [memberOf('a'), memberOf('b')];
      await join(one, a);
      await join(other, b);
      await claim(one, 1, a);
      await claim(one, 2, a);
      engines.standby.pause(true);
      let told: Error | null | undefined;
      const ended = Promise.all([revoke(one), revoke(one)]).then(([error]) => {
        told = error;
      });
      await engines.primary.until(
        `SELECT count(*) > 0 AS yes FROM pg_stat_activity WHERE application_name LIKE 'mailbox c %' AND wait_event = 'SyncRep'`,
      );
      one.leases.release(2, a.owner);
      await until(async () => 'engineMs' in ((await claim(other, 2, b)) as object));
      let renewals = 0;
      for (; told === undefined; renewals++) {
        expect(await renew(one, a)).toMatchObject({ logs: [1] });
        expect(await beat(one, a)).toMatchObject({ revoked: 0 });
      }
      await ended;
      expect(renewals).toBeGreaterThan(1);
      expect(told?.message).toBe('PostgreSQL: no answer within 4000 ms');
      engines.standby.pause(false);
      await until(async () => ((await beat(other, b)) as Company).revoked === 1);
      expect(await seen(other)).toEqual([nonce]);
    });

    it('one that is tried again and again leaves no more connections than two behind', async () => {
      const one = await engines.open({ answersWithinMs: 500 });
      engines.standby.pause(true);
      for (let i = 0; i < 5; i++) expect(await revoke(one)).toBeInstanceOf(Error);
      const before = await engines.primary.query(durable);
      await until(async () => Number((await engines.primary.query(durable))[0]?.['count']) <= 2);
      expect(before[0]?.['count']).toBeGreaterThan(1);
    });

    it('one that can be seen, but was not answered, is not certain for that: a second one waits, too (AU3)', async () => {
      const one = await engines.open({ answersWithinMs: 1_000 });
      engines.standby.pause(true);
      const first = revoke(one);
      const waits = `FROM pg_stat_activity WHERE application_name LIKE 'mailbox c %' AND wait_event = 'SyncRep'`;
      await engines.primary.until(`SELECT count(*) > 0 AS yes ${waits}`);
      // It is answered then, with a warning, and can be seen.
      await engines.primary.query(`SELECT pg_cancel_backend(pid) ${waits}`);
      expect((await first)?.message).toMatch(/it warns: canceling wait for synchronous replication/);
      await until(async () => (await seen(one)).length === 1);
      expect((await revoke(one))?.message).toBe('PostgreSQL: no answer within 1000 ms');
      engines.standby.pause(false);
      expect(await revoke(one)).toBe(null);
      expect(await seen(one)).toEqual([nonce]);
    });
  });
});
