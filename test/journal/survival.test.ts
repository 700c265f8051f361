import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { until } from '../support/server.ts';

let server: DurableServer;
let cap = '';
let admin = '';
beforeEach(() => {
  server = new DurableServer();
  cap = server.cap('topic prefix t', 'op = send,recv,ack,nack,extend,stats').token;
  admin = server.cap('topic = t', 'op = admin').token;
});
afterEach(() => server.end());

const LONG_MS = 3_600_000;
const SLOW = ['--backoff-max', '1h'];
const post = (path: string, body: object, by = cap) => server.caller.post(path, by, body);
const send = (idem_key: string, more = {}) =>
  post('/v1/send', { topic: 't', idem_key, payload_b64: 'aGk=', ...more }).then(({ body }) => body);
const recv = async (topic = 't') =>
  (await post('/v1/recv', { topic, max_messages: 1, visibility_ms: LONG_MS })).body.messages[0];
const settle = (verb: 'ack' | 'nack' | 'extend', { msg_id, receipt }: Lease, more = {}) =>
  post(`/v1/${verb}/${msg_id}`, { receipt, ...more });
const dead = async (include = '') =>
  (await server.caller.ask('GET', `/v1/dlq?topic=t${include}`, admin)).body.dead_letters;
interface Lease {
  readonly msg_id: string;
  readonly receipt: string;
}

/** A life in every state, and what each answer must still be after a restart. */
async function livesOfEveryKind() {
  const acked = await send('acked').then(() => recv());
  await settle('ack', acked);
  const nacked = await send('nacked').then(() => recv());
  await settle('nack', nacked, { reason: 'later', retry_after_ms: LONG_MS });
  const rejected = await send('rejected').then(() => recv());
  await settle('nack', rejected, { reason: 'poison', dead_letter: true });
  const purged = await send('purged').then(() => recv());
  await settle('nack', purged, { dead_letter: true });
  await post('/v1/dlq/purge', { topic: 't', msg_ids: [purged.msg_id] }, admin);
  const extended = await send('extended').then(() => recv());
  await settle('extend', extended, { visibility_ms: LONG_MS });
  const ttl = await send('ttl', { ttl_ms: 600_000 });
  const delayed = await send('delayed', { delay_ms: LONG_MS });
  return { acked, nacked, rejected, purged, extended, ttl, delayed };
}
type Lives = Awaited<ReturnType<typeof livesOfEveryKind>>;

async function allThere({ acked, nacked, rejected, purged, extended }: Lives): Promise<void> {
  const stats = (await server.caller.ask('GET', '/v1/stats?topic=t', cap)).body;
  expect(stats).toMatchObject({ depth: 4, queued: 2, leased: 1, redelivered: 1, dead_lettered: 1 });
  for (const [verb, lease, answer] of [
    ['ack', acked, { ok: true }],
    ['nack', nacked, { ok: true, state: 'redelivered' }],
    ['nack', rejected, { ok: true, state: 'dead_lettered' }],
  ] as const) {
    expect((await settle(verb, lease)).body, `settled by ${verb} before (LE4)`).toEqual(answer);
  }
  expect((await settle('nack', acked)).body.code).toBe('E_LEASE_LOST');
  for (const [key, { msg_id }] of Object.entries({ acked, nacked, rejected, purged, extended })) {
    expect(await send(key), `window of ${key} (ID4)`).toMatchObject({ code: 'E_DUPLICATE', msg_id });
  }
  expect(await dead()).toEqual([
    expect.objectContaining({
      msg_id: rejected.msg_id,
      reason: 'rejected',
      last_error: 'poison',
      attempt: 1,
      epoch: 1,
    }),
  ]);
}

const names = () => readdirSync(server.data);

