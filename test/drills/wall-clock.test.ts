import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { WallClock } from '../support/faketime.ts';

const DAY_S = 86_400;
const STEPS_S = [-DAY_S, -7200, -121, 121, 7200, DAY_S];
/** So that all of these steps are longer than the window. */
const WINDOW = ['--t-replay', '100s'];

let server: DurableServer;
let wall: WallClock;
const expires = `expires = ${Math.floor(Date.now() / 1000) + 30 * DAY_S}`;
let cap = '';
beforeAll(async () => {
  server = new DurableServer();
  wall = new WallClock(server.folder);
  server.under = wall.under;
  cap = server.cap('topic prefix t', 'op = send,recv,ack', expires).token;
  await server.start(...WINDOW);
});
afterAll(() => server.end());

const post = (path: string, body: object, by = cap) => server.caller.post(path, by, body);
const send = (topic: string, key: string, by = cap) =>
  post('/v1/send', { topic, idem_key: key, payload_b64: 'aGk=' }, by);

/** The server ends, one way or the other, and another one takes over at once. */
async function restart(how: 'stop' | 'crash'): Promise<void> {
  if (how === 'stop') {
    server.process.child.kill('SIGTERM');
    await server.process.finished;
  } else await server.process.crash();
  await server.start(...WINDOW);
}

describe('wall clock set while the server runs, then a restart', () => {
  for (const how of ['stop', 'crash'] as const) {
    for (const stepS of STEPS_S) {
      it(`${how}, ${stepS} s: no key is accepted twice, a settled receipt is known, a quota is used up (TM1, R5, ID1, LE4, AU2)`, async () => {
        wall.set(0);
        await restart('crash');
        const topic = `t.${how}.${stepS}`;
        const few = server.cap(`topic = ${topic}`, 'op = send', 'quota_ops = 1/3600', expires).token;
        const first = await send(topic, 'first');
        expect(first.status).toBe(200);
        const { receipt } = (await post('/v1/recv', { topic })).body.messages[0];
        expect((await post(`/v1/ack/${first.body.msg_id}`, { receipt })).status).toBe(200);
        expect((await send(topic, 'quota', few)).status).toBe(200);
        wall.set(stepS);
        const later = await send(topic, 'later');
        expect(later.status).toBe(200);

        await restart(how);
        expect((await send(topic, 'first')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: first.body.msg_id });
        expect((await send(topic, 'later')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: later.body.msg_id });
        expect((await post(`/v1/ack/${first.body.msg_id}`, { receipt })).status).toBe(200);
        expect((await send(topic, 'over', few)).status).toBe(429);
      }, 120_000);
    }
  }
});
