import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REJECTED_REASONS } from '../../src/observe/metric-table.ts';
import { TestServer } from '../support/server.ts';

/** All series of a scrape by name with labels. */
async function scrape(server: TestServer): Promise<Map<string, number>> {
  const series = new Map<string, number>();
  for (const line of (await server.metrics()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    series.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return series;
}

describe('metrics', () => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    server = await TestServer.start({
      ready_shards: '1',
      shard_capacity: '3',
      max_attempts: '1',
      topic_classes: 't.orders,t.mail',
    });
    admin = server.cap('topic = t.orders', 'op = admin');
  });
  afterAll(() => server.stop());

  const recv = async (topic: string) =>
    (await server.post('/v1/recv', { topic, max_messages: 1, visibility_ms: 600_000 })).body.messages[0];

  /** Does something and says by how much each of these series moved. */
  async function moves(names: readonly string[], act: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await scrape(server);
    await act();
    const after = await scrape(server);
    return Object.fromEntries(names.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]));
  }

  it('what a message goes through moves its counters, gauges and histograms (O1)', async () => {
    const sending = [
      'enqueued_total',
      'http_requests_total{route="/v1/send",method="POST",status="200"}',
      'request_latency_seconds_count',
      'enqueue_latency_seconds_count',
      'journal_append_latency_seconds_count',
      'queue_depth{queue="queued",shard="0"}',
      'cap_cache_size',
    ];
    expect(await moves(sending, () => server.send('t.orders.1', 'k1'))).toEqual(
      Object.fromEntries(sending.map((name) => [name, 1])),
    );
    expect((await scrape(server)).get('saturation{queue="shard",shard="0"}')).toBeCloseTo(1 / 3);
    expect((await scrape(server)).get('oldest_ready_message_age_seconds')).toBeGreaterThanOrEqual(0);

    let message: { msg_id: string; receipt: string } | undefined;
    const leasing = [
      'delivered_total',
      'delivery_attempts_count',
      'dequeue_latency_seconds_count',
      'inflight{shard="0"}',
      'queue_depth{queue="leased",shard="0"}',
    ];
    const leased = await moves(leasing, async () => {
      message = await recv('t.orders.1');
    });
    expect(leased).toEqual(Object.fromEntries(leasing.map((name) => [name, 1])));

    const acking = ['ack_commit_latency_seconds_count', 'inflight{shard="0"}'];
    const acked = await moves(acking, () => server.post(`/v1/ack/${message!.msg_id}`, { receipt: message!.receipt }));
    expect(acked).toEqual({ ack_commit_latency_seconds_count: 1, 'inflight{shard="0"}': -1 });
  });

  it('dead letters are counted by class and reason; reprocess, redelivery and purge by class (O1, T6)', async () => {
    const kill = async (key: string) => {
      await server.send('t.orders', key);
      const { msg_id, receipt } = await recv('t.orders');
      await server.post(`/v1/nack/${msg_id}`, { receipt });
    };
    const dead = 'dlq_total{topic_class="t.orders",reason="max_attempts"}';
    const depth = 'queue_depth{queue="dead",shard="0"}';
    expect(await moves([dead, depth], () => kill('d1'))).toEqual({ [dead]: 1, [depth]: 1 });
    const back = 'dlq_reprocess_total{topic_class="t.orders"}';
    const again = async () => {
      await server.post('/v1/dlq/reprocess', { topic: 't.orders' }, { cap: admin });
      const { msg_id, receipt } = await recv('t.orders');
      await server.post(`/v1/nack/${msg_id}`, { receipt, dead_letter: true });
    };
    expect(await moves([back, 'redelivered_total'], again)).toEqual({ [back]: 1, redelivered_total: 1 });
    const purged = 'dlq_purged_total{topic_class="t.orders",reason="admin"}';
    const purge = () => server.post('/v1/dlq/purge', { topic: 't.orders', older_than_ms: 0 }, { cap: admin });
    expect(await moves([purged, depth], purge)).toEqual({ [purged]: 1, [depth]: -1 });
  });

  it('a lease that runs out is counted (O1)', async () => {
    await server.send('t.mail', 'v1');
    const before = await server.metric('visibility_timeout_total');
    await server.post('/v1/recv', { topic: 't.mail', max_messages: 1, visibility_ms: 1000 });
    await expect.poll(() => server.metric('visibility_timeout_total'), { timeout: 5_000 }).toBe(before + 1);
  });

  it('every refusal is counted by its reason, and every reason there is (O1)', async () => {
    const zipped = gzipSync(JSON.stringify({ topic: 't', idem_key: 'k', payload_b64: 'A'.repeat(400_000) }));
    const gzip = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const refusals: [string, () => Promise<unknown>][] = [
      ['rejected_total{reason="unauth"}', () => server.post('/v1/recv', { topic: 't' }, { cap: 'no-macaroon' })],
      ['auth_failures_total{scope="ack"}', () => server.post('/v1/ack/x'.padEnd(34, '0'), {}, { cap: null })],
      ['rejected_total{reason="schema"}', () => server.send('t', 'k', { colour: 'red' })],
      ['rejected_total{reason="oversize"}', () => server.send('t', 'k', { payload_b64: 'A'.repeat(1_100_000) })],
      ['rejected_total{reason="ratio_cap"}', () => server.postBytes('/v1/send', zipped, gzip)],
      ['rejected_total{reason="integrity"}', () => server.send('t', 'k', { payload_hash: `b3:${'0'.repeat(64)}` })],
      ['integrity_fail_total{reason="send"}', () => server.send('t', 'k', { payload_hash: `b3:${'0'.repeat(64)}` })],
    ];
    for (const [name, act] of refusals) expect(await moves([name], act)).toEqual({ [name]: 1 });
    // Saturation has a test of its own, below.
    const asked = refusals.flatMap(([name]) => /^rejected_total.reason="(\w+)"/.exec(name)?.[1] ?? []);
    expect([...asked, 'saturated'].sort()).toEqual([...REJECTED_REASONS].sort());
  });

  it('a full shard is counted as saturation and as a busy endpoint (O1, D5)', async () => {
    for (let i = 0; i < 3; i++) await server.send('t.full', `k${i}`);
    const names = ['rejected_total{reason="saturated"}', 'busy_rejections_total{endpoint="/v1/send"}'];
    expect(await moves(names, () => server.send('t.full', 'one-too-many'))).toEqual({ [names[0]!]: 1, [names[1]!]: 1 });
    expect((await scrape(server)).get('saturation{queue="shard",shard="0"}')).toBe(1);
  });

  it('what /readyz names is a series, as is what the process takes of the machine (O1, O4)', async () => {
    const fresh = await TestServer.start({ ready_shards: '1', shard_capacity: '1', max_connections: '77' });
    const missing = async () =>
      [...(await scrape(fresh))].flatMap(([name, value]) => (/^not_ready/.test(name) && value > 0 ? [name] : []));
    expect(await missing()).toEqual([]);
    await fresh.send('t', 'k');
    expect((await fresh.ask('GET', '/readyz')).body.missing).toEqual(['shard_capacity']);
    expect(await missing()).toEqual(['not_ready{missing="shard_capacity"}']);
    const series = await scrape(fresh);
    const of = (name: string): number => series.get(name) as number;
    expect(of('process_open_fds')).toBeGreaterThan(5);
    expect(of('process_max_fds')).toBeGreaterThan(of('process_open_fds'));
    expect(of('process_resident_memory_bytes')).toBeGreaterThan(10e6);
    expect(Math.abs(of('process_start_time_seconds') - (Date.now() / 1000 - process.uptime()))).toBeLessThan(5);
    expect(of('connections_max')).toBe(77);
    await fresh.stop();
  });

  it('no label carries a topic, id or key, and their number does not grow with them (I4)', async () => {
    const before = (await scrape(server)).size;
    for (let i = 0; i < 50; i++) await server.send(`t.many.${i}`, `key-${i}`);
    const text = await server.metrics();
    expect((await scrape(server)).size).toBeLessThanOrEqual(before + 3);
    expect(text).not.toMatch(/t\.many|key-\d|t\.full/);
  });

  it('capabilities: cache, purges, revocations and the age of the key are seen; the state too (O1, K5, K6)', async () => {
    const fresh = await TestServer.start({ auth_failure_burst: '1000' });
    const series = await scrape(fresh);
    expect(series.get('root_key_age_seconds')).toBeLessThan(60);
    expect([series.get('server_state{state="ready"}'), series.get('server_state{state="draining"}')]).toEqual([1, 0]);
    await fresh.send('t', 'k');
    const revoker = fresh.cap('topic = mailbox.admin', 'op = admin');
    await fresh.post('/v1/admin/revoke', { key_id: 'k9', reason: '' }, { cap: revoker });
    for (let i = 0; i < 220; i++)
      await fresh.ask('GET', '/v1/stats?topic=t', undefined, { cap: `junk-${i}` }).catch(() => {});
    const after = await scrape(fresh);
    expect([after.get('revocations'), after.get('cap_cache_purges'), after.get('cap_cache_size')]).toEqual([1, 1, 0]);
    expect(after.get('cap_cache_evictions')).toBe(2);
    await fresh.stop();
  });
});
