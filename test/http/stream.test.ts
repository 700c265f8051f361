import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseToken } from '../../src/auth/macaroon.ts';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import type { LineReader } from '../support/lines.ts';
import { TestServer, until } from '../support/server.ts';

/** A Unix socket holds much less than TCP does, so that a reader that stalls is noticed after one step. */
const directory = mkdtempSync(join(tmpdir(), 'mailbox-'));
const path = join(directory, 'socket');
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ stream_heartbeat: '100ms', write_timeout: '2s', max_streams: '4', uds: path });
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});
const STEP = 26;
const TOTAL = 30;
/** A stream whose reader reads the head and then nothing: the system takes some of its first step, and not all. */
async function stall(topic: string, cap = server.capability): Promise<LineReader> {
  const payload_b64 = Buffer.alloc(20_000, 7).toString('base64');
  const messages = Array.from({ length: TOTAL }, (_, i) => ({ topic, idem_key: `k${i}`, payload_b64 }));
  await server.post('/v1/send/batch', { messages });
  const reader = server.stream({ topic, credit: 256, visibility_ms: 600_000 }, cap, { path });
  await until(() => reader.head !== '');
  reader.socket.pause();
  await until(async () => (await stats(topic)).leased === STEP);
  return reader;
}

/** Some of the step stays leased; what was not handed to the socket is back, in its place, and counts no attempt. */
async function expectUnwrittenBack(topic: string): Promise<void> {
  const { leased, queued, redelivered } = await stats(topic);
  expect([leased + queued, redelivered]).toEqual([TOTAL, 0]);
  expect(leased).toBeGreaterThan(0);
  expect(leased).toBeLessThan(STEP);
  const { messages } = (await server.post('/v1/recv', { topic, max_messages: 1 })).body;
  expect(messages[0]).toMatchObject({ idem_key: `k${leased}`, attempt: 1 });
}

const ack = ({ msg_id, receipt }: { msg_id: string; receipt: string }) => server.post(`/v1/ack/${msg_id}`, { receipt });
const stats = async (topic: string) => (await server.ask('GET', `/v1/stats?topic=${topic}`)).body;
const streams = () => server.metric('streams');
const nonceOf = (token: string): string => parseToken(token)?.nonce as string;
const revoke = (token: string) =>
  server.post(
    '/v1/admin/revoke',
    { nonce: nonceOf(token), reason: 'test' },
    { cap: server.cap('topic = mailbox.admin', 'op = admin') },
  );
const leave = async (reader: LineReader): Promise<void> => {
  reader.socket.destroy();
  await until(async () => (await streams()) === 0);
};

