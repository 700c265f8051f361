import { DEAD_REASONS, PURGE_REASONS, STATES } from '../../spec/vocabulary.ts';
import { PLACES } from '../../src/core/image.ts';
import type { Limits } from '../../src/core/limits.ts';
import { FIELDS as F, LIMIT_FIELDS, MESSAGE_FIELDS as M } from '../../src/journal/fields.ts';
import { FILE_HEADER_BYTES } from '../../src/journal/layout.ts';
import type { Entry, Item } from '../../src/journal/record-items.ts';
import { REDRIVE_STATES, REDRIVE_WHYS } from '../../src/ports/process-facts.ts';
import fc from './properties.ts';

/** Numbers of a field: its ends more often than all that is between. */
const number = ({ min, max, orNever }: { min: number; max: number; orNever: boolean }): fc.Arbitrary<number> => {
  const inside = fc.maxSafeInteger().map((n) => min + (Math.abs(n) % Math.min(max - min + 1, Number.MAX_SAFE_INTEGER)));
  return fc.oneof(inside, fc.constantFrom(min, max, ...(orNever ? [Number.POSITIVE_INFINITY] : [])));
};
const among = (chars: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ minLength, maxLength, size: 'max', unit: fc.constantFrom(...chars) });

const VISIBLE = '!+-./09:=@AZ_az~';
const token = among(VISIBLE, 1, 128);
const chain = among('AZaz09_-.', 0, 300);
const msgId = among('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 26, 26);
const topic = among('09az._:-', 1, 127).map((rest) => `t${rest}`);
const lower = 'abz09._-';
/** Well-formed, without control characters, 1024 bytes at most. */
const text = fc
  .oneof(fc.string({ maxLength: 80, size: 'max', unit: 'grapheme' }), among('aß€🦉�\u00a0', 200, 400))
  .map((drawn) => {
    let said = drawn.replace(/\p{Cc}/gu, ' ');
    while (Buffer.byteLength(said) > 1024) said = [...said].slice(0, -8).join('');
    return said;
  });
const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32, size: 'max' })
  .map((bytes) => `b3:${Buffer.from(bytes).toString('hex')}`);
