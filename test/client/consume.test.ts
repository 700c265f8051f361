import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/client/clock.ts';
import {
  type ConsumeOptions,
  type DeadLetter,
  type Handler,
  Mailbox,
  type MailboxOptions,
  Reject,
  RetryLater,
  type Trouble,
} from '../../src/client/index.ts';
import { readRecv } from '../../src/wire/binary.ts';
import { FLAG } from '../../src/wire/frame.ts';
import { readUnits } from '../../src/wire/units.ts';
import { MovedTime } from '../support/moved-time.ts';
import { TestServer, until } from '../support/server.ts';
import { type Fate, type Outgoing, refusal, troubledFetch } from '../support/troubled-fetch.ts';

let server: TestServer;
let topics = 0;
beforeAll(async () => {
  server = await TestServer.start({ backoff_base: '1ms', backoff_max: '5ms' });
});
afterAll(() => server.stop());

/** A topic of its own with so many messages, and a consumer of it whose requests have this fate. */
async function worldOf(
  count: number,
  fateOf: (request: Outgoing, number: number) => Fate = () => 'through',
  more: Partial<MailboxOptions> = {},
  on = server,
) {
  const topic = `t.consume.${topics++}`;
  const plain = new Mailbox({ url: on.url, capability: on.capability });
  const keys = Array.from({ length: count }, (_, i) => `k${i}`);
  const empty = { payload: new Uint8Array(), topic };
  if (count > 0) await plain.sendFrames(keys.map((key) => ({ ...empty, idem_key: key })));
  const { fetch, requests, paths, underWay } = troubledFetch(fateOf);
  const mailbox = new Mailbox({
    url: on.url,
    capability: on.capability,
    fetch,
    backoffBaseMs: 1,
    backoffMaxMs: 5,
    ...more,
  });
  const troubles: Trouble[] = [];
  const options: ConsumeOptions = { visibilityMs: 10_000, waitMs: 200, onTrouble: (trouble) => troubles.push(trouble) };
  const consume = (handler: Handler, other: ConsumeOptions = {}) =>
    mailbox.consume(topic, handler, { ...options, ...other });
  const loop = (other: ConsumeOptions = {}) => mailbox.consume(topic, { ...options, ...other });
  const kinds = () => troubles.map(({ kind }) => kind);
  return {
    topic,
    plain,
    mailbox,
    keys,
    requests,
    paths,
    underWay,
    troubles,
    kinds,
    consume,
    loop,
    depth: async () => (await plain.stats(topic)).depth,
  };
}
/** Whether the recv in this body of frames has acks riding on it. */
function bringsAcks(body: Buffer): boolean {
  const [unit] = readUnits(body, { kind: FLAG.REQ, unitsMax: 1, expand: null }).units;
  const said = readRecv(unit!.head);
  return typeof said !== 'string' && said.body.acks !== undefined;
}

