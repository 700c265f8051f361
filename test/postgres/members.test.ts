import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Company, Granted, Member } from '../../src/ports/engine.ts';
import type { PostgresEngine } from '../../src/postgres/engine.ts';
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
});