const payload = fc.uint8Array({ maxLength: 300, size: 'max' });
const attrs = fc.dictionary(among(lower, 1, 64), text, { maxKeys: 32, noNullPrototype: true, size: 'small' });
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const named = <N extends string, T extends object>(name: N, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record({ name: fc.constant(name), ...fields }) as fc.Arbitrary<{ name: N } & T>;
const on = { atMs: number(F.atMs), msgId };
const returned = {
  ...on,
  to: fc.constantFrom('queued', 'redelivered', 'dead_lettered'),
  notBeforeMs: number(F.notBeforeMs),
  reason: optional(fc.constantFrom(...DEAD_REASONS)),
  lastError: optional(text),
} as const;

const sent = named('sent', {
  ...on,
  topic,
  idemKey: token,
  payload,
  payloadHash: hash,
  hashChain: hash,
  attrs,
  corrId: fc.oneof(token, fc.constant('')),
  notBeforeMs: number(F.notBeforeMs),
  ttlAtMs: number(F.ttlAtMs),
  idemUntilMs: number(F.idemUntilMs),
});

/** Facts of every kind, whether they fit together or not. */
const facts = [
  sent,
  named('received', {
    ...on,
    receipt: token,
    visibilityMs: number(F.visibilityMs),
    leaseEndsMs: number(F.leaseEndsMs),
  }),
  named('acked', { ...on, settledUntilMs: number(F.settledUntilMs) }),
  named('nacked', { ...returned, settledUntilMs: number(F.settledUntilMs) }),
  named('extended', { ...on, visibilityMs: number(F.visibilityMs) }),
  named('released', { ...returned, counted: fc.boolean() }),
  named('expired', returned),
  named('reprocessed', on),
  named('purged', { ...on, payloadHash: hash, hashChain: hash, reason: fc.constantFrom(...PURGE_REASONS) }),
  named('recovered', { atMs: number(F.atMs) }),
] as fc.Arbitrary<Item>[];

const limits = fc.record(
  Object.fromEntries(Object.entries(LIMIT_FIELDS).map(([name, field]) => [name, number(field)])),
) as unknown as fc.Arbitrary<Limits>;

const message = fc.record({
  name: fc.constant('message' as const),
  topic,
  at: fc.constantFrom(...PLACES),
  message: fc.record({
    msgId,
    slot: number(F.slot),
    seq: number(M.seq),
    idemKey: token,
    payload: optional(payload),
    payloadHash: hash,
    hashChain: hash,
    attrs,
    corrId: token,
    state: fc.constantFrom(...STATES.slice(1)),
    attempt: number(M.attempt),
    epoch: number(M.epoch),
    redrives: number(M.redrives),
    releases: number(M.releases),
    receipt: optional(token),
    visibilityMs: number(M.visibilityMs),
    deadReason: optional(fc.constantFrom(...DEAD_REASONS)),
    lastError: optional(text),
    ageNumber: number(M.ageNumber),
    place: number(M.place),
    ttlPlace: number(M.ttlPlace),
    timerAtMs: number(M.timerAtMs),
    leaseEndsMs: number(M.leaseEndsMs),
    ttlAtMs: number(M.ttlAtMs),
    readyAtMs: number(M.readyAtMs),
    idemUntilMs: number(F.idemUntilMs),
    deadAtMs: number(M.deadAtMs),
  }),
});

const ofProcess = [
  named('started', { atMs: number(F.atMs), term: number(F.term), shards: number(F.shards), limits }),
  named('limited', { limits }),
  named('revoked', { kind: fc.constantFrom('nonce', 'key_id'), value: token, atMs: number(F.atMs) }),
  named('charged', {
    nonce: token,
    line: among(`${VISIBLE} `, 1, 256),
    used: number(F.used),
    endMs: number(F.endMs),
    windowMs: number(F.windowMs),
  }),
  named('charged', {
    chain,
    nonce: token,
    line: among(`${VISIBLE} `, 1, 256),
    used: number(F.used),
    endMs: number(F.endMs),
    windowMs: number(F.windowMs),
  }),
  named('barred', { chain, nonce: token, endMs: number(F.endMs), windowMs: number(F.windowMs) }),
  named('redrive_begun', {
    id: msgId,
    atMs: number(F.atMs),
    topic,
    limit: number(F.limit),
    msgIds: optional(fc.array(msgId, { minLength: 1, maxLength: 20 })),
    reason: optional(fc.constantFrom(...DEAD_REASONS)),
    ratePerS: optional(fc.integer({ min: 1, max: 100_000 })),
    dryRun: fc.boolean(),
    lastNumber: number(F.lastNumber),
    grant: fc.record({
      nonce: token,
      keyId: token,
      keyCreatedMs: number(F.keyCreatedMs),
      expiresS: number(F.expiresS),
      notBeforeS: number(F.notBeforeS),
    }),
  }),
  named('redrive_went', {
    id: msgId,
    state: fc.constantFrom(...REDRIVE_STATES),
    endedBy: optional(fc.constantFrom('cap_auth', 'starting')),
    endedMs: optional(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    place: number(F.place),
    moved: number(F.moved),
    reasons: fc.array(number(F.reasons), { minLength: REDRIVE_WHYS.length, maxLength: REDRIVE_WHYS.length }),
    failures: fc.array(fc.record({ msgId, why: fc.constantFrom(...REDRIVE_WHYS) }), { maxLength: 100 }),
  }),
  named('told', { facts: number(F.facts), startedMs: number(F.atMs) }),
  named('clocks', { serviceMs: number(F.serviceMs), wallMs: number(F.wallMs) }),
  named('head', {
    sequence: number(F.sequence),
    term: number(F.headTerm),
    hash: hash.map((prefixed) => prefixed.slice(3)),
    segment: number(F.segment),
    at: fc.oneof(fc.constant(FILE_HEADER_BYTES), number(F.at)),
    shards: number(F.shards),
    limits,
  }),
  named('end', { records: number(F.records) }),
] as fc.Arbitrary<Item>[];
const ofShard = [
  ...facts,
  message,
  named('shard', {
    nowMs: number(F.nowMs),
    lastSeq: number(F.lastSeq),
    lastNumber: number(F.lastNumber),
    slots: number(F.slots),
  }),
  named('free_slots', { slots: fc.array(number(F.slot), { maxLength: 20, size: 'max' }) }),
  named('settled', {
    slot: number(F.slot),
    receipt: token,
    verb: fc.constantFrom('ack', 'nack'),
    state: fc.constantFrom('queued', 'redelivered', 'dead_lettered', 'acked'),
    untilMs: number(F.untilMs),
  }),
] as fc.Arbitrary<Item>[];

/** Records of every kind, each as often as any other. */
export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  ...ofProcess.map((items) => items.map((item): Entry => ({ shard: null, item }))),
  ...ofShard.map((items) => fc.tuple(fc.nat(1023), items).map(([shard, item]): Entry => ({ shard, item }))),
);
