import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { ClusterServers } from '../support/cluster-servers.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';

describe.skipIf(!isPostgresHere)('servers on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let cluster: ClusterServers;
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    await folder.standbyOf(primary);
    cluster = new ClusterServers(primary.urlOf(), ['a', 'b', 'c'], 8);
    await cluster.create();
  });
  afterAll(async () => {
    await cluster?.end();
    folder?.end();
  });

  it('smoke', async () => {
    const [a, b] = cluster.nodes;
    await a!.start();
    await cluster.served([a!]);
    const { token } = cluster.cap('topic prefix t', 'op = send,recv,ack,nack,stats');
    await b!.start();
    for (let i = 0; i < 10; i++) {
      const topic = `t${i}`;
      const sent = await b!.caller!.post('/v1/send', token, { topic, idem_key: 'k', payload_b64: 'AA==' });
      expect(sent.status).toBe(200);
      const got = await b!.caller!.post('/v1/recv', token, { topic });
      expect([got.status, got.body.messages.length]).toEqual([200, 1]);
      const { msg_id, receipt } = got.body.messages[0];
      const acked = await b!.caller!.post(`/v1/ack/${msg_id}`, token, { receipt });
      expect(acked.status).toBe(200);
    }
    console.log(
      (await b!.metrics())
        .split('\n')
        .filter((l) => /proxied/.test(l))
        .join('\n'),
    );
    console.log(
      (await a!.metrics())
        .split('\n')
        .filter((l) => /proxied/.test(l))
        .join('\n'),
    );
  });
});
