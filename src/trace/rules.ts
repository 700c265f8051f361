import { RETRY_AFTER_MS_MAX } from '../../spec/vocabulary.ts';
import type { MessageVariables } from './format.ts';
import type { SpecMessage, SpecShard } from './spec-shard.ts';

/** What a branch of an action asks: the shard, the message, its variables before, and what the step says they became. */
export interface Asked {
  readonly shard: SpecShard;
  readonly message: SpecMessage;
  readonly before: MessageVariables;
  readonly after: MessageVariables;
  /** Leases of all shards. */
  readonly inflight: number;
}

interface Conjunct {
  /** As it stands in `tla/Mailbox.tla`. */
  readonly says: string;
  holds(asked: Asked): boolean;
}

/** One way in which an action may happen: what must hold, and what becomes of the message's variables. */
export interface Branch {
  readonly name: string;
  readonly guards: readonly Conjunct[];
  /** What the specification makes of the variables; choices that are free are taken from the step. */
  becomes(asked: Asked): MessageVariables;
}

const must = (says: string, holds: Conjunct['holds']): Conjunct => ({ says, holds });

const absent = must('state[m] = "absent"', ({ before }) => before.state === 'absent');
const noLiveKey = must('~LiveKey(m)', ({ shard, message }) => !shard.keys.has(message.key));
const dedupRoom = must('Windows < DedupCapacity', ({ shard }) => shard.keys.size < shard.c.DedupCapacity);
const shardRoom = must('Depth < ShardCapacity', ({ shard }) => shard.depth < shard.c.ShardCapacity);
const waits = must(
  'state[m] \\in Waiting',
  ({ before }) => before.state === 'queued' || before.state === 'redelivered',
);
const available = must('timer[m] = 0', ({ before }) => before.timer === 0);
const first = must('First(m): no earlier message of the topic is available', ({ shard, message }) => {
  return shard.first(message.topic) === message;
});
const inflightRoom = must(
  'Inflight + Elsewhere < GlobalInflight',
  ({ shard, inflight }) => inflight < shard.c.GlobalInflight,
);
const leased = must('state[m] = "leased"', ({ before }) => before.state === 'leased');
const inTime = must('timer[m] > 0', ({ before }) => before.timer > 0);
const over = must('timer[m] = 0', ({ before }) => before.timer === 0);
const attemptsLeft = must('AttemptsLeft(m)', ({ before, shard }) => before.attempt < shard.c.MaxAttempts);
const attemptsSpent = must('~AttemptsLeft(m)', ({ before, shard }) => before.attempt >= shard.c.MaxAttempts);
const mayExtend = must('MayExtend(m, length)', ({ before, after }) => after.timer <= before.left);
const releasesLeft = must('ReleasesLeft(m)', ({ before, shard }) => before.releases < shard.c.ReleasesMax);
const releasesSpent = must('~ReleasesLeft(m)', ({ before, shard }) => before.releases >= shard.c.ReleasesMax);
const dead = must('state[m] = "dead_lettered"', ({ before }) => before.state === 'dead_lettered');
const redrivesLeft = must('RedrivesLeft(m)', ({ before, shard }) => before.redrives < shard.c.MaxRedrives);
const ttlIsOver = must('ttl[m] = 0', ({ before }) => before.ttl === 0);
const ttlNotOver = must('~TtlIsOver(m)', ({ before }) => before.ttl !== 0);
const retentionOn = must('ReadyRetention > 0', ({ shard }) => shard.c.ReadyRetention > 0);
const retentionIsOver = must('keep[m] = 0', ({ before }) => before.keep === 0);
const someTime = must('length \\in Visibilities', ({ after }) => after.visibility > 0);
const dlqTopicRoom = must('Len(DeadOf(m)) < DlqMaxPerTopic', ({ shard, message }) => {
  return message.topic.dead.size < shard.c.DlqMaxPerTopic;
});
const dlqRoom = must('Len(dlq) < DlqCapacity', ({ shard }) => shard.dead.size < shard.c.DlqCapacity);
const backoffWithin = must('backoff \\in Backoffs(m)', ({ after, before, shard }) => {
  return after.timer <= Math.min(shard.c.BackoffMax, shard.c.BackoffBase * 2 ** before.attempt);
});
/** Which ones nacks ask for is not among the constants of a trace: the range of `retry_after_ms` bounds them. */
const wantedOrBackoff = must(
  'backoff \\in NackBackoffs(m)',
  (asked) => asked.after.timer <= RETRY_AFTER_MS_MAX || backoffWithin.holds(asked),
);
const askedFor = must('why \\in Asked', ({ after }) => after.reason === 'rejected' || after.reason === 'integrity');

