import { describe, expect, it } from 'vitest';
import { integrity } from '../../src/integrity/hash-chain.ts';
import type { Integrity } from '../../src/ports/integrity.ts';
import type { Caller, Reply, Request, SendRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { limitsOf } from '../support/shard.ts';

const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const send = (key: number, payload = Buffer.alloc(100, key)): SendRequest => ({
  ...{ verb: 'send', topic: 'a', idemKey: `k${key}`, payload, payloadHash: null, attrs: {}, corrId: 'c' },
  ...{ delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
});

/** A service of one shard that counts how its payloads are hashed. */
class Bench {
  readonly together: number[] = [];
  alone = 0;
  facts: string[] = [];
  readonly service: Service;
  private token = 0;

  constructor(hashes: Integrity) {
    this.service = new Service({
      shards: Service.empty(1, limitsOf({})),
      random: { below: () => 0, token: () => `r${++this.token}` },
      integrity: {
        ...hashes,
        payloadHashOf: (payload) => {
          this.alone++;
          return hashes.payloadHashOf(payload);
        },
        ...(hashes.payloadHashesOf === undefined
          ? {}
          : {
              payloadHashesOf: (payloads) => {
                this.together.push(payloads.length);
                return hashes.payloadHashesOf!(payloads);
              },
            }),
      },
      observer: { fact: (_shard, fact) => this.facts.push(fact.name) },
      effects: { append: () => queueMicrotask(() => this.service.durable()) },
    });
  }

  all(requests: readonly Request[]): Promise<readonly Reply[]> {
    return new Promise((resolve) => {
      const items = requests.map((request) => ({ request, caller: everyone }));
      this.service.batch(items, 1_000, resolve);
    });
  }

  async recv(messagesMax: number) {
    const [reply] = await this.all([
      { verb: 'recv', topic: 'a', visibilityMs: null, messagesMax, bytesMax: 2 ** 20, waitMs: 0, acks: [] },
    ]);
    return reply?.deliveries ?? [];
  }
}

const plain: Integrity = { payloadHashOf: integrity.payloadHashOf, hashChainOf: integrity.hashChainOf };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('hashes of many', () => {
  it('a batch of sends: hashed in one go, and each message has the hashes that it has alone (T1, T2)', async () => {
    const [one, many] = [new Bench(plain), new Bench(integrity)];
    const sends = [
      ...range(9).map((key) => send(key)),
      { ...send(3), payloadHash: 'b3:wrong' },
      send(3, Buffer.alloc(7)),
    ];
    const replies = await many.all(sends);
    expect(replies).toEqual(await one.all(sends));
    expect(replies.map(({ outcome }) => outcome).slice(-2)).toEqual(['integrity', 'idem_mismatch']);
    expect([many.together, many.alone, one.together]).toEqual([[11], 0, []]);
    // Of shards that are ahead of the time that came with them too.
    many.service.tick(5_000);
    one.service.tick(5_000);
    const later = [send(20), send(21)];
    expect(await many.all(later)).toEqual(await one.all(later));
  });

  it('a recv hashes up to four payloads together, and none that it may not give out; long ones alone', async () => {
    const bench = new Bench(integrity);
    await bench.all([...range(9).map((key) => send(key)), send(9, Buffer.alloc(2_000, 9)), send(10)]);
    bench.together.length = 0;
    expect(await bench.recv(2)).toHaveLength(2);
    expect([bench.together, bench.alone]).toEqual([[2], 0]);
    expect((await bench.recv(9)).map(({ idemKey }) => idemKey)).toEqual(
      range(11)
        .slice(2)
        .map((key) => `k${key}`),
    );
    // Seven short ones; the long one, which is asked about first and takes the one behind it along.
    expect([bench.together, bench.alone]).toEqual([[2, 4, 3, 2], 0]);
  });

  it('damage at rest is found wherever it is among them, and goes to the dead letters in its turn (IN1)', async () => {
    const told: unknown[] = [];
    for (const hashes of [plain, integrity]) {
      const bench = new Bench(hashes);
      const payloads = range(8).map((key) => Buffer.alloc(100, key));
      await bench.all(payloads.map((payload, key) => send(key, payload)));
      bench.facts = [];
      for (const at of [0, 2, 3, 7]) payloads[at]![50]! ^= 1;
      const given = await bench.recv(8);
      expect(given.map(({ idemKey }) => idemKey)).toEqual(['k1', 'k4', 'k5', 'k6']);
      told.push(bench.facts);
    }
    expect(told[1]).toEqual(told[0]);
  });
});