describe('consume with a handler (U1)', () => {
  it('acks what the handler returns from, so many at once and no more, in requests that bring the next ones', async () => {
    const { keys, consume, depth, paths, kinds } = await worldOf(40);
    const seen: string[] = [];
    let running = 0;
    let most = 0;
    const consumer = consume(
      async (message) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(message.key);
        running--;
      },
      { concurrency: 4 },
    );
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    await consumer.done;
    expect(seen.toSorted()).toEqual(keys.toSorted());
    expect(most).toBe(4);
    expect(kinds()).toEqual([]);
    // One request a message would be twice as many.
    expect(paths().length).toBeLessThan(60);
  });

  it('gives back with the reason what the handler throws; Reject to the dead letters at once, RetryLater when it says', async () => {
    const { topic, consume, troubles } = await worldOf(3);
    const seen: [string, number][] = [];
    const consumer = consume(({ key, attempt }) => {
      seen.push([key, attempt]);
      if (key === 'k0') throw new Reject('no such order');
      if (key === 'k1' && attempt === 1) throw new TypeError('bad\u0000 luck');
      if (key === 'k2' && attempt === 1) throw new RetryLater(0);
    });
    await until(() => seen.length === 5);
    await consumer.stop();
    expect(seen).toContainEqual(['k1', 2]);
    expect(seen).toContainEqual(['k2', 2]);
    expect(troubles.map((trouble) => trouble.kind)).toEqual(['handler', 'handler', 'handler']);
    const admin = new Mailbox({ url: server.url, capability: server.cap(`topic = ${topic}`, 'op = admin') });
    const dead: DeadLetter[] = [];
    for await (const letter of admin.eachDeadLetter({ topic })) dead.push(letter);
    expect(dead).toMatchObject([{ idem_key: 'k0', reason: 'rejected', last_error: 'no such order' }]);
  });

  it('a lost answer to an ack, riding or alone: it is said again until it is answered, and nothing is handled twice (LE4)', async () => {
    let lost = 0;
    const isAck = ({ path, body }: Outgoing) =>
      path === '/v1/ack/batch' || (path === '/v1/recv' && bringsAcks(Buffer.from(body)));
    const { keys, consume, depth, kinds } = await worldOf(12, (request) =>
      isAck(request) && lost++ % 2 === 0 ? 'unanswered' : 'through',
    );
    const seen: string[] = [];
    const consumer = consume(({ key }) => void seen.push(key), { concurrency: 3, visibilityMs: 1000 });
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    // What came with an answer that was lost comes again when its lease is over.
    expect(seen.toSorted()).toEqual(keys.toSorted());
    expect(new Set(kinds())).toEqual(new Set(['retrying']));
    expect(lost).toBeGreaterThan(3);
  });

  it('429 and 503: asks again, not before Retry-After, and settles on the way (D6)', async () => {
    const waits: number[] = [];
    const { consume, depth, troubles } = await worldOf(
      2,
      (_, number) =>
        number === 0
          ? refusal(503, 'E_UNAVAILABLE', { reason: 'starting' }, 7)
          : number === 1
            ? refusal(429, 'E_SATURATED', { reason: 'quota' }, 3)
            : 'through',
      {
        random: () => 0.5,
        wait: (ms, signal) => {
          if (ms < 3000 || ms === 30_000) return systemClock.wait(ms, signal);
          waits.push(ms);
          return Promise.resolve();
        },
      },
    );
    const consumer = consume(() => {});
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    expect(waits.slice(0, 2)).toEqual([7001, 3002]);
    expect(troubles).toMatchObject([
      { kind: 'retrying', ms: 7001, error: { reason: 'starting' } },
      { kind: 'retrying', ms: 3002, error: { reason: 'quota', retryable: true } },
    ]);
  });

  it('401 and 403 end it: done rejects with the class of the code, what is in hand is let go on', async () => {
    const { consume, mailbox } = await worldOf(0);
    const other = mailbox.consume('u.not.ours', () => {});
    await expect(other.done).rejects.toMatchObject({
      name: 'ScopeError',
      code: 'E_CAP_SCOPE',
      status: 403,
      retryable: false,
    });
    const { consume: second } = await worldOf(1, ({ path }, number) =>
      path === '/v1/recv' && number > 0 ? refusal(401, 'E_CAP_AUTH') : 'through',
    );
    let finished = false;
    const ended = second(
      async () => {
        await new Promise((resolve) => setImmediate(resolve));
        finished = true;
      },
      { concurrency: 2 },
    );
    await expect(ended.done).rejects.toMatchObject({ name: 'CapabilityError', code: 'E_CAP_AUTH' });
    expect(finished).toBe(true);
    await consume(() => {}).stop();
  });

  it('a capability from a function is asked for each request, so that it can be renewed', async () => {
    let given = 0;
    const { consume, depth, requests } = await worldOf(2, () => 'through', {
      capability: async () => {
        given++;
        return server.cap('topic prefix t', 'op = recv,ack');
      },
    });
    const consumer = consume(() => {});
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    expect(given).toBe(requests.length);
    expect(new Set(requests.map(({ token }) => token)).size).toBe(given);
  });

  it('stop: asks for nothing more, settles what is in hand and takes no longer than stopMs', async () => {
    const { consume, depth, paths } = await worldOf(5);
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const consumer = consume(() => gate, { concurrency: 2, prefetch: 1 });
    await until(async () => (await depth()) === 5 && paths().length > 0);
    const stopped = consumer.stop();
    release();
    await stopped;
    expect(await depth()).toBe(2);

    const aborting = new AbortController();
    const { consume: slow, troubles } = await worldOf(1);
    let signal: AbortSignal | undefined;
    const stuck = slow(
      (message) => {
        signal = message.signal;
        return new Promise(() => {});
      },
      { signal: aborting.signal, stopMs: 30 },
    );
    await until(() => signal !== undefined);
    aborting.abort();
    await stuck.done;
    expect(signal?.aborted).toBe(true);
    expect(troubles).toMatchObject([{ kind: 'lease_lost', error: { message: expect.stringContaining('stopMs') } }]);
  });

  it('a message whose hash does not hold reaches no handler and is given back (T1, T2)', async () => {
    const spoil = { n: 0 };
    const { plain, topic, troubles } = await worldOf(0);
    await plain.sendBytes({ topic, idem_key: 'k', payload: new TextEncoder().encode('hello-hello') });
    const spoiling: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/v1/recv') || spoil.n++ > 0) return response;
      const text = Buffer.from(await response.arrayBuffer())
        .toString('latin1')
        .replace('hello-hello', 'hello-hallo');
      return new Response(Buffer.from(text, 'latin1'), { status: response.status, headers: response.headers });
    };
    const receiver = new Mailbox({ url: server.url, capability: server.capability, fetch: spoiling });
    const seen: string[] = [];
    const consumer = receiver.consume(topic, (message) => void seen.push(`${message.text()} ${message.attempt}`), {
      onTrouble: (trouble) => troubles.push(trouble),
    });
    await until(() => seen.length > 0);
    await consumer.stop();
    expect(seen).toEqual(['hello-hello 2']);
    expect(troubles).toMatchObject([{ kind: 'integrity', field: 'payload_hash' }]);
  });

  it('what is settled is decided once: by the handler itself, before it returns or throws', async () => {
    const { consume, depth, topic } = await worldOf(3);
    const answers: boolean[] = [];
    const consumer = consume(
      async (message) => {
        if (message.key === 'k0') answers.push(await message.nack({ deadLetter: true, reason: 'by hand' }));
        else answers.push(await message.ack());
        if (message.key === 'k1') throw new Error('too late to say so');
      },
      { concurrency: 3 },
    );
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    expect(answers).toEqual([true, true, true]);
    const { body } = await server.ask('GET', `/v1/stats?topic=${topic}`);
    expect(body).toMatchObject({ depth: 0, dead_lettered: 1 });
  });

  it('no answer to an ack until stopMs: ack says false, and nothing is waited for any longer', async () => {
    const isAck = ({ path, body }: Outgoing) =>
      path === '/v1/ack/batch' || new TextDecoder().decode(body).includes('"acks"');
    const { consume, troubles } = await worldOf(1, (request) => (isAck(request) ? 'unsent' : 'through'));
    let answer: boolean | undefined;
    const consumer = consume(
      async (message) => {
        answer = await message.ack();
      },
      { stopMs: 50 },
    );
    await until(() => troubles.length > 2);
    await consumer.stop();
    await until(() => answer !== undefined);
    expect(answer).toBe(false);
    expect(troubles.at(-1)).toMatchObject({
      kind: 'lease_lost',
      error: { message: expect.stringContaining('stopMs') },
    });
  });

  it('a capability that cannot be given at the moment is asked for again', async () => {
    let asked = 0;
    const { consume, depth, troubles } = await worldOf(1, () => 'through', {
      capability: () => {
        if (asked++ < 2) throw new Error('the vault is closed');
        return server.capability;
      },
    });
    const consumer = consume(() => {});
    await until(async () => (await depth()) === 0);
    await consumer.stop();
    expect(troubles).toMatchObject(
      Array.from({ length: 2 }, () => ({
        kind: 'retrying',
        error: { message: expect.stringContaining('the vault is closed') },
      })),
    );
  });

  it('options out of their range are refused by name and limit', async () => {
    const { consume } = await worldOf(0);
    expect(() => consume(() => {}, { concurrency: 257 })).toThrow('concurrency 257: must be a whole number 1..256');
    expect(() => consume(() => {}, { concurrency: 2, prefetch: 3 })).toThrow('prefetch 3: must be a whole number 0..2');
    expect(() => consume(() => {}, { visibilityMs: 1 })).toThrow(
      'visibilityMs 1: must be a whole number 250..43200000',
    );
  });
});

