import fc from 'fast-check';
import { DEAD_REASONS, PURGE_REASONS, STATES } from '../../spec/vocabulary.ts';
import type { Fact } from '../../src/core/facts.ts';
import { PLACES } from '../../src/core/image.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import type { Entry, Item } from '../../src/journal/record.ts';

const time = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: 2 ** 48 }),
  fc.constant(Number.POSITIVE_INFINITY),
  fc.integer({ min: -(2 ** 40), max: 0 }),
);
const count = fc.nat(2 ** 31);
const id = fc.string({ maxLength: 200, unit: fc.constantFrom('a', 'Z', '7', '-', '~') });
const text = fc.oneof(fc.string({ maxLength: 80, unit: 'grapheme' }), fc.string({ minLength: 250, maxLength: 400 }));
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `b3:${Buffer.from(bytes).toString('hex')}`);
const payload = fc.uint8Array({ maxLength: 300 });
const attrs = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom('a', 'b', '_', '.') }),
  text,
  { maxKeys: 4, noNullPrototype: true },
);
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const named = <N extends string, T extends object>(name: N, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record({ name: fc.constant(name), ...fields }) as fc.Arbitrary<{ name: N } & T>;
const returned = {
  atMs: time,
  msgId: id,
  to: fc.constantFrom('queued', 'redelivered', 'dead_lettered'),
  notBeforeMs: time,
  reason: optional(fc.constantFrom(...DEAD_REASONS)),
  lastError: optional(text),
} as const;
const on = { atMs: time, msgId: id };

const sent = named('sent', {
  ...on,
  topic: id,
  idemKey: id,
  payload,
  payloadHash: hash,
  hashChain: hash,
  attrs,
  corrId: id,
  notBeforeMs: time,
  ttlAtMs: time,
  idemUntilMs: time,
});

/** Facts of every kind, whether they fit together or not. */
export const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  sent,
  named('received', { ...on, receipt: id, visibilityMs: time, leaseEndsMs: time }),
  named('acked', { ...on, settledUntilMs: time }),
  named('nacked', { ...returned, settledUntilMs: time }),
  named('extended', { ...on, visibilityMs: time }),
  named('released', { ...returned, counted: fc.boolean() }),
  named('expired', returned),
  named('reprocessed', on),
  named('purged', { ...on, payloadHash: hash, hashChain: hash, reason: fc.constantFrom(...PURGE_REASONS) }),
  named('recovered', { atMs: time }),
) as fc.Arbitrary<Fact>;

const limits = fc.record(
  Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, count])),
) as unknown as fc.Arbitrary<Limits>;

const message = fc.record({
  name: fc.constant('message' as const),
  topic: id,
  at: fc.constantFrom(...PLACES),
  message: fc.record({
    msgId: id,
    slot: count,
    seq: count,
    idemKey: id,
    payload: optional(payload),
    payloadHash: hash,
    hashChain: hash,
    attrs,
    corrId: id,
    state: fc.constantFrom(...STATES),
    attempt: count,
    epoch: count,
    redrives: count,
    releases: count,
    receipt: optional(id),
    visibilityMs: time,
    deadReason: optional(fc.constantFrom(...DEAD_REASONS)),
    lastError: optional(text),
    ageNumber: count,
    place: fc.integer({ min: -1, max: 1e9 }),
    ttlPlace: fc.integer({ min: -1, max: 1e9 }),
    timerAtMs: time,
    leaseEndsMs: time,
    ttlAtMs: time,
    readyAtMs: time,
    idemUntilMs: time,
    deadAtMs: time,
  }),
});

const ofProcess = fc.oneof(
  named('started', { atMs: time, epoch: count, shards: fc.nat(1024), limits }),
  named('limited', { limits }),
  named('revoked', { kind: fc.constantFrom('nonce', 'key_id'), value: id, atMs: time }),
  named('charged', { nonce: id, line: text, used: count, endMs: time, windowMs: time }),
  named('head', { sequence: count, epoch: count, hash: id, segment: count, at: count, shards: fc.nat(1024), limits }),
  named('end', { records: count }),
) as fc.Arbitrary<Item>;
const ofShard = fc.oneof(
  anyFact,
  message,
  named('shard', { nowMs: time, lastSeq: count, lastNumber: count, slots: count }),
  named('free_slots', { slots: fc.array(count, { maxLength: 20 }) }),
  named('settled', {
    slot: count,
    receipt: id,
    verb: fc.constantFrom('ack', 'nack'),
    state: fc.constantFrom(...STATES),
    untilMs: time,
  }),
) as fc.Arbitrary<Item>;

/** Records of every kind. */
export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  ofProcess.map((item) => ({ shard: null, item })),
  fc.tuple(fc.nat(1023), ofShard).map(([shard, item]) => ({ shard, item })),
);
