import { type EventName, type Op, ROUTE_OF } from '../../spec/vocabulary.ts';
import type { Reply, Request } from '../service/messages.ts';
import * as bodies from './reply.ts';
import { type Answer, answerOf } from './reply.ts';
import * as requests from './requests.ts';
import { check, type SchemaName } from './schemas.ts';

/** What a route's request is made of. */
export interface Input {
  /** The parsed body, or the query of a GET. */
  readonly value: unknown;
  /** The `{msg_id}` of the path, empty where there is none. */
  readonly msgId: string;
  readonly corrId: string;
}

/** How one route asks the service and answers. */
export interface Exchange {
  readonly request: Request;
  /** The response; `nowMs` is the time it is made at. */
  answer(reply: Reply, corrId: string, nowMs: number): Answer;
}

export interface Route {
  /** The path's template, also its name in metrics. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** Any of these ops of the capability will do; null for routes that are open. */
  readonly ops: readonly Op[] | null;
  readonly admin?: true;
  /** Taken before h3: the three requests that a message costs. */
  readonly hot?: true;
  /** Null for a route the server answers itself. */
  readonly open: ((input: Input, flag200: boolean) => Exchange) | null;
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
      if (reply.outcome === 'duplicate' && flag200) return bodies.done(bodies.sentBody(reply, true), 'duplicate');
      return answerOf(reply, corrId, (sent) => bodies.sentBody(sent, false));
    },
  };
}

function recv({ value }: Input): Exchange {
  const request = requests.recvOf(check('recv', value));
  const msgIds = request.acks.map((item) => item.msgId);
  return {
    request,
    answer: (reply, corrId, nowMs) => answerOf(reply, corrId, () => bodies.receivedBody(reply, msgIds, nowMs)),
  };
}

const of = (event: EventName): { method: 'GET' | 'POST'; path: string } => {
  const [method, path] = (ROUTE_OF[event] ?? '').split(' ') as ['GET' | 'POST', string];
  return { method, path };
};

/** Every route of the server. Both ways of dispatch read this table. */
export const ROUTES: readonly Route[] = [
  { ...of('send'), ops: ['send'], hot: true, open: send },
  { ...of('recv'), ops: ['recv'], hot: true, open: recv },
  { ...of('ack'), ops: ['ack'], hot: true, open: plain('ack', requests.ackOf, bodies.okBody) },
  { ...of('nack'), ops: ['nack'], hot: true, open: plain('nack', requests.nackOf, bodies.nackedBody) },
  { ...of('extend'), ops: ['extend'], hot: true, open: plain('extend', requests.extendOf, bodies.extendedBody) },
  {
    method: 'GET',
    path: '/v1/dlq',
    ops: ['admin'],
    admin: true,
    open: plain('dlq', requests.dlqListOf, bodies.deadLettersBody),
  },
  {
    ...of('reprocess'),
    ops: ['admin'],
    admin: true,
    open: plain('reprocess', requests.reprocessOf, bodies.reprocessedBody),
  },
  { ...of('purge'), ops: ['admin'], admin: true, open: plain('purge', requests.purgeOf, bodies.purgedBody) },
  { method: 'POST', path: '/v1/admin/revoke', ops: ['admin'], admin: true, open: null },
  {
    method: 'GET',
    path: '/v1/stats',
    ops: ['recv', 'stats', 'admin'],
    open: plain('stats', requests.statsOf, bodies.statsBody),
  },
  { method: 'GET', path: '/v1/keys', ops: null, open: null },
  { method: 'GET', path: '/healthz', ops: null, open: null },
  { method: 'GET', path: '/readyz', ops: null, open: null },
];

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