describe('consume in a loop (U1)', () => {
  it('hands out as many as are not settled; ends after stop, when all of them are', async () => {
    const { keys, loop, depth } = await worldOf(10);
    const messages = loop({ concurrency: 3 });
    const seen: string[] = [];
    for await (const message of messages) {
      seen.push(message.key);
      expect(await message.ack()).toBe(true);
      if (seen.length === 10) void messages.stop();
    }
    expect(seen).toEqual(keys);
    expect(await depth()).toBe(0);
  });

  it('work that is begun and not awaited: no more than concurrency at once, each acked when it is done', async () => {
    const { keys, loop, depth } = await worldOf(20);
    const messages = loop({ concurrency: 5 });
    const done: string[] = [];
    let running = 0;
    let most = 0;
    const work = async (message: { key: string; ack(): Promise<boolean> }): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      await message.ack();
      done.push(message.key);
      if (done.length === 20) await messages.stop();
    };
    for await (const message of messages) void work(message);
    expect(done.toSorted()).toEqual(keys.toSorted());
    expect(most).toBeLessThanOrEqual(5);
    expect(await depth()).toBe(0);
  });

  it('leaving it by break or by an error gives back at once what was not acked, and nothing is acked by itself', async () => {
    const { loop, keys } = await worldOf(4);
    for await (const message of loop({ concurrency: 4 })) {
      expect(message.attempt).toBe(1);
      break;
    }
    await expect(
      (async () => {
        for await (const { attempt } of loop({ concurrency: 4 })) throw new Error(`attempt ${attempt}`);
      })(),
    ).rejects.toThrow('attempt 2');
    const seen: string[] = [];
    for await (const message of loop()) {
      seen.push(message.key);
      await message.ack();
      if (seen.length === 4) break;
    }
    expect(seen.toSorted()).toEqual(keys);
  });

  it('what it cannot go on from is thrown in the loop', async () => {
    const { mailbox } = await worldOf(0);
    await expect(mailbox.consume('u.not.ours').next()).rejects.toMatchObject({ name: 'ScopeError', status: 403 });
  });
});

