import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mint } from '../../src/auth/mint.ts';
import { type MailboxProcess, serve } from '../support/process.ts';
import { forged } from '../support/tokens.ts';
import { Caller, Loop } from '../support/traffic.ts';
import { TestVerifier } from '../support/verifier.ts';

const verifier = new TestVerifier();
let server: MailboxProcess;
let url: string;
const callers: Caller[] = [];
const caller = (sockets = 1): Caller => {
  const made = new Caller(url, { sockets });
  callers.push(made);
  return made;
};

beforeAll(async () => {
  await verifier.start();
  server = serve('--verifier-url', verifier.url, '--verifier-timeout', '500ms', '--auth-failure-burst', '1000000');
  url = `http://${(await server.logged('server.ready'))['http']}`;
});
afterAll(async () => {
  for (const one of callers) one.close();
  server.child.kill('SIGTERM');
  await server.finished;
  await verifier.stop();
});

const cap = (): string =>
  mint(verifier.keyring, [
    'topic = g',
    'op = send,stats',
    'quota_ops = 1000000/1',
    `expires = ${Math.floor(Date.now() / 1000) + 3600}`,
  ]).token;
let sent = 0;
const send = (by: Caller, token: string) =>
  by.post('/v1/send', token, { topic: 'g', idem_key: `k${++sent}`, payload_b64: '' });

describe('drill: forged tokens at a remote verifier', () => {
  it.each([
    ['are refused slowly', { noAfterMs: 400 }],
    ['are answered with errors', 'error'],
    ['are never answered', 'silence'],
  ] as const)(
    'that %s: neither fresh nor remembered valid ones notice, from the same address (AU5, B8, BD3)',
    async (_how, refusal) => {
      verifier.refusal = refusal;
      const remembered = cap();
      const honest = caller();
      expect((await send(honest, remembered)).status).toBe(200);
      const attacker = caller(40);
      const floods = Array.from(
        { length: 40 },
        () => new Loop(() => attacker.ask('GET', '/v1/stats?topic=g', forged(remembered, ++sent))),
      );
      await Promise.all(floods.map((loop) => loop.until(() => loop.statuses.size > 0)));
      const statuses = new Set<string>();
      for (let i = 0; i < 12; i++) {
        const fresh = caller();
        for (const answer of [await send(fresh, cap()), await send(honest, remembered)])
          statuses.add(`${answer.status} ${answer.body.reason ?? ''}`);
      }
      expect([...statuses]).toEqual(['200 ']);
      expect((await honest.ask('GET', '/readyz', null)).body).toMatchObject({ ready: true, missing: [] });
      await Promise.all(floods.map((loop) => loop.stop()));
      for (const { statuses: seen } of floods) expect([...seen.keys()].filter((status) => status < 400)).toEqual([]);
    },
  );
});
