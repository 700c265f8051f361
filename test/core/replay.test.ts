import { describe, expect, it } from 'vitest';
import { advance } from '../../src/core/advance.ts';
import type { Command } from '../../src/core/commands.ts';
import { due } from '../../src/core/due.ts';
import { replay } from '../../src/core/replay.ts';
import type { ShardState } from '../../src/core/state.ts';
import { limitsOf, Recorder, sendOf, shardOf } from '../support/shard.ts';

const LIMITS = { tReplayMs: 100 };

const namesIn = (state: ShardState) => Array.from({ length: state.slotCount }, (_, slot) => state.in(slot)?.msgId);

describe('replay', () => {
  it('slots: freed in the same order however often time was looked at (PrefixProp)', () => {
    const recorder = new Recorder(shardOf(LIMITS));
    const send = (atMs: number, key: string, ttlMs = Number.POSITIVE_INFINITY): string =>
      recorder.run(sendOf(atMs, 't', key, { ttlMs })).facts[0]!.msgId;
    // One is acked at 20 and forgotten with its receipt at 120; one dies of its ttl and is forgotten with its window, at 150.
    const acked = send(10, 'a');
    const lease = {
      name: 'recv',
      topic: 't',
      receipt: 'r',
      visibilityMs: 1000,
      bytesMax: 9,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    } as const;
    recorder.run({ ...lease, atMs: 20 });
    recorder.run({ name: 'ack', atMs: 20, msgId: acked, receipt: 'r' });
    const purged = send(50, 'b', 5);
    advance(recorder.state, 55);
    recorder.run(due(recorder.state, 0) as Command);
    recorder.run({ name: 'purge', atMs: 60, msgId: purged, reason: 'admin' });
    // The live shard looks at every millisecond; a replay sees the facts only.
    for (let atMs = 61; atMs < 400; atMs++) advance(recorder.state, atMs);
    send(400, 'c');
    send(400, 'd');
    const again = replay(0, limitsOf(LIMITS), recorder.facts);
    expect(namesIn(again)).toEqual(namesIn(recorder.state));
  });
});