describe('stream', () => {
  it('one envelope a line, what is there and what comes, within the credit (B3)', async () => {
    await server.send('t.s', 'k0');
    const reader = server.stream({ topic: 't.s', credit: 2 });
    await reader.atLeast(1);
    expect(reader.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(reader.head).toMatch(/content-type: application\/x-ndjson/i);
    expect(reader.head).toMatch(/x-corr-id: [0-9a-f-]{36}/i);
    for (const key of ['k1', 'k2']) await server.send('t.s', key);
    const [first, second] = await reader.atLeast(2);
    expect([first.idem_key, second.idem_key]).toEqual(['k0', 'k1']);
    for (const envelope of reader.values) expect(verifyEnvelope(envelope)).toBeNull();
    expect((await stats('t.s')).queued).toBe(1);
    await ack(first);
    expect((await reader.atLeast(3))[2].idem_key).toBe('k2');
    await leave(reader);
  });

  it('many lines leave nothing behind: what is written needs no listener of its own', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): unknown => warnings.push(message);
    process.on('warning', onWarning);
    const reader = server.stream({ topic: 't.long', credit: 1, visibility_ms: 600_000 });
    for (let i = 0; i < 30; i++) {
      await server.send('t.long', `k${i}`);
      await ack((await reader.atLeast(i + 1))[i]);
    }
    await leave(reader);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('the head goes out at once, and a blank line now and then', async () => {
    const reader = server.stream({ topic: 't.idle' });
    await until(() => reader.head !== '');
    expect(reader.lines).toEqual([]);
    await until(() => reader.lines.length >= 2);
    expect(reader.values).toEqual([]);
    await leave(reader);
  });

  it('ends by itself after max_messages, or when nothing came for wait_ms; the connection stays', async () => {
    for (let i = 0; i < 3; i++) await server.send('t.end', `k${i}`);
    const counted = server.stream({ topic: 't.end', max_messages: 2 });
    await until(async () => (await streams()) === 0 && counted.values.length === 2);
    const waited = server.stream({ topic: 't.end', wait_ms: 30 });
    await waited.atLeast(1);
    await until(async () => (await streams()) === 0);
    expect([counted.isClosed, waited.isClosed]).toEqual([false, false]);
    counted.socket.destroy();
    waited.socket.destroy();
  });

  it('a reader that stalls is cut, and what was not handed to its socket goes back untouched (LE7, D1)', async () => {
    const reader = await stall('t.stall');
    await until(async () => (await streams()) === 0);
    const cut = server.lines.find((line) => line['reason'] === 'slow_reader');
    expect(cut).toMatchObject({
      event: 'connection.refused',
      decision: 'denied',
      peer_addr: `uid:${process.getuid?.()}`,
    });
    await expectUnwrittenBack('t.stall');
    reader.socket.destroy();
  });

  it('a client that leaves gives back what was not written (LE7)', async () => {
    await leave(await stall('t.leave'));
    await expectUnwrittenBack('t.leave');
  });

  it('stalled streams hold one step of messages each, however much is waiting', async () => {
    const readers: LineReader[] = [];
    for (let i = 0; i < 4; i++) readers.push(await stall(`t.held.${i}`));
    for (let i = 0; i < 4; i++)
      expect(await stats(`t.held.${i}`)).toMatchObject({ leased: STEP, queued: TOTAL - STEP });
    for (const reader of readers) reader.socket.destroy();
    await until(async () => (await streams()) === 0);
  });

  it('revoked: ends without another payload and says why; one that stalls is cut (AU3)', async () => {
    const cap = server.cap('topic prefix t.rev', 'op = recv');
    const reader = server.stream({ topic: 't.rev' }, cap);
    await until(() => reader.head !== '');
    const stalled = await stall('t.rev.b', cap);
    expect((await revoke(cap)).status).toBe(200);
    await server.send('t.rev', 'k0');
    const [last] = await reader.atLeast(1);
    expect([reader.values.length, last.code]).toEqual([1, 'E_CAP_AUTH']);
    await until(async () => (await streams()) === 0);
    stalled.socket.resume();
    await stalled.closed();
    // What the system had taken before may still arrive; nothing after it, and no end as if nothing had happened.
    expect(stalled.values.length).toBeLessThan(STEP);
    expect(stalled.values.every(({ code }) => code === undefined)).toBe(true);
    reader.socket.destroy();
    expect(await stats('t.rev')).toMatchObject({ queued: 1 });
    const { leased } = await stats('t.rev.b');
    expect(leased).toBeLessThan(STEP);
    expect(stalled.values.length).toBeLessThanOrEqual(leased);
    const denials = server.lines.filter((line) => line['event'] === 'auth.denied' && line['reason'] === 'ended');
    expect(denials).toHaveLength(2);
  });

  it('a response with payloads that waits for its reader is cut when its capability is revoked (AU3)', async () => {
    const own = await TestServer.start({ write_timeout: '20s' });
    try {
      const cap = own.cap('topic = t.slow', 'op = recv');
      const payload = Buffer.alloc(500_000, 7).toString('base64');
      for (let i = 0; i < 24; i++) {
        await own.post('/v1/send', { topic: 't.slow', idem_key: `k${i}`, payload_b64: payload });
      }
      const body = JSON.stringify({ topic: 't.slow', max_messages: 1, visibility_ms: 600_000 });
      const one = `POST /v1/recv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${cap}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      let closed = false;
      let bytes = 0;
      const socket = connect(Number(own.url.split(':')[2]), '127.0.0.1', () => socket.write(one.repeat(24)));
      socket.pause();
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.on('close', () => {
        closed = true;
      });
      socket.on('error', () => {});
      await until(async () => (await own.ask('GET', '/v1/stats?topic=t.slow')).body.leased >= 8);
      const admin = own.cap('topic = mailbox.admin', 'op = admin');
      await own.post('/v1/admin/revoke', { nonce: nonceOf(cap), reason: 'test' }, { cap: admin });
      socket.resume();
      await until(() => closed);
      expect(bytes).toBeLessThan(24 * 666_000);
    } finally {
      await own.stop();
    }
  });

  it('refusals: as of any other request, before there is a stream (BD2, D4)', async () => {
    const post = (body: object, options = {}) => server.post('/v1/recv/stream', body, options);
    expect((await post({ topic: 't' }, { cap: null })).status).toBe(401);
    expect((await post({ topic: 't' }, { cap: server.cap('topic = t', 'op = send') })).status).toBe(403);
    expect((await post({ topic: 'u' })).status).toBe(403);
    for (const [more, text] of [
      [{ credit: 0 }, 'credit: must be >= 1'],
      [{ credit: 257 }, 'credit: must be <= 256'],
      [{ max_messages: 0 }, 'max_messages'],
      [{ wait_ms: 0 }, 'wait_ms: must be >= 1'],
      [{ visibility_ms: 1 }, 'visibility_ms'],
      [{ x: 1 }, 'x: unknown field'],
    ] as const) {
      const answer = await post({ topic: 't', ...more });
      expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining(text)]);
    }
    const acks = [{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' }];
    expect((await post({ topic: 't', acks }, { cap: server.cap('topic = t', 'op = recv') })).status).toBe(403);
    const readers = [1, 2, 3, 4].map((i) => server.stream({ topic: `t.bound.${i}` }));
    await until(async () => (await streams()) === 4);
    const fifth = await post({ topic: 't' });
    expect([fifth.status, fifth.body.code, fifth.body.reason]).toEqual([429, 'E_SATURATED', 'streams']);
    expect(fifth.headers.get('retry-after')).toBe('1');
    for (const reader of readers) reader.socket.destroy();
    await until(async () => (await streams()) === 0);
  });

  it('acks ride along: their results are the first line', async () => {
    await server.send('t.ride', 'k0');
    const [held] = (await server.post('/v1/recv', { topic: 't.ride' })).body.messages;
    const { msg_id, receipt } = held;
    await server.send('t.ride', 'k1');
    const reader = server.stream({
      topic: 't.ride',
      acks: [
        { msg_id, receipt },
        { msg_id, receipt: 'no' },
      ],
    });
    const [results, next] = await reader.atLeast(2);
    expect(results.ack_results).toMatchObject([
      { msg_id, ok: true },
      { msg_id, code: 'E_LEASE_LOST' },
    ]);
    expect(next.idem_key).toBe('k1');
    await leave(reader);
  });

  it('draining: streams end with a line that says so, and the connection goes', async () => {
    const own = await TestServer.start();
    const reader = own.stream({ topic: 't.drain' });
    await until(() => reader.head !== '');
    await own.stop();
    await reader.closed();
    expect(reader.values).toMatchObject([{ code: 'E_UNAVAILABLE', reason: 'draining' }]);
  });
});
