import type { TSchema } from 'typebox';
import { ADMIN_TOPIC, type EventName, type Op, type Outcome, ROUTE_OF } from '../../spec/vocabulary.ts';
import { ANSWERS } from './answers.ts';
import { LINKS, type Link } from './links.ts';
import { ANY, AUTHORIZED, ITEM, LEASE, LEASING, RIDING, SENDING, SHARD, WITH_BODY } from './outcomes.ts';
import type { SchemaName } from './schemas.ts';

type Method = 'GET' | 'POST' | 'DELETE';

/** What the interface promises of one route. */
export interface Row {
  readonly method: Method;
  /** The path's template, also its name in metrics. */
  readonly path: string;
  /** In one line. */
  readonly about: string;
  /** Any of these ops of the capability will do; null for routes that are open. */
  readonly ops: readonly Op[] | null;
  /** Exists only where the server's admin routes are enabled. */
  readonly admin?: true;
  /** Taken before h3: the requests that a message costs. */
  readonly hot?: true;
  /** The schema of the body, or of the query of a GET. */
  readonly request: SchemaName | null;
  /** Of each item, where the body is a batch. */
  readonly item?: SchemaName;
  /** Of the JSON of each unit, where the body may be frames. */
  readonly unit?: SchemaName;
  readonly answer: TSchema;
  /** The answer is lines of this schema, as they come. */
  readonly lines?: true;
  /** What refuses the whole request. */
  readonly refusals: readonly Outcome[];
  /** What refuses one of several: an item of a batch, or a unit of frames, which alone in its body refuses all of it. */
  readonly itemRefusals?: readonly Outcome[];
  /** What refuses an ack that rides along. */
  readonly ackRefusals?: readonly Outcome[];
  /** What ends an answer of lines early; its last line says so. */
  readonly ends?: readonly Outcome[];
  /** An answer that is no error and has another status than 200, by the outcomes it is counted as. */
  readonly other?: { readonly status: number; readonly answer: TSchema; readonly outcomes: readonly Outcome[] };
  /** Where to go on from a 200. */
  readonly links?: Readonly<Record<string, Link>>;
}

const at = (event: EventName): { method: Method; path: string } => {
  const [method, path] = (ROUTE_OF[event] ?? '').split(' ') as [Method, string];
  return { method, path };
};
const get = (path: string): { method: 'GET'; path: string } => ({ method: 'GET', path });
const post = (path: string): { method: 'POST'; path: string } => ({ method: 'POST', path });
/** Its tenant may have too many connections, or large bodies under way (BD5). */
const ONE: readonly Outcome[] = [...ANY, ...AUTHORIZED, 'quota', 'saturated_tenant'];
const ONE_BODY: readonly Outcome[] = [...ONE, ...WITH_BODY];
/** Of a batch each item counts against the quota, and says so itself; work that was refused before holds back all of it (BD4). */
const BATCH: readonly Outcome[] = ONE_BODY;
const ADMIN = { ops: ['admin'], admin: true } as const;

