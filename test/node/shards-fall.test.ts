import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { shardOf } from '../../src/core/msg-id.ts';
import { ShardState } from '../../src/core/state.ts';
import { LiveIndex } from '../../src/service/live-index.ts';
import { TestServer, until } from '../support/server.ts';

const SHARDS = 4;
/** Topics of shard 1 and of shard 2: where a topic lives shows in its ids only, the hash is keyed. */
let BAD: string;
let GOOD: string;
const LARGE = Buffer.alloc(100_000, 'large').toString('base64');

let folder: string;
let server: TestServer;
/** So many sends to shard 1 throw. */
let faults = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shards-'));
  faults = 0;
  const { nextSlot } = ShardState.prototype;
  vi.spyOn(ShardState.prototype, 'nextSlot').mockImplementation(function (this: ShardState) {
    if (this.shard === 1 && faults > 0) {
      faults--;
      throw new Error('secret words of a bug');
    }
    return nextSlot.call(this);
  });
});
afterEach(async () => {
  await server.stop();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const start = async (profile: string): Promise<void> => {
  const data = join(folder, 'data');
  server = await TestServer.start({ profile, data, ready_shards: String(SHARDS), segment_size: '8MiB' });
  BAD = await topicIn(1);
  GOOD = await topicIn(2);
};
/** Sends to one topic after another, and takes what it sent out again. */
async function topicIn(shard: number): Promise<string> {
  for (let i = 0; ; i++) {
    const topic = `t${shard}-${i}`;
    const { msg_id } = (await server.send(topic, `probe-${shard}`)).body;
    const [{ receipt }] = await recv(topic);
    await ack(msg_id, receipt);
    if (shardOf(msg_id) === shard) return topic;
  }
}
const lines = (event: string) => server.lines.filter((line) => line['event'] === event);
const ready = async () => (await server.ask('GET', '/readyz', undefined, { cap: null })).body;
const recv = async (topic: string, max_messages = 32) =>
  (await server.post('/v1/recv', { topic, max_messages, visibility_ms: 60_000 })).body.messages;
const ack = (msgId: string, receipt: string) => server.post(`/v1/ack/${msgId}`, { receipt });

describe.each(['macronode', 'micronode'])('a shard that throws, %s', (profile) => {
  it('is made anew with all that was answered, while the others serve (V4, AC1, RT4, O4)', async () => {
    await start(profile);
    const sent: string[] = [];
    for (let i = 0; i < 40; i++) sent.push((await server.send(BAD, `k${i}`)).body.msg_id);
    sent.push((await server.send(BAD, 'large', { payload_b64: LARGE })).body.msg_id);
    const held = await recv(BAD, 10);
    for (const { msg_id, receipt } of held.slice(0, 5)) await ack(msg_id, receipt);

    faults = 1;
    expect(await server.send(BAD, 'poison')).toMatchObject({ status: 500, body: { code: 'E_INTERNAL' } });
    expect((await server.send(GOOD, 'k')).status).toBe(200);
    await until(() => lines('shard.restarted').length === 1);
    await until(async () => (await ready()).ready);

    expect(lines('server.state').map(({ missing }) => missing)).toContainEqual(['shard_1']);
    expect(await server.send(BAD, 'k1')).toMatchObject({ status: 409, body: { code: 'E_DUPLICATE', msg_id: sent[1] } });
    expect((await ack(held[0].msg_id, held[0].receipt)).status).toBe(200);
    expect((await ack(held[5].msg_id, held[5].receipt)).status).toBe(200);
    const rest = await recv(BAD, 256);
    expect(rest.map((m: { msg_id: string }) => m.msg_id)).toEqual(sent.slice(10));
    expect(rest.at(-1).payload_b64).toBe(LARGE);
    expect((await server.ask('GET', `/v1/stats?topic=${BAD}`)).body).toMatchObject({ depth: 35, leased: 35 });
    const counted = ['shard_failures_total{shard="1"}', 'shard_restarts_total{shard="1"}', 'shards_down'];
    expect(await Promise.all(counted.map((name) => server.metric(name)))).toEqual([1, 1, 0]);
    expect(JSON.stringify(server.lines)).not.toContain('secret words');
  });
});

describe('a shard that throws again', () => {
  it('is parked, not spun: 503 with the wait, readiness says so, the others serve; then it serves again (V4, BD3, O4)', async () => {
    await start('macronode');
    faults = 1;
    await server.send(BAD, 'a');
    await until(() => lines('shard.restarted').length === 1);
    faults = 1;
    await server.send(BAD, 'b');
    expect(lines('shard.parked')).toEqual([expect.objectContaining({ shard: 1, retry_after_ms: 1000 })]);
    const during = [ready(), server.send(BAD, 'c'), server.send(GOOD, 'd'), server.metric('shards_down')] as const;
    const [state, refused, served, down] = await Promise.all(during);
    expect(state).toMatchObject({ ready: false, missing: ['shard_1'], retry_after: 1 });
    expect(refused).toMatchObject({ status: 503, body: { code: 'E_UNAVAILABLE', reason: 'starting' } });
    expect([refused.headers.get('retry-after'), served.status, down]).toEqual(['1', 200, 1]);
    await until(() => lines('shard.restarted').length === 2);
    expect((await server.send(BAD, 'c')).status).toBe(200);
    expect((await ready()).ready).toBe(true);
  });
});

describe('a shard that throws while it is taken back', () => {
  it('has fallen once more: it is parked, made anew, and the process goes on (V4, O4)', async () => {
    await start('macronode');
    const { msg_id } = (await server.send(BAD, 'a')).body;
    let thrown = 0;
    const { replaced } = LiveIndex.prototype;
    vi.spyOn(LiveIndex.prototype, 'replaced').mockImplementation(function (this: LiveIndex, state) {
      if (thrown++ === 0) throw new Error('bug');
      replaced.call(this, state);
    });
    faults = 1;
    await server.send(BAD, 'b');
    await until(() => lines('shard.restarted').length === 1);
    expect(lines('shard.failed')).toHaveLength(2);
    expect(thrown).toBe(2);
    expect(await server.send(BAD, 'a')).toMatchObject({ status: 409, body: { msg_id } });
    expect((await server.send(BAD, 'b')).status).toBe(200);
  });
});
