import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { WallClock } from '../support/faketime.ts';
import { run } from '../support/process.ts';

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

  it('kill -9 while nothing else is to say: the server looks at its clocks by itself (TM1)', async () => {
    wall.set(0);
    await restart('stop');
    const before = await send('t.idle', 'key');
    wall.set(DAY_S);
    const { by_ms } = await server.process.logged('clock.set');
    expect(Math.abs(Number(by_ms) - DAY_S * 1000)).toBeLessThan(1000);
    // Answered when all that was to be written before is.
    expect((await post('/v1/recv', { topic: 't.nothing' })).body.messages).toEqual([]);
    await restart('crash');
    expect((await send('t.idle', 'key')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: before.body.msg_id });
  }, 120_000);

  it('a first boot in 1970, then NTP: ts is right at once, keys of before are known after a restart, journal cat has the wall clock (TM1, TM3)', async () => {
    await server.process.crash();
    server.data = join(server.folder, 'first-boot');
    const nowS = Math.floor(Date.now() / 1000);
    wall.set(3600 - nowS);
    await server.start(...WINDOW);
    const early = await send('t', 'early');
    wall.set(0);
    const late = await send('t', 'late');
    await restart('crash');
    expect((await send('t', 'early')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: early.body.msg_id });
    expect((await send('t', 'late')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: late.body.msg_id });
    const { messages } = (await post('/v1/recv', { topic: 't' })).body;
    const [earlyTs, lateTs] = messages.map(({ ts }: { ts: string }) => ts);
    expect(earlyTs).toMatch(/^1970-01-01T0[01]:/);
    expect(Math.abs(Date.parse(lateTs) - nowS * 1000)).toBeLessThan(60_000);
    await server.process.crash();
    const { code, out } = await run(['journal', 'cat', '--data', server.data, '--json']);
    const told = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const at = (fact: string) => told.filter((one) => one.fact === fact).map((one) => Date.parse(one.at));
    const near = (ts: string, withinMs: number) => expect.closeTo(Date.parse(ts), -Math.log10(2 * withinMs));
    expect([code, at('sent')]).toEqual([0, [near(earlyTs, 5), near(lateTs, 5)]]);
    expect(at('clocks')).toEqual([near(lateTs, 5000)]);
    expect((await run(['journal', 'verify', '--data', server.data])).code).toBe(0);
  }, 120_000);
});
