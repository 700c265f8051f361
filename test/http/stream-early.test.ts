import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseToken } from '../../src/auth/macaroon.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import type { LineReader } from '../support/lines.ts';
import { TestServer, until } from '../support/server.ts';

/** A server whose disk takes what it is given, and says so only when it is told to. */
let folder: string;
let server: TestServer;
let isSlow = false;
let isStopped = false;
let held: (() => void)[] = [];
const goOn = (): void => {
  isSlow = false;
  for (const done of held.splice(0)) done();
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'early-'));
  held = [];
  isStopped = false;
  const { later } = FileStorage.prototype;
  vi.spyOn(FileStorage.prototype, 'later').mockImplementation(function (this: FileStorage, op, done) {
    later.call(this, op, (...result) => {
      if (isSlow) held.push(() => done(...result));
      else done(...result);
    });
  });
  server = await TestServer.start({ profile: 'macronode', data: join(folder, 'data') });
});
afterEach(async () => {
  goOn();
  if (!isStopped) await server.stop();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const ADMIN = ['topic = mailbox.admin', 'op = admin'];

/** A stream that was asked for with an ack, which is on its way to the disk. */
async function asked(cap: string): Promise<LineReader> {
  await server.send('t', 'k');
  const [{ msg_id, receipt }] = (await server.post('/v1/recv', { topic: 't' })).body.messages;
  isSlow = true;
  const reader = server.stream({ topic: 't', acks: [{ msg_id, receipt }] }, cap);
  await until(async () => (await server.metric('streams')) === 1 && held.length > 0);
  return reader;
}

describe('a stream whose acks are not durable yet', () => {
  it('its capability is revoked: the revocation is whole, the stream is told what became of its acks and that it is over (AC1, AU3, AU4)', async () => {
    const cap = server.cap('topic = t', 'op = recv,ack');
    const reader = await asked(cap);
    const nonce = parseToken(cap)?.nonce as string;
    const revoked = server.post('/v1/admin/revoke', { nonce, reason: 'test' }, { cap: server.cap(...ADMIN) });
    await until(() => server.lines.some(({ event }) => event === 'capability.revoked'));
    goOn();
    expect((await revoked).status).toBe(200);
    await until(() => reader.isClosed || reader.lines.length >= 2);
    expect(reader.values).toEqual([
      { ack_results: [expect.objectContaining({ ok: true })] },
      expect.objectContaining({ code: 'E_CAP_AUTH' }),
    ]);
    expect(server.lines.filter(({ event }) => event === 'request.failed')).toEqual([]);
  });

  it('the server drains: it ends, and so does the stream (AC1, BD3)', async () => {
    const reader = await asked(server.capability);
    isStopped = true;
    const stopped = server.stop();
    await until(() => server.lines.some(({ event, state }) => event === 'server.state' && state === 'draining'));
    goOn();
    await stopped;
    await until(() => reader.isClosed);
    expect(reader.values).toEqual([
      { ack_results: [expect.objectContaining({ ok: true })] },
      expect.objectContaining({ code: 'E_UNAVAILABLE', reason: 'draining' }),
    ]);
  });
});
