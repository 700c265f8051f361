import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attenuate } from '../../src/auth/mint.ts';
import { TestServer } from '../support/server.ts';
import { Caller } from '../support/traffic.ts';

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

/** Asks until the answer is another, at most so many times. */
async function until429(ask: (i: number) => ReturnType<Caller['post']>, most: number): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < most && seen.at(-1) !== 429; i++) seen.push((await ask(i)).status);
  return seen;
}

describe('bodies that are dear to refuse (BD4)', () => {
  it('slow the capability that sends them, with 429 before they are read; an honest one behind the same address notices nothing', async () => {
    const [hostile, honest] = [0, 1].map(() => server.cap('topic prefix t.', 'op = send,recv'));
    expect((await send(honest as string, 0)).status).toBe(200);
    const seen = await until429(() => caller.post('/v1/send', hostile as string, DEAR), 400);
    expect(new Set(seen)).toEqual(new Set([400, 429]));
    expect(seen.length).toBeGreaterThan(100);
    const refused = await caller.post('/v1/send', hostile as string, DEAR);
    expect(refused).toMatchObject({ status: 429, body: { code: 'E_SATURATED', reason: 'quota' } });
    expect(refused.retryAfter).toBeGreaterThan(0);
    // All of it waits, the good requests too.
    expect((await send(hostile as string, 1)).status).toBe(429);
    for (let i = 1; i < 20; i++) expect((await send(honest as string, i)).status).toBe(200);
  });

  it('a capability made from another is no way around it, and costs its siblings nothing (AU6)', async () => {
    const root = server.cap('topic prefix t.', 'op = send,recv');
    const sibling = attenuate(root, ['topic = t.x']);
    expect((await send(sibling, 100)).status).toBe(200);
    const seen = await until429(
      (i) => caller.post('/v1/send', attenuate(root, ['topic = t.x', `quota_ops = ${1000 + i}/1`]), DEAR),
      400,
    );
    expect(seen.at(-1)).toBe(429);
    expect((await send(sibling, 101)).status).toBe(200);
  });
});
