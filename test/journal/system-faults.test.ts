import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { callsIn, needStrace, watching } from '../support/strace.ts';

const LOG = 'log-000000000000001';
let server: DurableServer;
let cap = '';
beforeAll(needStrace);
beforeEach(() => {
  server = new DurableServer();
  cap = server.cap('topic = t', 'op = send,recv,ack').token;
});
afterEach(() => server.end());

const send = (key: string) => server.caller.post('/v1/send', cap, { topic: 't', idem_key: key, payload_b64: 'aGk=' });
const trace = () => join(server.folder, 'trace');

/** Starts a server whose writes of the log do this, by the count of the one thread that makes them. */
async function startInjected(what: string): Promise<void> {
  const only = ['-P', join(server.data, LOG), '-E', 'UV_THREADPOOL_SIZE=1', '-e', `inject=pwrite64:${what}`];
  server.under = watching(trace(), ['pwrite64'], ...only);
  await server.start();
  server.under = [];
}

/** Place, length and result of every write of the log. */
const writes = () =>
  callsIn(trace()).map((call) => {
    const [, bytes, at, result] = /, (\d+), (\d+)\) += (.*)$/.exec(call) ?? [];
    return { bytes: Number(bytes), at: Number(at), result: result as string };
  });

describe('faults of the system under the log', () => {
  it('EIO: 503, nothing more is written, exit; the next process has all that was answered and nothing else (journal rule 4, AC1)', async () => {
    await startInjected('error=EIO:when=6+');
    const answered: string[] = [];
    let answer = await send('0');
    for (let i = 1; answer.status === 200 && i < 50; i++) {
      answered.push(`${i - 1}`);
      answer = await send(`${i}`);
    }
    expect(answer).toMatchObject({ status: 503, body: { code: 'E_UNAVAILABLE', reason: 'journal' } });
    expect(answered.length).toBeGreaterThan(2);
    const { code, out } = await server.process.finished;
    expect([code, out]).toEqual([1, expect.stringMatching(/"journal.failed".*EIO/)]);
    expect(writes().filter(({ result }) => result.includes('INJECTED'))).toHaveLength(1);
    expect(writes().at(-1)?.result).toContain('EIO');

    await server.start();
    for (const key of answered) expect((await send(key)).body.code).toBe('E_DUPLICATE');
    expect((await send(`${answered.length}`)).status).toBe(200);
  }, 120_000);

  it('a short write: the rest is written after it; what the system only claims to have written is found out by the next start, which names segment and offset (journal rules 3, 5)', async () => {
    await startInjected('retval=100:when=4');
    for (let i = 0; i < 5; i++) expect((await send(`${i}`)).status).toBe(200);
    await server.process.crash();
    const all = writes();
    const short = all.findIndex(({ result }) => result.includes('INJECTED'));
    const { bytes, at } = all[short] as (typeof all)[0];
    expect(all[short + 1]).toEqual({ bytes: bytes - 100, at: at + 100, result: String(bytes - 100) });

    const { code, err } = await server.begin().finished;
    expect(code).toBe(1);
    expect(err).toContain(`journal: ${LOG} at ${at}: `);
    expect(err).toMatch(/with a valid frame after it in log-000000000000001 at \d+/);
  }, 120_000);
});

describe('a disk that does not answer', () => {
  it('SIGTERM while the first append waits: the start is ended at once, exit 0; the next process serves all that was answered (BD3, AC1)', async () => {
    await server.start();
    expect((await send('before')).status).toBe(200);
    await server.process.crash();
    const only = ['-P', join(server.data, LOG), '-e', 'inject=pwrite64:delay_enter=5s'];
    server.under = watching(trace(), ['pwrite64'], ...only);
    const waiting = server.begin();
    server.under = [];
    const { http } = await waiting.logged('server.starting');
    await waiting.logged('journal.opened');
    const answer = await fetch(`http://${http}/readyz`);
    expect(await answer.json()).toMatchObject({ ready: false, missing: ['starting'] });
    waiting.child.kill('SIGTERM');
    expect(await waiting.logged('server.stopped')).toMatchObject({
      signal: 'SIGTERM',
      reason: 'ended by SIGTERM before it was ready',
    });
    // Nothing was written by then: it was not the disk that it waited for.
    expect(callsIn(trace()).filter((call) => / = \d+$/.test(call))).toEqual([]);
    expect((await waiting.finished).code).toBe(0);
    expect(waiting.out).not.toContain('server.ready');

    await server.start();
    expect((await send('before')).body.code).toBe('E_DUPLICATE');
    expect((await send('after')).status).toBe(200);
  }, 120_000);
});

describe('data directory of another user', () => {
  it('is refused with both users named (B14)', async () => {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      mkdirSync(server.data, { mode: 0o700 });
      chownSync(server.data, 65_534, 65_534);
    }
    const { code, err } = await server.begin(...(isRoot ? [] : ['--data', '/usr'])).finished;
    expect(code).toBe(1);
    expect(err).toContain(
      isRoot ? 'belongs to user 65534, not to 0' : `belongs to user 0, not to ${process.getuid?.()}`,
    );
  });
});