describe('leases of a consumer, by a clock that goes when the test says (LE4, LE5)', () => {
  const VISIBILITY_MS = 600;
  const time = new MovedTime();
  let timed: TestServer;
  beforeAll(async () => {
    timed = await TestServer.start({ backoff_base: '1ms', backoff_max: '5ms' }, 'hot-direct', { time });
  });
  afterAll(() => timed.stop());

  const isExtend = (path: string): boolean => path.startsWith('/v1/extend/');
  const leasesOf = async (count: number, fate: Fate) => {
    const { nowMs, wait } = time;
    let most = 0;
    const fateOf = ({ path }: Outgoing): Fate => {
      most = Math.max(most, world.underWay().filter(isExtend).length);
      return isExtend(path) ? fate : 'through';
    };
    const world = await worldOf(count, fateOf, { nowMs, wait }, timed);
    const turn = () => new Promise(setImmediate);
    /** So much time, in steps within which every extend is answered, and the answer taken. */
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += VISIBILITY_MS / 6) {
        time.pass(VISIBILITY_MS / 6);
        await turn();
        await until(() => !world.underWay().some(isExtend));
        await turn();
      }
    };
    /** Until nothing is left, and the consumer is gone. */
    const over = async (consumer: { stop(): Promise<void> }): Promise<void> => {
      await until(async () => (await world.depth()) === 0);
      let isOver = false;
      void consumer.stop().then(() => {
        isOver = true;
      });
      await until(async () => {
        await pass(VISIBILITY_MS);
        return isOver;
      });
    };
    return { ...world, pass, over, most: () => most, extended: () => world.paths().filter(isExtend).length };
  };

  it('keeps a lease up while its handler runs, several times as long as it is', async () => {
    const { consume, pass, over, extended, kinds } = await leasesOf(1, 'through');
    const seen: number[] = [];
    const consumer = consume(
      async ({ attempt }) => {
        seen.push(attempt);
        await pass(5 * VISIBILITY_MS);
      },
      { visibilityMs: VISIBILITY_MS, concurrency: 2 },
    );
    await over(consumer);
    expect(seen).toEqual([1]);
    expect(extended()).toBeGreaterThanOrEqual(5);
    expect(kinds()).toEqual([]);
  });

  it('many slow handlers: all leases are kept up, a few requests at once', async () => {
    const { consume, pass, over, extended, most, kinds } = await leasesOf(40, 'through');
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const seen: number[] = [];
    const consumer = consume(
      ({ attempt }) => {
        seen.push(attempt);
        return gate;
      },
      { visibilityMs: VISIBILITY_MS, concurrency: 64 },
    );
    await until(() => seen.length === 40);
    await pass(5 * VISIBILITY_MS);
    release();
    await over(consumer);
    expect(seen).toEqual(new Array(40).fill(1));
    expect(extended()).toBeGreaterThanOrEqual(5 * 40);
    expect(most()).toBeLessThanOrEqual(8);
    expect(kinds()).toEqual([]);
  });

  it('a lease that cannot be kept up ends with its signal; the message comes again, and the late answer changes nothing (LE3)', async () => {
    const { topic, plain, consume, pass, over, extended, troubles } = await leasesOf(1, 'unsent');
    const seen: number[] = [];
    let acked: boolean | null = null;
    const consumer = consume(
      async (message) => {
        seen.push(message.attempt);
        if (message.attempt > 1) return;
        while (!message.signal.aborted) await pass(1);
        acked = await message.ack();
        await until(async () => (await plain.stats(topic)).redelivered === 1);
        await pass(1);
      },
      { visibilityMs: VISIBILITY_MS, concurrency: 2 },
    );
    await over(consumer);
    expect(seen).toEqual([1, 2]);
    expect(acked).toBe(false);
    expect(extended()).toBeGreaterThan(0);
    expect(troubles).toMatchObject([{ kind: 'lease_lost', error: { code: 'E_LEASE_LOST' } }]);
  });
});
