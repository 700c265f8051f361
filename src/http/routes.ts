import { type CONTRACT, ROUTE_IDS, type RouteId, type Row, rowOf } from '../api/contract.ts';
import { type Promised, promisedBy } from '../api/promised.ts';
import type { SchemaName } from '../api/schemas.ts';
import type { FeedRequest, StreamRequest } from '../service/messages.ts';
import { check } from './check.ts';
import type { Asked } from './formats/asks.ts';
import { alone, batch, type Input } from './formats/json.ts';
import { ackFrames, type FrameCodec, nackFrames, recvFrames, sendFrames } from './formats/units.ts';
import { ALONE, ITEMS, type Verb } from './formats/verbs.ts';
import * as requests from './requests.ts';

type RowOf<Id extends RouteId> = (typeof CONTRACT)[Id];
/** The schema of what one ask of a route is: of an item, where there are several in a body. */
type AskSchema<Id extends RouteId> =
  RowOf<Id> extends { readonly item: infer N extends SchemaName }
    ? N
    : RowOf<Id>['request'] extends infer N extends SchemaName
      ? N
      : never;
type UnitSchema<Id extends RouteId> = RowOf<Id> extends { readonly unit: infer N extends SchemaName } ? N : never;

/** What serves the row of a route: what is asked in JSON and in frames, or with what a stream. Without any the node answers itself. */
interface Handler<Ask extends SchemaName, Unit extends SchemaName> {
  readonly verb?: Verb<Ask>;
  readonly frames?: FrameCodec<Unit>;
  readonly stream?: (value: unknown) => StreamRequest;
  readonly feed?: (value: unknown) => FeedRequest;
}

const HANDLERS: { readonly [Id in RouteId]: Handler<AskSchema<Id>, UnitSchema<Id>> } = {
  send: { verb: ALONE.send, frames: sendFrames },
  sendBatch: { verb: ITEMS.send, frames: sendFrames },
  recv: { verb: ALONE.recv, frames: recvFrames },
  recvStream: { stream: (value) => requests.streamOf(check('stream', value)) },
  ack: { verb: ALONE.ack, frames: ackFrames },
  ackBatch: { verb: ITEMS.ack, frames: ackFrames },
  nack: { verb: ALONE.nack, frames: nackFrames },
  nackBatch: { verb: ITEMS.nack, frames: nackFrames },
  extend: { verb: ALONE.extend },
  listDeadLetters: { verb: ALONE.dlq },
  reprocess: { verb: ALONE.reprocess },
  startRedrive: { verb: ALONE.redrive },
  redrive: { verb: ALONE.redriveShow },
  cancelRedrive: { verb: ALONE.redriveCancel },
  purge: { verb: ALONE.purge },
  revoke: {},
  stats: { verb: ALONE.stats },
  topics: { verb: ALONE.topics },
  messages: { verb: ALONE.peek },
  message: { verb: ALONE.show },
  feed: { feed: (value) => requests.feedOf(check('feed', value)) },
  decisions: { feed: (value) => requests.decisionsOf(check('decisions', value)) },
  node: {},
  keys: {},
  health: {},
  readiness: {},
};

/** A row of the contract, and what serves it. */
export interface Route extends Row {
  readonly id: RouteId;
  readonly promised: Promised;
  /** What a body in JSON, or a query, asks for. @throws Malformed */
  readonly json: ((input: Input) => Asked) | null;
  readonly stream: ((value: unknown) => StreamRequest) | null;
  readonly feed: ((value: unknown) => FeedRequest) | null;
  readonly frames: FrameCodec | null;
}

function routeOf(id: RouteId): Route {
  const row = rowOf(id);
  const { verb, frames = null, stream = null, feed = null } = HANDLERS[id] as Handler<never, never>;
  const request = row.request as never;
  const { item } = row;
  let json: Route['json'] = null;
  if (verb !== undefined) {
    json =
      item === undefined
        ? (input) => alone(request, verb, input)
        : (input) => batch(request, item as never, verb, input);
  }
  return { id, ...row, promised: promisedBy(row), json, stream, feed, frames };
}

/** Every route of the server. Both ways of dispatch read this table. */
export const ROUTES: readonly Route[] = ROUTE_IDS.map(routeOf);

/** The last part of a path may name something. */
const PARAMETER = /\{[a-z_]+\}$/;
const MSG_ID = /^[0-9A-Za-z]{26}$/;

const exact = new Map<string, Route[]>();
const byPrefix = new Map<string, Route[]>();
for (const route of ROUTES) {
  const end = route.path.search(PARAMETER);
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
