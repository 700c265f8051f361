import { LIMIT_NAMES, LIMITS, type Limits, leastOf } from '../core/limits.ts';
import { SLOTS_MAX } from '../core/msg-id.ts';
import { FAILURES_MAX } from '../ports/process-facts.ts';
import { Ascii, F64, Text, U16, U32 } from './field-types.ts';

/**
 * What may stand in a record, field by field. What no decision can have made is neither written nor read. Texts and numbers of
 * requests have the ranges of the wire (`wire`: Limits); limits have those of their table.
 */

/** Times of facts are those of a `msg_id`: 48 bits. */
const AT_MS_MAX = 2 ** 48 - 1;
/** The end of what a date can be. */
const DATE_MS_MAX = 8.64e15;
/** Further than anything counts, and far from where numbers stop growing. */
const COUNT_MAX = 2 ** 52;
const SEGMENTS_MAX = 999_999_999_999_999;
export const SHARDS_MAX = 1024;
const TERMS_MAX = 2 ** 32 - 1;
const HOURS_12_MS = 12 * 3_600_000;
/** Of leases, redrives, releases. */
const TIMES_MAX = 1000;
const QUOTA_WINDOW_MS_MAX = 9_999_999_000;
const ATTRS_MAX = 32;
/** A whole request body. */
export const PAYLOAD_BYTES_MAX = 1024 ** 2;

/** Of a fact: when it happened. */
const at = (name: string): F64 => new F64(name, 0, AT_MS_MAX);
/** Of a fact: when something will be, as far as limits reach. */
const later = (name: string, orNever = false): F64 => new F64(name, 0, DATE_MS_MAX, orNever);
/** Of a message: those that mean nothing at the moment were moved with the clock when it was set back (TM1). */
const drifting = (name: string, orNever = false): F64 => new F64(name, -DATE_MS_MAX, DATE_MS_MAX, orNever);
const counter = (name: string, min = 0): F64 => new F64(name, min, COUNT_MAX);
const token = (name: string, min = 1): Ascii => new Ascii(name, '!-~', min, 128);

export const FIELDS = {
  atMs: at('at_ms'),
  nowMs: at('now_ms'),
  serviceMs: at('service_ms'),
  wallMs: at('wall_ms'),
  notBeforeMs: later('not_before_ms'),
  ttlAtMs: later('ttl_at_ms', true),
  idemUntilMs: later('idem_until_ms'),
  leaseEndsMs: later('lease_ends_ms'),
  settledUntilMs: later('settled_until_ms'),
  untilMs: later('until_ms'),
  endMs: later('end_ms'),
  visibilityMs: new F64('visibility_ms', 1, HOURS_12_MS),
  windowMs: new F64('window_ms', 1, QUOTA_WINDOW_MS_MAX),
  used: counter('used'),
  term: new F64('term', 1, TERMS_MAX),
  /** 0 before the first process. */
  headTerm: new F64('term', 0, TERMS_MAX),
  shards: new U16('shards', 1, SHARDS_MAX),
  sequence: counter('sequence', 1),
  segment: new F64('segment', 1, SEGMENTS_MAX),
  /** A place in a segment, of the largest that can be. */
  at: new F64('at', 0, 256 << 20),
  records: counter('records', 1),
  facts: counter('facts'),
  startedMs: at('started_ms'),
  endedMs: at('ended_ms'),
  id: new Ascii('id', '0-9A-HJKMNP-TV-Z', 26, 26),
  keyId: token('key_id'),
  keyCreatedMs: drifting('key_created_ms'),
  expiresS: new F64('expires_s', 0, COUNT_MAX),
  notBeforeS: new F64('not_before_s', 0, COUNT_MAX),
  limit: new F64('limit', 1, COUNT_MAX, true),
  ratePerS: new U32('rate_per_s', 0, 100_000),
  listed: new U16('msg_ids', 0, 1000),
  listedId: new Ascii('msg_ids', '0-9A-HJKMNP-TV-Z', 26, 26),
  place: counter('place'),
  moved: counter('moved'),
  reasons: counter('reasons'),
  failures: new U16('failures', 0, FAILURES_MAX),
  endedBy: new Ascii('ended_by', 'a-z0-9_', 1, 40),
  lastSeq: counter('last_seq'),
  lastNumber: counter('last_number'),
  slots: new U32('slots', 0, SLOTS_MAX),
  slot: new U32('slot', 0, SLOTS_MAX - 1),
  attrs: new U16('attrs', 0, ATTRS_MAX),
  payloadBytes: new U32('payload_bytes', 0, PAYLOAD_BYTES_MAX),
  msgId: new Ascii('msg_id', '0-9A-HJKMNP-TV-Z', 26, 26),
  topic: new Ascii('topic', 'a-z0-9._:-', 1, 128, 'a-z0-9'),
  idemKey: token('idem_key'),
  receipt: token('receipt'),
  corrId: token('corr_id', 0),
  lastError: new Text('last_error', 1024),
  attrKey: new Ascii('a key of attrs', 'a-z0-9._-', 1, 64),
  attrValue: new Text('a value of attrs', 1024),
  /** A nonce or the id of a key. */
  value: token('value'),
  nonce: token('nonce'),
  /** Names of links, with dots between them. */
  chain: new Ascii('chain', 'A-Za-z0-9._-', 0, 1024),
  /** A caveat. */
  line: new Ascii('line', ' -~', 1, 256),
  hash: new Ascii('hash', '0-9a-f', 64, 64),
} as const;

/** Of a message in a snapshot, where they differ from those of facts. */
export const MESSAGE_FIELDS = {
  seq: counter('seq', 1),
  attempt: new U32('attempt', 0, TIMES_MAX),
  epoch: counter('epoch'),
  redrives: new U32('redrives', 0, TIMES_MAX),
  releases: new U32('releases', 0, TIMES_MAX),
  /** 0 before the first lease. */
  visibilityMs: new F64('visibility_ms', 0, HOURS_12_MS),
  ageNumber: counter('age_number'),
  /** -1 outside of heaps. */
  place: new F64('place', -1, SLOTS_MAX),
  ttlPlace: new F64('ttl_place', -1, SLOTS_MAX),
  timerAtMs: drifting('timer_at_ms'),
  leaseEndsMs: drifting('lease_ends_ms'),
  ttlAtMs: drifting('ttl_at_ms', true),
  readyAtMs: drifting('ready_at_ms'),
  deadAtMs: drifting('dead_at_ms'),
} as const;

export const LIMIT_FIELDS = Object.fromEntries(
  LIMIT_NAMES.map((limit) => [limit, new F64(LIMITS[limit].name, leastOf(LIMITS[limit]), LIMITS[limit].max)]),
) as Readonly<Record<keyof Limits, F64>>;
