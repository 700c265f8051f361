import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterServer, ClusterServers } from '../support/cluster-servers.ts';
import { NOTHING } from '../support/history.ts';
import { isPostgresHere, PASSWORD, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { Swarm } from '../support/swarm.ts';
import { until } from '../support/until.ts';

const SHARDS = 8;
/** Between two faults so many answers. */
const ANSWERS = 400;
const PATIENCE_MS = 120_000;

describe.skipIf(!isPostgresHere)('servers on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let cluster: ClusterServers;
  let a: ClusterServer;
  let b: ClusterServer;
  let c: ClusterServer;
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    standby = await folder.standbyOf(primary);
    const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`;
    cluster = new ClusterServers(url, ['a', 'b', 'c'], SHARDS);
    await cluster.create();
    [a, b, c] = cluster.nodes as [ClusterServer, ClusterServer, ClusterServer];
  });
  afterAll(async () => {
    await cluster?.end();
    folder?.end();
  });
  const timed = async (work: Promise<unknown>): Promise<number> => {
    const fromMs = performance.now();
    await work;
    return Math.round(performance.now() - fromMs);
  };

  it('processes are killed, stopped and ended, and the primary is lost, under load at all of them: nothing accepted is lost, nothing comes after its ack (AC1, AC3, R3)', async () => {
    for (const node of [a, b, c]) await node.start();
    await until(() => cluster.isSharedOut(), PATIENCE_MS);
    const swarm = new Swarm(cluster, 1);
    swarm.start(4, 4);
    await swarm.answers(ANSWERS);
    const times: Record<string, number> = {};

    await b.crash();
    times['killed'] = await timed(cluster.served([a, c]));
    await swarm.answers(ANSWERS);
    await b.start();
    await until(() => cluster.isSharedOut(), PATIENCE_MS);

    c.pause(true);
    times['stopped'] = await timed(cluster.served([a, b]));
    await swarm.answers(ANSWERS);
    c.pause(false);
    await swarm.answers(ANSWERS);
    await until(() => cluster.isSharedOut(), PATIENCE_MS);

    const ended = a.end();
    times['ended'] = await timed(cluster.served([b, c]));
    expect(await ended).toBe(0);
    await a.start();
    await swarm.answers(ANSWERS);

    await primary.kill();
    await standby.promote();
    times['failed over'] = await timed(cluster.served());
    await swarm.answers(ANSWERS);

    await swarm.drain();
    console.log('ms:', times, swarm.history.counts);
    expect(swarm.history.check()).toEqual(NOTHING);
    expect(swarm.history.counts.acked).toBeGreaterThan(ANSWERS);
  });
});
