import type { Body, SchemaName } from '../../api/schemas.ts';
import type { AckRequest, NackRequest, RecvRequest, Reply, Request } from '../../service/messages.ts';
import * as requests from '../requests.ts';
import * as bodies from './bodies.ts';
import * as viewed from './viewed.ts';

/** Where a body comes from. */
export interface From {
  /** The `{msg_id}` of the path, empty where there is none. */
  readonly msgId: string;
  readonly corrId: string;
}

/** What a body of this schema asks for, and how that is answered in JSON. */
export interface Verb<N extends SchemaName> {
  /** @throws Malformed for what the schema cannot say */
  request(body: Body<N>, from: From): Request;
  /** The answer to what was not refused. */
  body(reply: Reply, request: Request, nowMs: number): string;
}

/** One for whom the path names the message. */
const named = <N extends SchemaName>(
  make: (body: Body<N>, msgId: string) => Request,
  body: (reply: Reply) => string,
): Verb<N> => ({ request: (value, { msgId }) => make(value, msgId), body });

const settled = (reply: Reply, request: Request): string =>
  bodies.settledResult((request as AckRequest | NackRequest).msgId, reply);

/** Alone in its body. */
export const ALONE = {
  send: { request: (body, { corrId }) => requests.sendOf(body, corrId), body: bodies.sentBody } satisfies Verb<'send'>,
  recv: {
    request: requests.recvOf,
    body: (reply, request, nowMs) => bodies.receivedBody(reply, msgIdsOf(request as RecvRequest), nowMs),
  } satisfies Verb<'recv'>,
  ack: named<'ack'>(requests.ackOf, bodies.okBody),
  nack: named<'nack'>(requests.nackOf, bodies.nackedBody),
  extend: named<'extend'>(requests.extendOf, bodies.extendedBody),
  dlq: { request: requests.dlqListOf, body: bodies.deadLettersBody } satisfies Verb<'dlq'>,
  reprocess: { request: requests.reprocessOf, body: bodies.reprocessedBody } satisfies Verb<'reprocess'>,
  purge: { request: requests.purgeOf, body: bodies.purgedBody } satisfies Verb<'purge'>,
  stats: { request: requests.statsOf, body: viewed.statsBody } satisfies Verb<'stats'>,
  topics: { request: requests.topicsOf, body: viewed.topicsBody } satisfies Verb<'topics'>,
  peek: { request: requests.peekOf, body: viewed.messagesBody } satisfies Verb<'messages'>,
  redrive: { request: requests.redriveOf, body: viewed.redriveBody } satisfies Verb<'redrive'>,
  redriveShow: named<'none'>((_, id) => ({ verb: 'redrive_show', id }), viewed.redriveBody),
  redriveCancel: named<'none'>((_, id) => ({ verb: 'redrive_cancel', id }), viewed.redriveBody),
  show: named<'message'>(
    ({ include }, msgId) => ({ verb: 'show', msgId, withPayload: include === 'payload' }),
    viewed.messageBody,
  ),
};

/** One of several. */
export const ITEMS = {
  send: {
    request: (body, { corrId }) => requests.sendOf(body, corrId),
    body: bodies.sentResult,
  } satisfies Verb<'send'>,
  ack: { request: (body) => requests.ackOf(body, body.msg_id), body: settled } satisfies Verb<'ack_item'>,
  nack: { request: (body) => requests.nackOf(body, body.msg_id), body: settled } satisfies Verb<'nack_item'>,
};

export const msgIdsOf = ({ acks }: RecvRequest): readonly string[] => acks.map(({ msgId }) => msgId);
