import { describe, expect, it } from 'vitest';
import { MailboxClient } from '../../src/client/client.ts';
import { MailboxError } from '../../src/client/error.ts';
import type { ClientOptions } from '../../src/client/transport.ts';
import fc from '../support/properties.ts';

const answer = (status: number, body: object, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });
const sent = { msg_id: 'm', duplicate: false, payload_hash: 'h', hash_chain: 'c' };
const message = { topic: 't', idem_key: 'k', payload_b64: '' };

/** A client whose server answers in this order, and whose waits take no time. */
function clientOf(answers: (Response | Error)[], random = 1, options: Partial<ClientOptions> = {}) {
  const waits: number[] = [];
  const told: [string | null, number, number][] = [];
  const bodies: string[] = [];
  const client = new MailboxClient({
    url: 'http://mailbox.test',
    capability: 'cap',
    ...options,
    onWait: ({ error, ms, leftMs }) => told.push([error.reason, ms, leftMs]),
    random: () => random,
    wait: async (ms) => {
      waits.push(ms);
    },
    fetch: async (_url, init) => {
      bodies.push(String(init?.body));
      const next = answers.shift();
      if (next === undefined) throw new Error('no more answers');
      if (next instanceof Error) throw next;
      return next;
    },
  });
  return { client, waits, bodies, told };
}

describe('client: patience', () => {
  const busy = (seconds: string) =>
    answer(429, { code: 'E_SATURATED', message: 'm', reason: 'quota' }, { 'retry-after': seconds });

  it('each wait is told; what would take longer than the patience that is left fails at once', async () => {
    const { client, waits, told } = clientOf([busy('20'), busy('20'), busy('20')], 0, { retryForMs: 50_000 });
    await expect(client.send(message)).rejects.toMatchObject({ code: 'E_SATURATED', reason: 'quota' });
    expect(waits).toEqual([20_000, 20_000]);
    expect(told).toEqual([
      ['quota', 20_000, 30_000],
      ['quota', 20_000, 10_000],
    ]);
  });

  it('no timer is longer than timers can be: it would go off at once', async () => {
    const { client, waits } = clientOf([busy('2147484'), answer(200, sent)], 0);
    await expect(client.send(message)).rejects.toThrow('m');
    expect(waits).toEqual([]);
  });

  it('an answer that is none of a mailbox is an error by its status, with the corr_id of its header', async () => {
    const html = (status: number) => new Response('<html>\x1b[2J', { status, headers: { 'x-corr-id': 'c-9' } });
    const lone = clientOf([html(200)]).client;
    await expect(lone.stats('t')).rejects.toMatchObject({ code: 'E_HTTP', status: 200 });
    const gone = clientOf([html(404)]).client;
    await expect(gone.stats('t')).rejects.toMatchObject({
      code: 'E_HTTP',
      corrId: 'c-9',
      message: expect.stringMatching(/HTTP 404/),
    });
  });
});

describe('client', () => {
  it('tries again what may succeed later, with the same key, waiting longer each time and as long as asked (D6)', async () => {
    const busy = () => answer(503, { code: 'E_UNAVAILABLE', message: 'm' }, { 'retry-after': '2' });
    const { client, waits, bodies } = clientOf([busy(), new Error('reset'), busy(), answer(200, sent)]);
    expect(await client.send(message)).toEqual(sent);
    expect(waits).toEqual([2000 + 200, 400, 2000 + 800]);
    expect(new Set(bodies).size).toBe(1);
  });

  it('jitter is full: anything from nothing to the ceiling (D6)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        async (jitter, fails) => {
          const failures = Array.from({ length: fails }, () => new Error('reset'));
          const { client, waits } = clientOf([...failures, answer(200, sent)], jitter);
          await client.send(message);
          expect(waits).toEqual(failures.map((_, i) => jitter * Math.min(10_000, 100 * 2 ** (i + 1))));
        },
      ),
    );
  });

  it('gives up after five attempts, and at once on what will not get better', async () => {
    const { client, waits } = clientOf(Array.from({ length: 9 }, () => new Error('reset')));
    await expect(client.send(message)).rejects.toMatchObject({ code: 'E_UNREACHABLE', status: 0 });
    expect(waits).toHaveLength(4);
    const refused = clientOf([answer(403, { code: 'E_CAP_SCOPE', message: 'no' })]);
    await expect(refused.client.send(message)).rejects.toBeInstanceOf(MailboxError);
    expect(refused.waits).toEqual([]);
  });
});
