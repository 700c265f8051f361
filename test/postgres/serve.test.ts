import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailboxClient } from '../../src/client/client.ts';
import { blake3 } from '../../src/integrity/blake3.ts';
import { topicKeyOf } from '../../src/journal/frame.ts';
import { METRICS } from '../../src/observe/metric-table.ts';
import { keyedSharding } from '../../src/service/sharding.ts';
import { type ClusterServer, ClusterServers } from '../support/cluster-servers.ts';
import { unitsBody, unitsIn } from '../support/frames.ts';
import { NOTHING } from '../support/history.ts';
import { dashboard } from '../support/operations.ts';
import { isPostgresHere, PASSWORD, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { Swarm } from '../support/swarm.ts';
import type { Caller } from '../support/traffic.ts';
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
    const [row] = await primary.query('SELECT salt FROM mailbox.cluster');
    sharding = keyedSharding(topicKeyOf({ salt: row?.['salt'] as Uint8Array, hash: blake3 }));
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

  let sharding: ReturnType<typeof keyedSharding>;
  /** A topic that this node serves. */
  const topicOf = async (node: ClusterServer): Promise<string> => {
    const shards = await node.shards();
    for (let i = 0; ; i++) if (shards.includes(sharding(`r${i}`, SHARDS))) return `r${i}`;
  };
  const all = ['topic prefix r', 'op = send,recv,ack,nack,extend,stats'];
  const callerOf = (node: ClusterServer): Caller => node.caller as Caller;
  const message = (topic: string, key: string) => ({ topic, idem_key: key, payload_b64: 'aGVsbG8=' });

  it('any node takes any request: sent, received, looked at and settled where another one has the shard, once (B13)', async () => {
    const { token } = cluster.cap(...all);
    const topic = await topicOf(b);
    const sent = await callerOf(a).post('/v1/send', token, message(topic, 'k'));
    const again = await callerOf(c).post('/v1/send', token, message(topic, 'k'));
    expect([sent.status, again.status, again.body.msg_id]).toEqual([200, 409, sent.body.msg_id]);
    const { msg_id } = sent.body;
    const viewer = cluster.cap('topic prefix r', 'op = view').token;
    const shown = await callerOf(c).ask('GET', `/v1/messages/${msg_id}?include=payload`, viewer);
    expect([shown.status, shown.body.message.payload_b64]).toEqual([200, 'aGVsbG8=']);
    const got = await callerOf(a).post('/v1/recv', token, { topic, wait_ms: 1_000 });
    const [{ receipt }] = got.body.messages;
    expect((await callerOf(c).post(`/v1/extend/${msg_id}`, token, { receipt, visibility_ms: 20_000 })).status).toBe(
      200,
    );
    expect((await callerOf(c).ask('GET', `/v1/stats?topic=${topic}`, token)).body).toMatchObject({ leased: 1 });
    expect((await callerOf(c).post(`/v1/ack/${msg_id}`, token, { receipt })).body).toEqual({ ok: true });
    // Refusals of the owner come as they are.
    const refused = await callerOf(a).post(`/v1/ack/${msg_id}`, token, { receipt: 'another' });
    expect([refused.status, refused.body.code]).toEqual([409, 'E_LEASE_LOST']);
    expect(
      (await callerOf(a).post('/v1/send', cluster.cap('topic = x', 'op = send').token, message(topic, 'l'))).status,
    ).toBe(403);
  });

  it('a client that was given the nodes learns which of them has its topic, and spares the hop (B13)', async () => {
    const [topic, urls] = [await topicOf(b), await Promise.all([a, b, c].map((node) => node.url()))];
    const client = new MailboxClient({ url: urls, capability: cluster.cap(...all).token });
    const hops = async (): Promise<number> => {
      const counts = (await a.metrics()).matchAll(/^proxied_total\{[^}]*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await hops();
    for (let i = 0; i < 4; i++) await client.send(message(topic, `learned${i}`));
    expect((await hops()) - before).toBe(1);
    const { messages } = await client.recv({ topic, max_messages: 100 });
    for (const { msg_id, receipt } of messages) await client.ack(msg_id, receipt);
    expect((await hops()) - before).toBeLessThanOrEqual(2);
  });

  it('a request that came by a hop goes no further; a capability is charged once (AU2)', async () => {
    const topic = await topicOf(b);
    const hop = await fetch(`${await a.url()}/v1/stats?topic=${topic}`, {
      headers: { authorization: `Bearer ${cluster.cap(...all).token}`, 'x-mailbox-hop': '1' },
    });
    expect([hop.status, await hop.json()]).toEqual([503, expect.objectContaining({ reason: 'not_owner' })]);
    const few = cluster.cap(...all, 'quota_ops = 4/3600').token;
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++)
      statuses.push((await callerOf(a).post('/v1/send', few, message(topic, `q${i}`))).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
  });

  it('frames go on as they are, with the capability that they bring; those of several nodes are refused where they are not', async () => {
    const { token } = cluster.cap(...all);
    const [here, there] = [await topicOf(a), await topicOf(b)];
    const send = async (topics: readonly string[], key: string) => {
      const body = unitsBody(
        topics.map((topic, i) => ({
          ...{ capability: token, json: { topic, idem_key: `${key}${i}` }, payload: Buffer.from('hello') },
        })),
      );
      const headers = { 'content-type': 'application/oap1' };
      const answer = await fetch(`${await a.url()}/v1/send`, { method: 'POST', headers, body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(answer.headers.get('content-type')).toBe('application/oap1');
      return { status: answer.status, units: unitsIn(bytes) };
    };
    const one = await send([there], 'f');
    expect([one.status, one.units[0]?.json]).toEqual([200, expect.objectContaining({ duplicate: false })]);
    const mixed = await send([here, there], 'g');
    expect(mixed.units.map(({ json }) => json.reason ?? json.duplicate)).toEqual([false, 'not_owner']);
  });

  it('topics are those of all nodes, page by page, by name; a redrive is followed and ended at any of them (B13, DL5)', async () => {
    const { token } = cluster.cap(...all);
    const topics = [await topicOf(a), await topicOf(b), await topicOf(c)];
    for (const topic of topics) await callerOf(a).post('/v1/send', token, message(topic, 'listed'));
    const viewer = cluster.cap('topic prefix r', 'op = view').token;
    const names: string[] = [];
    for (let query = ''; ; ) {
      const { status, body } = await callerOf(c).ask('GET', `/v1/topics?prefix=r&limit=2${query}`, viewer);
      expect([status, body.down_shards]).toEqual([200, undefined]);
      names.push(...body.topics.map(({ topic }: { topic: string }) => topic));
      if (body.next === null) break;
      query = `&cursor=${body.next}`;
    }
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toEqual(expect.arrayContaining(topics));
    const topic = topics[1] as string;
    const admin = cluster.cap(`topic = ${topic}`, 'op = admin').token;
    const begun = await callerOf(a).post('/v1/dlq/redrives', admin, { topic, rate_per_s: 1 });
    expect(begun.status).toBe(200);
    for (const node of [a, b, c]) {
      const told = await callerOf(node).ask('GET', `/v1/dlq/redrives/${begun.body.id}`, admin);
      expect([told.status, told.body.topic]).toEqual([200, topic]);
    }
    expect((await callerOf(c).ask('DELETE', `/v1/dlq/redrives/${begun.body.id}`, admin)).status).toBe(200);
  });

  it('each node says which node has the shards that it has not (B13)', async () => {
    const viewer = cluster.cap('topic prefix r', 'op = view').token;
    const owned = new Map<string, number[]>();
    for (const node of [a, b, c]) owned.set(node.name, await node.shards());
    for (const asked of [a, b, c]) {
      const told = async (): Promise<Record<string, number[]>> => {
        const { body } = await callerOf(asked).ask('GET', '/v1/node', viewer);
        const by: Record<string, number[]> = {};
        for (const { shard, state, node = state === 'serving' ? asked.name : 'unknown' } of body.shards)
          by[node] = [...(by[node] ?? []), shard];
        return by;
      };
      await expect.poll(told, { timeout: 5_000 }).toEqual(Object.fromEntries(owned));
    }
  });

  it('a batch whose items are for several nodes is split, and answered in its order', async () => {
    const { token } = cluster.cap(...all);
    const topics = [await topicOf(a), await topicOf(b), await topicOf(c), await topicOf(b)];
    const messages = [...topics.map((topic, i) => message(topic, `batch${i}`)), { topic: 'r', none: 'such' }];
    const sent = await callerOf(a).post('/v1/send/batch', token, { messages });
    expect(sent.status).toBe(200);
    const { results } = sent.body;
    expect(results.map(({ code }: { code?: string }) => code)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'E_SCHEMA',
    ]);
    const leases: { msg_id: string; receipt: string }[] = [];
    for (const topic of new Set(topics)) {
      const { body } = await callerOf(c).post('/v1/recv', token, { topic, max_messages: 10 });
      for (const { msg_id, receipt, idem_key } of body.messages)
        if (results[Number(idem_key.slice(-1))]?.msg_id === msg_id && idem_key.startsWith('batch'))
          leases.push({ msg_id, receipt });
    }
    expect(leases.length).toBe(4);
    const acks = [...leases, { ...(leases[0] as object), receipt: 'another' }];
    const acked = await callerOf(b).post('/v1/ack/batch', token, { acks });
    expect(acked.body.results.map(({ msg_id }: { msg_id: string }) => msg_id)).toEqual(
      acks.map((ack) => (ack as { msg_id: string }).msg_id),
    );
    expect(acked.body.results.map(({ code = 'ok' }: { code?: string }) => code)).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'E_LEASE_LOST',
    ]);
  });

  it('streams and long polls of another node are told as they come; who leaves gives back what was leased (LE7)', async () => {
    const { token } = cluster.cap(...all);
    const topic = await topicOf(c);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const leaving = new AbortController();
    const stream = await fetch(`${await a.url()}/v1/recv/stream`, {
      ...{ method: 'POST', headers, body: JSON.stringify({ topic, credit: 4 }), signal: leaving.signal },
    });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    await callerOf(b).post('/v1/send', token, message(topic, 'streamed'));
    const { value } = await reader.read();
    const streamed = JSON.parse(new TextDecoder().decode(value));
    expect(streamed).toMatchObject({ idem_key: 'streamed' });
    const { msg_id, receipt } = streamed;
    expect((await callerOf(b).post(`/v1/ack/${msg_id}`, token, { receipt })).status).toBe(200);
    leaving.abort();
    const isOpen = async (): Promise<boolean> => /^streams [1-9]/m.test(await c.metrics());
    await until(async () => !(await isOpen()));

    const waiting = new AbortController();
    const poll = fetch(`${await a.url()}/v1/recv`, {
      ...{ method: 'POST', headers, body: JSON.stringify({ topic, wait_ms: 20_000 }), signal: waiting.signal },
    }).catch(() => null);
    const polls = async (): Promise<boolean> => /^long_polls 1$/m.test(await c.metrics());
    await until(polls);
    waiting.abort();
    await poll;
    await until(async () => !(await polls()));
    const taken = callerOf(b).post('/v1/recv', token, { topic, wait_ms: 20_000 });
    await until(polls);
    await callerOf(a).post('/v1/send', token, message(topic, 'polled'));
    expect((await taken).body.messages.map(({ idem_key }: { idem_key: string }) => idem_key)).toEqual(['polled']);
    expect(await a.metrics()).toMatch(/^proxied_total\{result="gone"\} [1-9]/m);
  });

  it('what is revoked at one node is at the others, and at one that starts later (AU3, S3)', async () => {
    const { token, nonce } = cluster.cap(...all);
    const topic = await topicOf(b);
    const stats = async (node: ClusterServer): Promise<number> =>
      (await callerOf(node).ask('GET', `/v1/stats?topic=${topic}`, token)).status;
    expect([await stats(a), await stats(b), await stats(c)]).toEqual([200, 200, 200]);
    const admin = cluster.cap('topic = mailbox.admin', 'op = admin').token;
    expect((await callerOf(a).post('/v1/admin/revoke', admin, { nonce, reason: 'lost' })).status).toBe(200);
    for (const node of [a, b, c]) await until(async () => (await stats(node)) === 401, 5_000);
    await c.crash();
    await c.start();
    expect(await stats(c)).toBe(401);
    await until(() => cluster.isSharedOut(), PATIENCE_MS);
  });

  it('while the standby is gone, what is revoked is answered with “it may not hold”, and does at that node; it holds at all when the standby is back (AU3)', async () => {
    const { token, nonce } = cluster.cap(...all);
    const topic = await topicOf(b);
    const admin = cluster.cap('topic = mailbox.admin', 'op = admin').token;
    const stats = async (node: ClusterServer): Promise<number> =>
      (await callerOf(node).ask('GET', `/v1/stats?topic=${topic}`, token)).status;
    expect([await stats(a), await stats(b), await stats(c)]).toEqual([200, 200, 200]);
    standby.pause(true);
    try {
      const { status, body } = await callerOf(a).post('/v1/admin/revoke', admin, { nonce, reason: 'lost' });
      expect([status, body.reason, await stats(a)]).toEqual([503, 'journal', 401]);
    } finally {
      standby.pause(false);
    }
    for (const node of [a, b, c]) await until(async () => (await stats(node)) === 401, 30_000);
    // A shard whose append waited for too long was given up, and is had again.
    await until(() => cluster.isSharedOut(), PATIENCE_MS);
    expect((await callerOf(a).post('/v1/admin/revoke', admin, { nonce, reason: 'lost' })).status).toBe(200);
  });

  it('a quota over topics of several nodes holds over all of them, also for a batch; looks and revocations are charged, and not refused the first time (AU2)', async () => {
    const topics = await Promise.all([a, b, c].map(topicOf));
    const few = cluster.cap(...all, 'quota_ops = 20/3600').token;
    const asks = Array.from({ length: 45 }, (_, i) =>
      callerOf([a, b, c][i % 3] as ClusterServer).post('/v1/send', few, message(topics[i % 3] as string, `over${i}`)),
    );
    const counts = new Map<number, number>();
    for (const { status } of await Promise.all(asks)) counts.set(status, (counts.get(status) ?? 0) + 1);
    expect([...counts].sort()).toEqual([
      [200, 20],
      [429, 25],
    ]);
    const batched = cluster.cap(...all, 'quota_ops = 9/3600', 'quota_bytes = 1000/3600').token;
    const messages = Array.from({ length: 12 }, (_, i) => message(topics[i % 3] as string, `batched${i}`));
    const { body } = await callerOf(a).post('/v1/send/batch', batched, { messages });
    const sent = body.results.filter(({ code }: { code?: string }) => code === undefined).length;
    expect(sent).toBeGreaterThan(3);
    expect(sent).toBeLessThanOrEqual(9);

    const look = cluster.cap(...all, 'quota_ops = 2/3600').token;
    const statuses: number[] = [];
    for (const node of [a, b, c]) statuses.push((await callerOf(node).ask('GET', '/v1/node', look)).status);
    const { nonce } = cluster.cap(...all);
    const end = cluster.cap('topic = mailbox.admin', 'op = admin', 'quota_ops = 2/3600').token;
    for (const node of [a, b, c]) {
      const { status } = await callerOf(node).post('/v1/admin/revoke', end, { nonce, reason: 'charged' });
      statuses.push(status);
    }
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429]);
  });

  it('metrics say who has what, and what became of it (O1)', async () => {
    const text = await a.metrics();
    for (const [name, row] of Object.entries(METRICS))
      if ('withEngine' in row) expect(text).toContain(`# TYPE ${name} `);
    expect(text).toMatch(/^engine_append_total\{outcome="durable"\} [1-9]/m);
    // What the dashboard's part of the cluster asks for is there, label for label.
    const { panels } = dashboard();
    const shown = panels
      .slice(panels.findIndex(({ title }) => title.startsWith('Cluster')))
      .flatMap(({ targets = [] }) => targets);
    expect(shown.length).toBeGreaterThan(5);
    for (const { expr } of shown) {
      const name = Object.keys(METRICS).find((one) => expr.includes(one)) as string;
      expect(text, expr).toMatch(new RegExp(`^${name}(_bucket)?(\\{| )`, 'm'));
      const [, by = ''] = /by \(([^)]*)\)/.exec(expr) ?? [];
      for (const label of by.split(', ').filter((one) => one !== '' && one !== 'instance'))
        expect(text, expr).toMatch(new RegExp(`^${name}(_bucket)?\\{.*\\b${label}="`, 'm'));
    }
    expect(text).toMatch(/^lease_left_seconds [1-9]/m);
    expect(text).toMatch(/^ownership_changes_total\{reason="taken"\} [1-9]/m);
  });

  it('processes are killed, stopped and ended under load at all of them: nothing accepted is lost, nothing comes after its ack (AC1, AC3, R3)', async () => {
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

    await swarm.drain();
    console.log('ms:', times, swarm.history.counts);
    // What is promised is less: machines that are shared may be slow.
    expect(times['killed']).toBeLessThan(12_000);
    expect(times['stopped']).toBeLessThan(40_000);
    expect(times['ended']).toBeLessThan(6_000);
    expect(swarm.history.check()).toEqual(NOTHING);
    expect(swarm.history.counts.acked).toBeGreaterThan(ANSWERS);
  });

  it('the primary is lost under load and its standby promoted, and then a node: all shards are served again; sends wait for a standby, the rest does not (AC1, AC3, R3)', async () => {
    const swarm = new Swarm(cluster, 2);
    swarm.start(4, 4);
    await swarm.answers(ANSWERS);
    await primary.kill();
    await standby.promote();
    const times: Record<string, number> = { failedOver: await timed(cluster.served()) };

    // Nobody else has its shards, and nothing stands by for what is promoted.
    await b.crash();
    times['killed'] = await timed(cluster.served([a, c]));
    const { token } = cluster.cap(...all);
    const reasons = async (node: ClusterServer): Promise<unknown[]> => {
      const send = async (topic: string): Promise<unknown> =>
        (await callerOf(node).post('/v1/send', token, message(topic, 'waits'))).body.reason;
      return [await send(await topicOf(a)), await send(await topicOf(c))];
    };
    for (const node of [a, c])
      await expect.poll(() => reasons(node), { timeout: PATIENCE_MS }).toEqual(['degraded_writes', 'degraded_writes']);
    const acked = swarm.history.counts.acked;
    await swarm.answers(ANSWERS);
    const ready = async (): Promise<unknown> => (await fetch(`${await a.url()}/readyz`)).json();
    expect(await ready()).toMatchObject({ ready: false, missing: ['engine_unreplicated'] });
    const refused = cluster.begin('--node-name', 'b');
    expect([(await refused.finished).code, (await refused.finished).err]).toEqual([
      1,
      expect.stringMatching(/the engine has no standby: .*engine_require_replica = false/),
    ]);

    await folder.standbyOf(standby);
    for (const node of [a, c])
      await expect.poll(() => reasons(node), { timeout: PATIENCE_MS }).toEqual([undefined, undefined]);
    await b.start();
    await swarm.answers(ANSWERS);
    await until(() => cluster.isSharedOut(), PATIENCE_MS);
    await swarm.drain();
    console.log('ms:', times, swarm.history.counts);
    expect(swarm.history.check()).toEqual(NOTHING);
    expect(swarm.history.counts.acked).toBeGreaterThan(acked);
  });
});
