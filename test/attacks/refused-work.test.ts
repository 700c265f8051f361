import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attenuate } from '../../src/auth/mint.ts';
import { TestServer } from '../support/server.ts';
import { type Answered, Caller } from '../support/traffic.ts';

let server: TestServer;
let caller: Caller;
beforeAll(async () => {
  server = await TestServer.start();
  caller = new Caller(server.url, { sockets: 4 });
});
afterAll(async () => {
  caller.close();
  await server.stop();
});

/** Refused after all of it was looked at, before any quota. */
const DEAR = { topic: 't.x', idem_key: 'k', payload_b64: `${'A'.repeat(900_000)}B===`, attrs: {} };
const send = (cap: string, i: number) =>
  caller.post('/v1/send', cap, { topic: 't.x', idem_key: `${i}`, payload_b64: '' });

/** Asks on four connections until an answer is 429, at most so many times: on a slow machine one alone asks no faster than the bucket fills. */
async function until429(ask: (i: number) => ReturnType<Caller['post']>, most: number): Promise<Answered[]> {
  const seen: Answered[] = [];
  const worker = async (): Promise<void> => {
    while (seen.length < most && seen.every(({ status }) => status !== 429)) seen.push(await ask(seen.length));
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return seen;
}

describe('bodies that are dear to refuse (BD4)', () => {
  it('slow the capability that sends them, with 429 before they are read; an honest one behind the same address notices nothing', async () => {
    const [hostile, honest] = [0, 1].map(() => server.cap('topic prefix t.', 'op = send,recv'));
    expect((await send(honest as string, 0)).status).toBe(200);
    const seen = await until429(() => caller.post('/v1/send', hostile as string, DEAR), 400);
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([400, 429]));
    expect(seen.length).toBeGreaterThan(100);
    const refused = seen.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'E_SATURATED', reason: 'quota' });
    expect(refused?.retryAfter).toBeGreaterThan(0);
    // All of it waits, the good requests too: the bucket fills meanwhile, so it is emptied beside them.
    const good = await until429(async (i) => {
      if (i % 2 === 1) return send(hostile as string, i);
      await caller.post('/v1/send', hostile as string, DEAR);
      return { status: 0, retryAfter: 0, body: null };
    }, 800);
    expect(good.map(({ status }) => status)).toContain(429);
    // Under keys that nobody has used.
    for (let i = 1; i < 20; i++) expect((await send(honest as string, 10_000 + i)).status).toBe(200);
  });

  it('a capability made from another is no way around it, and costs its siblings nothing (AU6)', async () => {
    const root = server.cap('topic prefix t.', 'op = send,recv');
    const sibling = attenuate(root, ['topic = t.x']);
    expect((await send(sibling, 100)).status).toBe(200);
    const seen = await until429(
      (i) => caller.post('/v1/send', attenuate(root, ['topic = t.x', `quota_ops = ${1000 + i}/1`]), DEAR),
      400,
    );
    expect(seen.map(({ status }) => status)).toContain(429);
    expect((await send(sibling, 101)).status).toBe(200);
  });
});