/** Messages that come and go, until this segment is made: two before it is one in use, and those before are full. */
async function fillUpTo(segment: string): Promise<void> {
  const payload_b64 = Buffer.alloc(60_000, 7).toString('base64');
  let acks: Lease[] = [];
  for (let i = 0; !names().includes(segment); i++) {
    const sends = Array.from({ length: 8 }, (_, n) => ({ topic: 'tt', idem_key: `${segment}-${i}-${n}`, payload_b64 }));
    await Promise.all(sends.map((one) => post('/v1/send', one)));
    const { messages } = (await post('/v1/recv', { topic: 'tt', max_messages: 8, acks })).body;
    acks = messages.map(({ msg_id, receipt }: Lease) => ({ msg_id, receipt }));
  }
}

describe('survival', () => {
  it('kill -9, from the log: every state, settled receipts, windows after ack and purge, times (LE4, ID4, RT4, TM1)', async () => {
    await server.start(...SLOW);
    const lives = await livesOfEveryKind();
    await server.restart(...SLOW);
    await allThere(lives);
    // The lease goes on, by no more than it had left (RT4); what waits is not there yet.
    const { body } = await settle('extend', lives.extended, { visibility_ms: LONG_MS });
    expect(body.deadline_in_ms).toBeGreaterThan(LONG_MS - 60_000);
    expect(await recv()).toMatchObject({ msg_id: lives.ttl.msg_id, attempt: 1 });
    expect(await recv()).toBeUndefined();
    expect((await settle('ack', lives.extended)).body).toEqual({ ok: true });
  });

  it('kill -9, from a snapshot: the same, when the log that said it is gone (journal rule 6)', async () => {
    await server.start(...SLOW);
    const lives = await livesOfEveryKind();
    await fillUpTo('log-000000000000005');
    await until(() => names().some((name) => /^snapshot-\d+$/.test(name)), 120_000);
    await fillUpTo('log-000000000000007');
    await until(() => !names().includes('log-000000000000001'), 120_000);
    expect(names().filter((name) => /^snapshot-\d+$/.test(name))).toHaveLength(2);
    await server.restart(...SLOW);
    await allThere(lives);
    expect(await recv()).toMatchObject({ msg_id: lives.ttl.msg_id, attempt: 1 });
    expect((await settle('ack', lives.extended)).body).toEqual({ ok: true });
  });
});

describe('integrity at rest', () => {
  it('payload files damaged and gone: dead letters with reason integrity, withheld, counted; never to a consumer (IN1)', async () => {
    await server.start();
    const large = (text: string) => Buffer.alloc(100_000, text).toString('base64');
    const rejected = (await send('rejected', { payload_b64: large('c') })).msg_id;
    await settle('nack', await recv(), { dead_letter: true });
    const flipped = (await send('flipped', { payload_b64: large('a') })).msg_id;
    const gone = (await send('gone', { payload_b64: large('b') })).msg_id;
    const intact = (await send('intact', { payload_b64: large('d') })).msg_id;
    await server.process.crash();
    for (const name of readdirSync(join(server.data, 'payloads'))) {
      const file = join(server.data, 'payloads', name);
      const bytes = readFileSync(file);
      const text = String.fromCharCode(bytes[0] as number);
      if (text === 'b') rmSync(file);
      else if (text !== 'd') writeFileSync(file, bytes.fill('!', 50_000, 50_001));
    }
    await server.start();
    expect(server.process.out.match(/"event":"integrity.failed"/g)).toHaveLength(3);
    const delivered = await recv();
    expect(delivered).toMatchObject({ msg_id: intact, payload_b64: large('d') });
    expect(await recv()).toBeUndefined();
    const found = await dead('&include=payload');
    expect(found.map(({ msg_id, reason }: { msg_id: string; reason: string }) => [msg_id, reason]).sort()).toEqual(
      [
        [flipped, 'integrity'],
        [gone, 'integrity'],
        [rejected, 'rejected'],
      ].sort(),
    );
    for (const letter of found) expect(letter.payload_b64 ?? null).toBeNull();
    const { metrics } = await server.process.logged('server.ready');
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    expect(text).toMatch(/dlq_total\{topic_class="[^"]*",reason="integrity"\} 2/);
    expect(text).toMatch(/integrity_fail_total\{reason="[^"]*"\} [1-9]/);
  });
});
