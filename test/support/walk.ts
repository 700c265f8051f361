import { advance } from '../../src/core/advance.ts';
import type { Command } from '../../src/core/commands.ts';
import { due } from '../../src/core/due.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { ShardState } from '../../src/core/state.ts';
import fc from './properties.ts';
import { Recorder, sendOf, shardOf } from './shard.ts';

/** Small bounds, so that every refusal is met often. */
export const SMALL = {
  shardCapacity: 3,
  globalInflight: 2,
  dedupCapacity: 4,
  settledCapacity: 3,
  dlqMaxPerTopic: 2,
  dlqCapacity: 3,
  maxAttempts: 2,
  maxRedrives: 1,
  inflightFactor: 2,
  backoffBaseMs: 2,
  backoffMaxMs: 5,
  tReplayMs: 40,
  readyRetentionMs: 60,
  dlqRetentionMs: 80,
  defaultVisibilityMs: 10,
  tenantShare: 0,
};

/** Room for structures of hundreds, which no model and no small bound reaches. */
export const LARGE = {
  ...SMALL,
  shardCapacity: 250,
  globalInflight: 120,
  dedupCapacity: 400,
  settledCapacity: 60,
  dlqMaxPerTopic: 30,
  dlqCapacity: 50,
  tReplayMs: 90,
  readyRetentionMs: 120,
  dlqRetentionMs: 60,
};

/** What to do next, loosely: ids and receipts are taken of those seen. */
interface Step {
  readonly what: Command['name'] | 'due';
  readonly pass: number;
  readonly a: number;
  readonly b: number;
  readonly jitter: number;
  readonly flag: boolean;
}
export const anyStep: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    'send',
    'send',
    'recv',
    'recv',
    'ack',
    'nack',
    'extend',
    'release',
    'expire',
    'reprocess',
    'purge',
    'due',
    'due',
  ),
  pass: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 15 })),
  a: fc.nat(9),
  b: fc.nat(9),
  jitter: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  flag: fc.boolean(),
});
/** Anything, and more of what fills and empties heaps; any message and any key; little time between. */
const OFTEN = [
  ...(['send', 'send', 'send', 'send', 'recv', 'recv', 'recv'] as const),
  ...(['ack', 'ack', 'nack', 'extend', 'due'] as const),
];
const anyLargeStep: fc.Arbitrary<Step> = fc
  .tuple(anyStep, fc.nat(2 * OFTEN.length - 1), fc.nat(400), fc.nat(400))
  .map(([step, often, a, b]) => ({
    ...step,
    what: OFTEN[often] ?? step.what,
    pass: step.pass % 4 === 0 ? 1 : 0,
    a: often % 4 === 0 ? step.a : a,
    b: often % 3 === 0 ? step.b : b,
    flag: often % 8 !== 7,
  }));
export const largeWalks = fc.array(anyLargeStep, { minLength: 500, maxLength: 700 });
export const walks = fc.array(anyStep, { minLength: 5, maxLength: 60 });

/** A random walk of one shard. */
export class Walk {
  readonly recorder: Recorder;
  atMs = 1000;
  readonly msgIds: string[] = ['01ARZ3NDEKTSV4RRFFQ69G5FAV'];
  readonly receipts: string[] = ['never-issued'];

  private readonly topics: readonly string[];

  /** Nothing is ever sent to the last of the topics. */
  constructor(limits: Partial<Limits> = SMALL, topics: readonly string[] = ['t0', 't1', 't2']) {
    this.topics = topics;
    this.recorder = new Recorder(shardOf(limits));
  }

  get state(): ShardState {
    return this.recorder.state;
  }

  pass(ms: number): void {
    this.atMs += ms;
    advance(this.state, this.atMs);
  }

  command({ what, a, b, jitter, flag }: Step): Command | null {
    const { atMs } = this;
    const msgId = this.msgIds.at(-1 - (a % this.msgIds.length)) as string;
    const receipt = flag
      ? (this.state.find(msgId)?.receipt ?? 'none')
      : (this.receipts.at(-1 - (b % this.receipts.length)) as string);
    switch (what) {
      case 'send': {
        const ttlMs = b % 10 < 3 ? 10 + b : Number.POSITIVE_INFINITY;
        return sendOf(atMs, this.topics[a % (this.topics.length - 1)] as string, `k${b}`, {
          payloadHash: flag ? 'b3:a' : 'b3:b',
          delayMs: a % 10 > 6 ? a : 0,
          ttlMs,
        });
      }
      case 'recv':
        return {
          name: 'recv',
          atMs,
          topic: this.topics[a % this.topics.length] as string,
          receipt: `r${this.receipts.length}`,
          visibilityMs: 5 + b,
          bytesMax: b === 0 ? 1 : Number.POSITIVE_INFINITY,
          inflightElsewhere: flag ? 0 : b % 2,
          tenantInflightElsewhere: flag || a % 2 > 0 ? 0 : b % 2,
        };
      case 'ack':
        return { name: 'ack', atMs, msgId, receipt };
      case 'nack':
        return {
          name: 'nack',
          atMs,
          msgId,
          receipt,
          jitter,
          reason: flag ? 'why' : null,
          retryAfterMs: b % 10 < 5 ? b * 3 : null,
          deadLetter: b % 10 === 9,
          damaged: a === 9 && b === 9,
        };
      case 'extend':
        return { name: 'extend', atMs, msgId, receipt, visibilityMs: b % 10 < 5 ? b + 1 : null };
      case 'release':
        return { name: 'release', atMs, msgId, receipt, jitter };
      case 'expire':
        return { name: 'expire', atMs, msgId, epoch: flag ? (this.state.find(msgId)?.epoch ?? 0) : b, jitter };
      case 'reprocess':
        return { name: 'reprocess', atMs, msgId };
      case 'purge':
        return { name: 'purge', atMs, msgId, reason: 'admin' };
      case 'due':
        return due(this.state, jitter);
    }
  }

  step(step: Step): void {
    this.pass(step.pass);
    const command = this.command(step);
    if (command === null) return;
    const { facts } = this.recorder.run(command);
    for (const fact of facts) {
      if (fact.name === 'sent') this.msgIds.push(fact.msgId);
      if (fact.name === 'received') this.receipts.push(fact.receipt);
    }
  }
}
