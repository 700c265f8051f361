import { describe, expect, it } from 'vitest';
import type { Caller, Reply, SendRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { limitsOf } from '../support/shard.ts';

const SHARDS = 2;
const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const topicOf = (shard: number): string => {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, SHARDS) === shard) return `t${i}`;
};
const sending = (topic: string): SendRequest => ({
  ...{ verb: 'send', topic, idemKey: topic, payload: new Uint8Array([1]), payloadHash: null },
  ...{ attrs: {}, corrId: '-', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
});

/** A service whose shards each have a log of their own, which become durable when told to. */
function bench(limits = limitsOf()) {
  const appended: number[] = [];
  const service = new Service({
    shards: Service.empty(SHARDS, limits),
    logs: { count: SHARDS, own: 0, of: (shard) => shard },
    random: { below: () => 0, token: () => 'receipt' },
    integrity: { payloadHashOf: () => 'b3:payload', hashChainOf: () => 'b3:chain' },
    observer: { fact: () => {} },
    effects: { append: (_batches, log) => appended.push(log) },
  });
  return { service, appended };
}

describe('several logs', () => {
  it('a shard that is given up takes its leases with it: they use up nothing that the other shards may have (BD1)', () => {
    const { service, appended } = bench(limitsOf({ globalInflight: 1 }));
    const receive = (topic: string): Reply => {
      let reply: Reply | null = null;
      const asked = {
        verb: 'recv',
        topic,
        visibilityMs: 1_000,
        messagesMax: 1,
        bytesMax: 100,
        waitMs: 0,
        acks: [],
      } as const;
      service.request(asked, everyone, 1_000_000, (answer) => {
        reply = answer;
      });
      for (const log of appended.splice(0)) service.durable(log);
      return reply as unknown as Reply;
    };
    for (const shard of [0, 1]) {
      service.request(sending(topicOf(shard)), everyone, 1_000_000, () => {});
      for (const log of appended.splice(0)) service.durable(log);
    }
    expect(receive(topicOf(0)).deliveries).toHaveLength(1);
    expect(receive(topicOf(1)).outcome).toBe('saturated_inflight');
    service.giveUp(0, [0], 'not_owner', 1_000_000);
    expect(service.inflight).toBe(0);
    expect(receive(topicOf(1)).deliveries).toHaveLength(1);
  });

  for (const [first, last] of [
    [0, 1],
    [1, 0],
  ] as const) {
    it(`batch: items of shards ${first} and ${last} are answered when both logs have them, in whatever order that is (AC1)`, () => {
      const { service, appended } = bench();
      const answers: (readonly Reply[])[] = [];
      const items = [first, last].map((shard) => ({ request: sending(topicOf(shard)), caller: everyone }));
      service.batch(items, 1_000_000, (replies) => answers.push(replies));
      expect(appended.sort()).toEqual([0, 1]);
      service.durable(last);
      expect(answers).toEqual([]);
      service.durable(first);
      expect(answers.map((replies) => replies.map(({ outcome }) => outcome))).toEqual([['ok', 'ok']]);
    });
  }
});
