import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/client/clock.ts';
import { Mailbox, type MailboxOptions, type ProducerOptions } from '../../src/client/index.ts';
import { TestServer, until } from '../support/server.ts';
import { type Fate, type Outgoing, refusal, troubledFetch } from '../support/troubled-fetch.ts';

let server: TestServer;
let topics = 0;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

function worldOf(
  fateOf: (request: Outgoing, number: number) => Fate = () => 'through',
  options: ProducerOptions = {},
  more: Partial<MailboxOptions> = {},
) {
  const topic = `t.produce.${topics++}`;
  const { fetch, requests } = troubledFetch(fateOf);
  const { url, capability } = server;
  const mailbox = new Mailbox({ url, capability, fetch, backoffBaseMs: 1, backoffMaxMs: 5, ...more });
  const plain = new Mailbox({ url, capability });
  const producer = mailbox.producer({ topic, lingerMs: 60_000, ...options });
  const depth = async (): Promise<number> => (await plain.stats(topic)).depth;
  const received = async () => (await plain.recvFrames({ topic, max_messages: 256 })).messages;
  return { topic, mailbox, producer, requests, depth, received };
}
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ payload: `${i}`, idemKey: `k${i}` }));

describe('producer (U1)', () => {
  it('gathers by count: one request when a batch is full, whatever time is left', async () => {
    const { producer, requests, received } = worldOf(() => 'through', { batchMessages: 10 });
    const accepted = await Promise.all(many(20).map((message) => producer.send(message)));
    expect(requests).toHaveLength(2);
    expect(accepted.map(({ duplicate }) => duplicate)).not.toContain(true);
    expect((await received()).map(({ idem_key }) => idem_key)).toEqual(many(20).map(({ idemKey }) => idemKey));
    expect(producer.pending).toBe(0);
  });

  it('gathers by size, and by time when there is neither', async () => {
    const bySize = worldOf(() => 'through', { batchBytes: 3000 });
    const big = (i: number) => ({ payload: new Uint8Array(1000), idemKey: `k${i}` });
    await Promise.all([0, 1, 2].map((i) => bySize.producer.send(big(i))));
    expect(bySize.requests).toHaveLength(2);
    for (const { body } of bySize.requests) expect(body.length).toBeLessThanOrEqual(3000);
    const waits: number[] = [];
    const wait = (ms: number, signal?: AbortSignal) =>
      ms === 77 ? Promise.resolve(void waits.push(ms)) : systemClock.wait(ms, signal);
    const byTime = worldOf(() => 'through', { lingerMs: 77 }, { wait });
    await byTime.producer.send({ payload: 'alone' });
    expect(waits).toEqual([77]);
  });

  it('an outcome that nobody knows: the same keys again, and each message is stored once (ID2)', async () => {
    const { producer, requests, depth } = worldOf((_, number) =>
      number < 2 ? 'unanswered' : number === 2 ? 'unsent' : 'through',
    );
    const sending = many(5).map((message) => producer.send(message));
    await producer.flush();
    const accepted = await Promise.all(sending);
    expect(accepted.map(({ duplicate }) => duplicate)).toEqual(Array.from({ length: 5 }, () => true));
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ body }) => Buffer.from(body).toString('hex'))).size).toBe(1);
    expect(await depth()).toBe(5);
  });

  it('429 and 503 are waited out as Retry-After says; a message that would take longer than retryForMs fails with the reason', async () => {
    const waits: number[] = [];
    const wait = (ms: number, signal?: AbortSignal) =>
      ms > 4000 ? Promise.resolve(void waits.push(ms)) : systemClock.wait(ms, signal);
    const busy = () => refusal(429, 'E_SATURATED', { reason: 'shard' }, 5);
    const patient = worldOf(
      (_, number) => (number < 2 ? busy() : 'through'),
      { lingerMs: 0 },
      { wait, random: () => 0 },
    );
    expect(await patient.producer.send({ payload: 'x' })).toMatchObject({ duplicate: false });
    expect(waits).toEqual([5000, 5000]);
    const hasty = worldOf(busy, { lingerMs: 0, retryForMs: 4000 });
    await expect(hasty.producer.send({ payload: 'x' })).rejects.toMatchObject({
      name: 'SaturatedError',
      reason: 'shard',
    });
    expect(hasty.requests).toHaveLength(1);
  });

  it('what is refused for good fails alone, by the class of its code', async () => {
    const { producer, topic, received } = worldOf();
    const sending = [
      producer.send({ payload: 'a', idemKey: 'one' }),
      producer.send({ payload: 'b', idemKey: 'one' }),
      producer.send({ payload: 'c', topic: 'u.not.ours' }),
      producer.send({ payload: 'd', idemKey: '' }),
      producer.send({ payload: 'a', idemKey: 'one' }),
    ];
    const settled = Promise.allSettled(sending);
    await producer.flush();
    const came = (await settled).map((one) => (one.status === 'fulfilled' ? one.value.duplicate : one.reason.name));
    expect(came).toEqual([false, 'IdemMismatchError', 'ScopeError', 'RequestError', true]);
    expect((await received()).map(({ idem_key }) => idem_key)).toEqual(['one']);
    await expect(producer.send({ topic, payload: new Uint8Array(1024 ** 2) })).rejects.toThrow(
      /payload: .*1048576 at most/,
    );
  });

  it('the buffer is bounded: enqueue waits for room, as many again may wait, more are refused', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const options = { bufferMessages: 4, batchMessages: 2 };
    const { producer, depth } = worldOf(() => 'through', options, {
      fetch: async (input, init) => {
        await gate;
        return fetch(input, init);
      },
    });
    let entered = 0;
    const entering = many(8).map((message) => producer.enqueue(message).then(() => entered++));
    await until(() => entered === 4);
    expect(producer.pending).toBe(4);
    await expect(producer.enqueue({ payload: 'x' })).rejects.toThrow('4 wait for it already (bufferMessages)');
    expect(entered).toBe(4);
    open();
    await Promise.all(entering);
    await producer.close();
    expect(await depth()).toBe(8);
    await expect(producer.send({ payload: 'x' })).rejects.toThrow('producer: it was closed');
  });

  it('flush says what enqueue took and could not send, once; onFailed says which', async () => {
    const failed: string[] = [];
    const { producer } = worldOf(() => 'through', {
      onFailed: ({ idemKey }, { message }) => failed.push(`${idemKey}: ${message}`),
    });
    await producer.enqueue({ payload: 'a', idemKey: 'one' });
    await producer.enqueue({ payload: 'b', idemKey: 'one' });
    await expect(producer.flush()).rejects.toMatchObject({
      message: expect.stringContaining('1 messages were not sent'),
      cause: { code: 'E_IDEM_MISMATCH' },
    });
    await producer.flush();
    expect(failed).toEqual([expect.stringContaining('one: idem_key')]);
  });

  it('keys of its own are never the same twice', async () => {
    const { producer, received } = worldOf();
    const sending = Array.from({ length: 200 }, () => producer.send({ payload: 'same' }));
    await producer.flush();
    await Promise.all(sending);
    const keys = (await received()).map(({ idem_key }) => idem_key);
    expect(new Set(keys).size).toBe(200);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });
});
