import { ROUTE_IDS, type RouteId, type Row, rowOf } from '../api/contract.ts';
import { type Promised, promisedBy } from '../api/promised.ts';
import type { SchemaName } from '../api/schemas.ts';
import type { AckRequest, NackRequest, Reply, Request, StreamRequest } from '../service/messages.ts';
import * as bodies from './bodies.ts';
import { check } from './check.ts';
import { ackFrames, type FrameCodec, nackFrames, recvFrames, sendFrames } from './frames.ts';
import { type Ask, asked, refusedItems, resultsAnswer, riddenAcks } from './many.ts';
import { type Answer, answerOf, done } from './reply.ts';
import * as requests from './requests.ts';

/** What a route's request is made of. */
export interface Input {
  /** The parsed body, or the query of a GET. */
  readonly value: unknown;
  /** The `{msg_id}` of the path, empty where there is none. */
  readonly msgId: string;
  readonly corrId: string;
}

/** How one request of a route asks the service and answers. */
export interface Exchange {
  readonly request: Request;
  /** The response; `nowMs` is the time it is made at. */
  answer(reply: Reply, corrId: string, nowMs: number): Answer;
}

/** How a batch does. */
export interface ManyExchange {
  readonly asks: readonly Ask[];
  /** The response; one reply an ask, in order. */
  answer(replies: readonly Reply[]): Answer;
}

/** How the body of a route is read: one request, several, or what a stream is asked with. Without any the server answers itself. */
interface Handler {
  readonly one?: (input: Input, flag200: boolean) => Exchange;
  readonly many?: (input: Input, flag200: boolean) => ManyExchange;
  readonly stream?: (input: Input) => StreamRequest;
  /** How it reads and writes frames, where it does. */
  readonly frames?: FrameCodec;
}

/** A row of the contract, and what serves it. */
export interface Route extends Row, Handler {
  readonly id: RouteId;
  readonly promised: Promised;
}

const plain =
  (schema: SchemaName, make: (value: never, msgId: string) => Request, write: (reply: Reply) => string) =>
  ({ value, msgId }: Input): Exchange => ({
    request: make(check(schema, value) as never, msgId),
    answer: (reply, corrId) => answerOf(reply, corrId, write),
  });

function send({ value, corrId }: Input, flag200: boolean): Exchange {
  return {
    request: requests.sendOf(check('send', value), corrId),
    answer: (reply, corrId) => {
      if (reply.outcome === 'duplicate' && flag200) return done(bodies.sentBody(reply), 'duplicate');
      return answerOf(reply, corrId, bodies.sentBody);
    },
  };
}

function sendBatch({ value, corrId }: Input, flag200: boolean): ManyExchange {
  const asks = check('send_batch', value).messages.map((item) =>
    asked(() => requests.sendOf(check('send', item), corrId)),
  );
  return { asks, answer: (replies) => resultsAnswer(replies, flag200, bodies.sentResult, () => undefined) };
}

function recv({ value }: Input): Exchange {
  const request = requests.recvOf(check('recv', value));
  const msgIds = request.acks.map((item) => item.msgId);
  return {
    request,
    answer: (reply, corrId, nowMs) => {
      const answer = answerOf(reply, corrId, () => bodies.receivedBody(reply, msgIds, nowMs));
      return msgIds.length === 0 || answer.status !== 200
        ? answer
        : { ...answer, ...refusedItems(riddenAcks(reply), false) };
    },
  };
}

/** A batch of verbs that name a message each. */
const settleBatch =
  (itemsOf: (value: unknown) => readonly unknown[], make: (item: unknown) => AckRequest | NackRequest) =>
  ({ value }: Input): ManyExchange => {
    const asks = itemsOf(value).map((item) => asked(() => make(item)));
    const named = (i: number): string | undefined => (asks[i] as Partial<AckRequest>).msgId;
    const result = (reply: Reply, i: number): string => bodies.settledResult(named(i) as string, reply);
    return { asks, answer: (replies) => resultsAnswer(replies, false, result, named) };
  };

const ackItem = (item: unknown): AckRequest => {
  const body = check('ack_item', item);
  return requests.ackOf(body, body.msg_id);
};
const nackItem = (item: unknown): NackRequest => {
  const body = check('nack_item', item);
  return requests.nackOf(body, body.msg_id);
};

const HANDLERS: Readonly<Record<RouteId, Handler>> = {
  send: { one: send, frames: sendFrames },
  sendBatch: { many: sendBatch, frames: sendFrames },
  recv: { one: recv, frames: recvFrames },
  recvStream: { stream: ({ value }) => requests.streamOf(check('stream', value)) },
  ack: { one: plain('ack', requests.ackOf, bodies.okBody), frames: ackFrames },
  ackBatch: { many: settleBatch((value) => check('ack_batch', value).acks, ackItem), frames: ackFrames },
  nack: { one: plain('nack', requests.nackOf, bodies.nackedBody), frames: nackFrames },
  nackBatch: { many: settleBatch((value) => check('nack_batch', value).nacks, nackItem), frames: nackFrames },
  extend: { one: plain('extend', requests.extendOf, bodies.extendedBody) },
  listDeadLetters: { one: plain('dlq', requests.dlqListOf, bodies.deadLettersBody) },
  reprocess: { one: plain('reprocess', requests.reprocessOf, bodies.reprocessedBody) },
  purge: { one: plain('purge', requests.purgeOf, bodies.purgedBody) },
  revoke: {},
  stats: { one: plain('stats', requests.statsOf, bodies.statsBody) },
  keys: {},
  health: {},
  readiness: {},
};

/** Every route of the server. Both ways of dispatch read this table. */
export const ROUTES: readonly Route[] = ROUTE_IDS.map((id) => {
  const row = rowOf(id);
  return { id, ...row, ...HANDLERS[id], promised: promisedBy(row) };
});

const PARAMETER = '{msg_id}';
const MSG_ID = /^[0-9A-Za-z]{26}$/;

const exact = new Map<string, Route[]>();
const byPrefix = new Map<string, Route[]>();
for (const route of ROUTES) {
  const end = route.path.indexOf(PARAMETER);
  const [map, key] = end < 0 ? [exact, route.path] : [byPrefix, route.path.slice(0, end)];
  map.set(key, [...(map.get(key) ?? []), route]);
}

export interface Match {
  readonly route: Route;
  readonly msgId: string;
}

/** The route of a request, the methods its path does have, or null for a path that is none of ours. */
export type Found = Match | string | null;

/** Finds a request's route; `url` with or without a query. */
export function match(method: string, url: string): Found {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  let routes = exact.get(path);
  let msgId = '';
  if (routes === undefined) {
    const slash = path.lastIndexOf('/') + 1;
    routes = byPrefix.get(path.slice(0, slash));
    msgId = path.slice(slash);
    if (routes === undefined || !MSG_ID.test(msgId)) return null;
  }
  for (const route of routes) if (route.method === method) return { route, msgId };
  return routes.map((route) => route.method).join(', ');
}