/** Every route, by the name of its operation. */
export const CONTRACT = {
  send: {
    ...at('send'),
    about: 'Accept a message for good, once an idem_key',
    ops: ['send'],
    hot: true,
    request: 'send',
    unit: 'send_frame',
    answer: ANSWERS.sent,
    refusals: [...ONE_BODY, ...SENDING],
    itemRefusals: [...ITEM, 'saturated_memory', ...SENDING],
    links: LINKS.send,
  },
  sendBatch: {
    ...post('/v1/send/batch'),
    about: 'Send up to 256 messages; each item is the body of POST /v1/send, and succeeds or fails alone',
    ops: ['send'],
    hot: true,
    request: 'send_batch',
    item: 'send',
    unit: 'send_frame',
    answer: ANSWERS.sentBatch,
    refusals: BATCH,
    itemRefusals: [...ITEM, 'saturated_memory', ...SENDING],
    links: LINKS.sendBatch,
  },
  recv: {
    ...at('recv'),
    about: 'Lease messages; acks that ride along are settled first',
    ops: ['recv'],
    hot: true,
    request: 'recv',
    unit: 'recv',
    answer: ANSWERS.received,
    refusals: [...ONE_BODY, ...LEASING],
    itemRefusals: [...ITEM, ...LEASING],
    ackRefusals: RIDING,
    links: LINKS.recv,
  },
  recvStream: {
    ...post('/v1/recv/stream'),
    about: 'Lease messages as they come: NDJSON, one Envelope a line, a blank line as heartbeat',
    ops: ['recv'],
    request: 'stream',
    answer: ANSWERS.streamLine,
    lines: true,
    refusals: [...ONE_BODY, 'saturated_streams', 'draining', ...SHARD],
    ackRefusals: RIDING,
    ends: ['lease_lost', 'cap_auth', 'verifier', 'draining', 'journal', 'starting', 'not_owner'],
  },
  ack: {
    ...at('ack'),
    about: 'Done with a message',
    ops: ['ack'],
    hot: true,
    request: 'ack',
    unit: 'ack_item',
    answer: ANSWERS.ok,
    refusals: [...ONE_BODY, ...LEASE],
    itemRefusals: [...ITEM, ...LEASE],
  },
  ackBatch: {
    ...post('/v1/ack/batch'),
    about: 'Settle up to 256 leases; each item is {msg_id, receipt}, and succeeds or fails alone',
    ops: ['ack'],
    hot: true,
    request: 'ack_batch',
    item: 'ack_item',
    unit: 'ack_item',
    answer: ANSWERS.ackedBatch,
    refusals: BATCH,
    itemRefusals: [...ITEM, ...LEASE],
  },
  nack: {
    ...at('nack'),
    about: 'Give a message back, or up',
    ops: ['nack'],
    hot: true,
    request: 'nack',
    unit: 'nack_item',
    answer: ANSWERS.nacked,
    refusals: [...ONE_BODY, ...LEASE],
    itemRefusals: [...ITEM, ...LEASE],
  },
  nackBatch: {
    ...post('/v1/nack/batch'),
    about: 'Give up to 256 messages back; each item is msg_id and the body of POST /v1/nack/{msg_id}',
    ops: ['nack'],
    hot: true,
    request: 'nack_batch',
    item: 'nack_item',
    unit: 'nack_item',
    answer: ANSWERS.nackedBatch,
    refusals: BATCH,
    itemRefusals: [...ITEM, ...LEASE],
  },
  extend: {
    ...at('extend'),
    about: 'Keep a lease for longer',
    ops: ['extend'],
    hot: true,
    request: 'extend',
    answer: ANSWERS.extended,
    refusals: [...ONE_BODY, ...LEASE],
  },
  listDeadLetters: {
    ...get('/v1/dlq'),
    about: 'Dead letters of a topic, oldest first',
    ...ADMIN,
    request: 'dlq',
    answer: ANSWERS.deadLetters,
    refusals: [...ONE, 'not_found', ...SHARD],
    links: LINKS.deadLetters,
  },
  reprocess: {
    ...at('reprocess'),
    about: 'Put dead letters back in the queue',
    ...ADMIN,
    request: 'reprocess',
    answer: ANSWERS.reprocessed,
    refusals: [...ONE_BODY, 'not_found', 'saturated_redrives', ...SHARD],
    links: LINKS.reprocess,
  },
  startRedrive: {
    ...post('/v1/dlq/redrives'),
    about: 'Put dead letters back as a task of its own, which goes on by itself and can be asked how far it is',
    ...ADMIN,
    request: 'redrive',
    answer: ANSWERS.redrive,
    refusals: [...ONE_BODY, 'not_found', 'saturated_redrives', ...SHARD],
    links: LINKS.redrive,
  },
  redrive: {
    ...get('/v1/dlq/redrives/{redrive_id}'),
    about: 'How far a redrive is, and why what was not moved was not',
    ...ADMIN,
    request: 'none',
    answer: ANSWERS.redrive,
    refusals: [...ONE, 'not_found', 'journal', 'not_owner'],
  },
  cancelRedrive: {
    method: 'DELETE',
    path: '/v1/dlq/redrives/{redrive_id}',
    about: 'Cancel a redrive: what it moved stays moved',
    ...ADMIN,
    request: 'none',
    answer: ANSWERS.redrive,
    refusals: [...ONE, 'not_found', 'journal', 'not_owner'],
  },
  purge: {
    ...at('purge'),
    about: 'Delete dead letters for good, with a trace',
    ...ADMIN,
    request: 'purge',
    answer: ANSWERS.purged,
    refusals: [...ONE_BODY, 'not_found', ...SHARD],
  },
  revoke: {
    ...post('/v1/admin/revoke'),
    about: 'End a capability, or all of a root key, at once; needs admin of the topic mailbox.admin',
    ...ADMIN,
    request: 'revoke',
    answer: ANSWERS.ok,
    refusals: [...ONE_BODY, 'not_found', 'saturated_revocations', 'journal'],
  },
  stats: {
    ...get('/v1/stats'),
    about: 'What is in a topic',
    ops: ['recv', 'stats', 'admin'],
    request: 'stats',
    answer: ANSWERS.stats,
    refusals: [...ONE, ...SHARD],
  },
  topics: {
    ...get('/v1/topics'),
    about: 'What is in each topic that the capability may see, by name',
    ops: ['stats', 'view', 'admin'],
    request: 'topics',
    answer: ANSWERS.topics,
    refusals: [...ONE, 'journal'],
    links: LINKS.topics,
  },
  messages: {
    ...get('/v1/messages'),
    about: 'Messages of a topic that are not over, in the order in which they were sent; nothing is leased',
    ops: ['view'],
    request: 'messages',
    answer: ANSWERS.messages,
    refusals: [...ONE, 'cursor_gone', ...SHARD],
    links: LINKS.messages,
  },
  message: {
    ...get('/v1/messages/{msg_id}'),
    about: 'One message, and what happened to it as far back as is remembered',
    ops: ['view'],
    request: 'message',
    answer: ANSWERS.message,
    refusals: [...ONE, 'not_found', ...SHARD],
  },
  feed: {
    ...get('/v1/feed'),
    about: 'Facts as they become durable: NDJSON, each with its cursor; a line with a cursor alone as heartbeat',
    ops: ['view'],
    request: 'feed',
    answer: ANSWERS.feedLine,
    lines: true,
    refusals: [...ONE, 'cursor_gone', 'saturated_streams', 'draining', 'journal', 'not_owner'],
    ends: ['cap_auth', 'verifier', 'draining', 'journal', 'not_owner'],
  },
  decisions: {
    ...get('/v1/feed/decisions'),
    about: `What this process decided of who may do what: NDJSON, as the feed; for a capability of topic ${ADMIN_TOPIC}`,
    ops: ['view'],
    request: 'decisions',
    answer: ANSWERS.decisionLine,
    lines: true,
    refusals: [...ONE, 'cursor_gone', 'saturated_streams', 'draining', 'journal'],
    ends: ['cap_auth', 'verifier', 'draining', 'journal'],
  },
  node: {
    ...get('/v1/node'),
    about:
      'How full each bound of this process is, what its journal lacks, and which shards serve here, or at which other node',
    ops: ['stats', 'view', 'admin'],
    request: 'none',
    answer: ANSWERS.node,
    refusals: ONE,
  },
  keys: {
    ...get('/v1/keys'),
    about: 'Public keys that sign envelopes, as a JWK set (RFC 8037)',
    ops: null,
    request: null,
    answer: ANSWERS.keys,
    refusals: ANY,
  },
  health: {
    ...get('/healthz'),
    about: 'The process lives',
    ops: null,
    request: null,
    answer: ANSWERS.ok,
    refusals: ['schema', 'internal'],
  },
  readiness: {
    ...get('/readyz'),
    about: 'Whether writers should come here',
    ops: null,
    request: null,
    answer: ANSWERS.readiness,
    refusals: ['schema', 'internal'],
    other: {
      status: 503,
      answer: ANSWERS.readiness,
      outcomes: ['starting', 'degraded_writes', 'draining', 'journal'],
    },
  },
} as const satisfies Readonly<Record<string, Row>>;

export type RouteId = keyof typeof CONTRACT;
export const ROUTE_IDS = Object.keys(CONTRACT) as readonly RouteId[];
/** The row of a route, whatever it promises. */
export const rowOf = (id: RouteId): Row => CONTRACT[id];
