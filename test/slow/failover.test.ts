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

describe.skipIf(!isPostgresHere)('servers on PostgreSQL that fail over (unavailable where it is missing)', () => {
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
    for (const node of [a, b, c]) await node.start();
    await until(() => cluster.isSharedOut(), PATIENCE_MS);
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

  it('the primary is lost under load and its standby promoted: all shards are served again, nothing accepted is lost (AC1, AC3, R3)', async () => {
    const swarm = new Swarm(cluster, 1);
    swarm.start(4, 4);
    await swarm.answers(ANSWERS);
    await primary.kill();
    await standby.promote();
    const failedOverMs = await timed(cluster.served());
    await swarm.answers(ANSWERS);
    await swarm.drain();
    console.log('ms:', failedOverMs, swarm.history.counts);
    expect(swarm.history.check()).toEqual(NOTHING);
  });
});
