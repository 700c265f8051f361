import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitsBody, unitsIn } from '../support/frames.ts';
import { TestServer } from '../support/server.ts';
import { forged } from '../support/tokens.ts';
import { type Answered, Caller, Loop, stepsOf } from '../support/traffic.ts';

const BURST = 20;
let server: TestServer;
const callers: Caller[] = [];
const callerFrom = (localAddress: string, sockets = 8): Caller => {
  const caller = new Caller(server.url, { localAddress, sockets });
  callers.push(caller);
  return caller;
};
beforeAll(async () => {
  server = await TestServer.start({ auth_failure_burst: String(BURST) });
});
afterAll(async () => {
  for (const caller of callers) caller.close();
  await server.stop();
});

describe('drill: flood of failed authentications', () => {
  it('slows its own sender and no valid capability, not even beside it (E2, AU5, K6)', async () => {
    const beside = callerFrom('127.0.0.1');
    const attacker = callerFrom('127.0.0.1', 16);
    const elsewhere = callerFrom('127.0.0.2');
    const capability = server.capability;
    const honest = [beside, elsewhere].map(
      (caller, i) =>
        new Loop((n) => caller.post('/v1/send', capability, { topic: `t.${i}`, idem_key: `k${n}`, payload_b64: '' })),
    );
    await stepsOf(honest, 20);
    const startedMs = performance.now();
    let next = 0;
    const answers: Answered[] = [];
    const floods = Array.from(
      { length: 16 },
      () =>
        new Loop(async () => {
          const answer = await attacker.ask('GET', '/v1/stats?topic=t', forged(capability, next++));
          answers.push(answer);
          return answer;
        }),
    );
    await Promise.all(floods.map((loop) => loop.until(() => loop.statuses.has(429))));
    await stepsOf(honest, 200);
    await Promise.all([...honest, ...floods].map((loop) => loop.stop()));
    const seconds = (performance.now() - startedMs) / 1000;

    for (const loop of honest) expect([...loop.statuses.keys()]).toEqual([200]);
    const held = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(BURST * (1 + seconds / 10) + 1);
    // Each of its connections waits a second for each answer.
    expect(held.length).toBeLessThanOrEqual(16 * (seconds + 1));
    for (const { body, retryAfter } of held) {
      expect([body.code, body.reason]).toEqual(['E_SATURATED', 'auth']);
      expect(retryAfter).toBeGreaterThanOrEqual(1);
    }
    expect((await elsewhere.ask('GET', '/v1/stats?topic=t', forged(capability, next++))).status).toBe(401);
    expect(await server.metric('rejected_total{reason="unauth"}')).toBe(answers.length + 1);
  });

  it('a held connection reads nothing more; what was sent ahead on it has its turn, and is served when it is valid (AU5)', async () => {
    const held = callerFrom('127.0.0.3', 3 * BURST);
    const bad = forged(server.capability, 1);
    // Twenty too many: ten seconds' debt.
    await Promise.all(Array.from({ length: 2 * BURST }, () => held.ask('GET', '/v1/stats?topic=t', bad)));
    const denied = (): number => server.lines.filter(({ event }) => event === 'auth.denied').length;
    const get = (cap: string, more = ''): string =>
      `GET /v1/stats?topic=t HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${cap}\r\n${more}\r\n`;
    const body = JSON.stringify({ topic: 't', idem_key: 'ahead', payload_b64: '' });
    const post = `POST /v1/send HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${server.capability}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const before = denied();
    const startedMs = performance.now();
    const answer = await exchangeFrom(
      '127.0.0.3',
      get(bad) + post + get(bad) + get(server.capability, 'Connection: close\r\n'),
    );
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['429', '200', '429', '200']);
    expect(denied() - before).toBe(2);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_980);
    // Fifty sent ahead are looked at one a second, and not at all when their sender has gone.
    const answered = await exchangeFrom('127.0.0.3', get(bad).repeat(50), 1);
    expect(answered).toMatch(/^HTTP\/1\.1 429/);
    expect(denied() - before).toBeLessThanOrEqual(4);
  });

  it('frames: many forged capabilities in one body are not all verified; a valid one beside them is served (AU5)', async () => {
    const { capability } = server;
    const json = { topic: 't.frames', idem_key: 'k' };
    const units = [
      { json, capability },
      ...Array.from({ length: 254 }, (_, n) => ({ json, capability: forged(capability, n) })),
      { json: { ...json, idem_key: 'k2' }, capability },
    ];
    const startedMs = performance.now();
    const codes = (await framesFrom('127.0.0.4', unitsBody(units))).map(({ code }) => code);
    const count = (code: number) => codes.filter((each) => each === code).length;
    expect([codes[0], codes.at(-1), count(401), count(429)]).toEqual([200, 200, BURST + 1, 254 - BURST - 1]);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(990);
  });
});

/** What is answered to these bytes until the connection closes, or until there are so many answers. */
function exchangeFrom(localAddress: string, bytes: string, answers = Number.POSITIVE_INFINITY): Promise<string> {
  const port = Number(new URL(server.url).port);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.split('HTTP/1.1 ').length > answers) socket.destroy();
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

/** Sends frames from an address, each with its own capability, and gives the units of the answer. */
function framesFrom(localAddress: string, body: Buffer): Promise<ReturnType<typeof unitsIn>> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/oap1', 'content-length': body.length };
    const sent = request(`${server.url}/v1/send`, { method: 'POST', localAddress, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve(unitsIn(Buffer.concat(chunks))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