const holds = [leased, inTime];
/** A trace has no room made in the same step: the purge that makes it is a step of its own, before. */
const room = [dlqTopicRoom, dlqRoom];

const end = (before: MessageVariables, state: MessageVariables['state']): MessageVariables => ({
  ...before,
  state,
  releases: 0,
  receipt: 0,
  timer: 0,
  left: 0,
  visibility: 0,
  ttl: -1,
  keep: 0,
  reason: 'none',
  error: 'none',
});
const deadLetter = (
  { before, shard }: Asked,
  reason: MessageVariables['reason'],
  error: MessageVariables['error'],
): MessageVariables => ({ ...end(before, 'dead_lettered'), keep: shard.c.DlqRetention, reason, error });
const giveBack = ({ before, after, shard }: Asked, error: MessageVariables['error']): MessageVariables => ({
  ...before,
  state: 'redelivered',
  releases: 0,
  receipt: 0,
  timer: after.timer,
  left: 0,
  visibility: 0,
  error,
  keep: shard.c.ReadyRetention,
});
const returns = (
  error: MessageVariables['error'],
  guards: readonly Conjunct[],
  backoff: Conjunct,
): readonly Branch[] => [
  {
    name: 'GiveBack',
    guards: [...guards, attemptsLeft, backoff],
    becomes: (asked) => giveBack(asked, error),
  },
  {
    name: 'DeadLetter for want of attempts',
    guards: [...guards, attemptsSpent, ...room],
    becomes: (asked) => deadLetter(asked, 'max_attempts', error),
  },
];

/** Every action of `tla/Mailbox.tla` that a step may be, branch by branch. */
export const RULES: Readonly<Record<string, readonly Branch[]>> = {
  Send: [
    {
      name: 'Send',
      guards: [absent, noLiveKey, dedupRoom, shardRoom],
      becomes: ({ before, after, shard }) => ({
        ...before,
        state: 'queued',
        timer: after.timer,
        ttl: after.ttl,
        keep: shard.c.ReadyRetention,
        window: shard.c.TReplay,
      }),
    },
  ],
  Recv: [
    {
      name: 'Recv',
      guards: [waits, available, first, inflightRoom, someTime],
      becomes: ({ before, after, shard }) => ({
        ...before,
        state: 'leased',
        attempt: before.attempt + 1,
        epoch: before.epoch + 1,
        receipt: before.epoch + 1,
        timer: after.visibility,
        left: shard.c.InflightFactor * after.visibility,
        visibility: after.visibility,
        keep: 0,
      }),
    },
  ],
  Ack: [{ name: 'Ack', guards: holds, becomes: ({ before }) => end(before, 'acked') }],
  Nack: [
    ...returns('nacked', holds, wantedOrBackoff),
    {
      name: 'DeadLetter as asked',
      guards: [...holds, askedFor, ...room],
      becomes: (asked) => deadLetter(asked, asked.after.reason, 'nacked'),
    },
  ],
  Extend: [
    {
      name: 'Extend',
      guards: [...holds, mayExtend],
      becomes: ({ before, after }) => ({ ...before, timer: after.timer }),
    },
  ],
  Release: [
    {
      name: 'TakeBack',
      guards: [...holds, releasesLeft],
      becomes: ({ before, shard }) => ({
        ...before,
        state: before.attempt === 1 ? 'queued' : 'redelivered',
        attempt: before.attempt - 1,
        releases: before.releases + 1,
        receipt: 0,
        timer: 0,
        left: 0,
        visibility: 0,
        keep: shard.c.ReadyRetention,
      }),
    },
    ...returns('released', [...holds, releasesSpent], backoffWithin),
  ],
  Expire: [
    ...returns('expired', [leased, over], backoffWithin),
    {
      name: 'DeadLetter by its ttl',
      guards: [waits, ttlIsOver, ...room],
      becomes: (asked) => deadLetter(asked, 'ttl', asked.before.error),
    },
    {
      name: 'DeadLetter by its retention',
      guards: [waits, retentionOn, retentionIsOver, ttlNotOver, ...room],
      becomes: (asked) => deadLetter(asked, 'retention', asked.before.error),
    },
  ],
  Reprocess: [
    {
      name: 'Reprocess',
      guards: [dead, redrivesLeft, shardRoom],
      becomes: ({ before, shard }) => ({
        ...before,
        state: 'queued',
        attempt: 0,
        redrives: before.redrives + 1,
        keep: shard.c.ReadyRetention,
        reason: 'none',
        error: 'none',
      }),
    },
  ],
  Purge: [{ name: 'Purge', guards: [dead], becomes: ({ before }) => end(before, 'purged') }],
};
