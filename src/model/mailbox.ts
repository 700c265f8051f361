import { ACTION_OF, EVENTS, REFUSAL_OF, SAID_AGAIN, STATES, WORLD_ACTIONS } from '../../spec/vocabulary.ts';
import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';
import { type Constants, readConstants } from './constants.ts';
import type { Variables } from './graph.ts';
import { BOOLEAN, functionOver, NUMBER, names, sequence, subset, tuple } from './values.ts';

/** The constants of `tla/Mailbox.tla` as numbers. Times are ticks; the explorer makes a tick a millisecond. */
export interface MailboxConstants {
  readonly N: number;
  readonly TopicOf: readonly number[];
  readonly TenantOf: readonly number[];
  readonly KeyOf: readonly number[];
  readonly SizeOf: readonly number[];
  readonly Delays: readonly number[];
  readonly Ttls: readonly number[];
  readonly Visibilities: readonly number[];
  readonly Budgets: readonly number[];
  readonly RetryAfters: readonly number[];
  readonly Asked: readonly string[];
  readonly Elsewhere: number;
  readonly ElsewhereOfTenant: number;
  readonly Elapsed: readonly number[];
  readonly MaxAttempts: number;
  readonly MaxRedrives: number;
  readonly InflightFactor: number;
  readonly ReleasesMax: number;
  readonly BackoffBase: number;
  readonly BackoffMax: number;
  readonly TReplay: number;
  readonly ReadyRetention: number;
  readonly DlqRetention: number;
  readonly ShardCapacity: number;
  readonly GlobalInflight: number;
  readonly DedupCapacity: number;
  readonly SettledCapacity: number;
  readonly DlqMaxPerTopic: number;
  readonly DlqCapacity: number;
  readonly TenantShare: number;
  readonly TenantReserve: number;
  readonly TopicShare: number;
  readonly Errors: boolean;
  readonly CrashesMax: number;
}

const NAMES: readonly (keyof MailboxConstants)[] = [
  ...([
    'N',
    'TopicOf',
    'TenantOf',
    'KeyOf',
    'SizeOf',
    'Delays',
    'Ttls',
    'Visibilities',
    'Budgets',
    'RetryAfters',
    'Asked',
  ] as const),
  ...([
    'Elsewhere',
    'ElsewhereOfTenant',
    'Elapsed',
    'MaxAttempts',
    'MaxRedrives',
    'InflightFactor',
    'ReleasesMax',
  ] as const),
  ...(['BackoffBase', 'BackoffMax', 'TReplay', 'ReadyRetention', 'DlqRetention', 'ShardCapacity'] as const),
  ...(['GlobalInflight', 'DedupCapacity', 'SettledCapacity', 'DlqMaxPerTopic', 'DlqCapacity', 'Errors'] as const),
  ...(['TenantShare', 'TenantReserve', 'TopicShare', 'CrashesMax'] as const),
];

export const readMailboxConstants = (folder: string, name: string): MailboxConstants =>
  readConstants(folder, name, NAMES) as Constants & MailboxConstants;

/** Those of `tla/Durability.tla`. */
export interface DurabilityConstants extends MailboxConstants {
  /** Facts and ticks that memory may be ahead of the disk. */
  readonly TailMax: number;
}
export const readDurabilityConstants = (folder: string, name: string): DurabilityConstants =>
  readConstants(folder, name, [...NAMES, 'TailMax']) as Constants & DurabilityConstants;

/** A time so long that it is for ever in a model. */
const FOR_EVER = 1e9;

/** The limits that the core runs under in this model. */
export const limitsOf = (c: MailboxConstants): Limits => ({
  ...DEFAULT_LIMITS,
  maxAttempts: c.MaxAttempts,
  maxRedrives: c.MaxRedrives,
  inflightFactor: c.InflightFactor,
  releasesMax: c.ReleasesMax,
  backoffBaseMs: c.BackoffBase,
  backoffMaxMs: c.BackoffMax,
  tReplayMs: c.TReplay,
  readyRetentionMs: c.ReadyRetention || FOR_EVER,
  dlqRetentionMs: c.DlqRetention || FOR_EVER,
  shardCapacity: c.ShardCapacity,
  globalInflight: c.GlobalInflight,
  dedupCapacity: c.DedupCapacity,
  settledCapacity: c.SettledCapacity,
  dlqMaxPerTopic: c.DlqMaxPerTopic,
  dlqCapacity: c.DlqCapacity,
  tenantLabels: 1,
  tenantShare: c.TenantShare,
  tenantReserve: c.TenantReserve,
  topicShare: c.TopicShare,
  topicHash: 0,
});

export const REASONS = ['none', 'max_attempts', 'rejected', 'integrity', 'retention', 'ttl'] as const;
export const LAST_ERRORS = ['none', 'expired', 'nacked', 'released'] as const;
export const VERBS = ['ack', 'nack'] as const;

/** The variables of `tla/Mailbox.tla` that describe a shard, in the order in which `project.ts` writes them. */
export const shardVariables = (c: MailboxConstants): Variables => {
  const each = functionOver(c.N, NUMBER);
  return [
    ['state', functionOver(c.N, names(...STATES))],
    ['attempt', each],
    ['epoch', each],
    ['redrives', each],
    ['releases', each],
    ['receipt', each],
    ['timer', each],
    ['left', each],
    ['visibility', each],
    ['ttl', each],
    ['keep', each],
    ['window', each],
    ['reason', functionOver(c.N, names(...REASONS))],
    ['error', functionOver(c.N, names(...LAST_ERRORS))],
    ['dlq', sequence(Math.min(c.N, c.DlqCapacity), NUMBER)],
    ['settled', sequence(c.SettledCapacity, tuple(NUMBER, NUMBER, names(...VERBS), names(...STATES), NUMBER))],
  ];
};

export const mailboxVariables = (c: MailboxConstants): Variables => [
  ...shardVariables(c),
  ['up', BOOLEAN],
  ['crashes', NUMBER],
  ['accepted', subset(c.N)],
  ['delivered', functionOver(c.N, NUMBER)],
];

/** Every action of `tla/Mailbox.tla` by the name TLC labels its steps with. */
export const MAILBOX_ACTIONS: readonly string[] = [
  ...EVENTS.map((event) => ACTION_OF[event]),
  ...WORLD_ACTIONS,
  ...new Set(Object.values(REFUSAL_OF)),
  ...Object.values(SAID_AGAIN),
];
