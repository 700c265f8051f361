import type { Body, SchemaName } from '../../api/schemas.ts';
import type { Delivery, RecvRequest, Reply, Request } from '../../service/messages.ts';
import { type Fault, readAck, readNack, readRecv, readSend, type Said } from '../../wire/binary.ts';
import type { BinaryWriter, Mirrored } from '../../wire/binary-writer.ts';
import { APP_PROTO, CHUNK_BYTES_MAX, FRAME_BYTES_MAX, FRAME_VERSIONS } from '../../wire/frame.ts';
import { UNITS_MAX, type Unit, type UnitWriter } from '../../wire/units.ts';
import { check } from '../check.ts';
import { Malformed, PARTS_OF_ONE, parseJson } from '../json.ts';
import * as requests from '../requests.ts';
import * as bodies from './bodies.ts';
import { type From, msgIdsOf } from './verbs.ts';

export const OAP_TYPE = 'application/oap1';

/** How what a unit asks for is read, its JSON being of this schema, and how the units that answer it are written. */
export interface FrameCodec<N extends SchemaName = never> {
  readonly app: number;
  /** Bytes come beside the JSON. */
  readonly takesPayload?: true;
  /** @throws Malformed for what the schema cannot say */
  request(body: Body<N>, unit: Pick<Unit, 'payload'>, corrId: string): Request;
  /** The answer to an ask that was not refused. */
  write(reply: Reply, request: Request, to: Answering): void;
  /** The same in version 2: what a unit says, or what is wrong with it; */
  read(unit: Buffer): Said<object> | Fault;
  /** and the units that answer it. */
  writeBinary(reply: Reply, request: Request, out: BinaryWriter, to: Mirrored, nowMs: number): void;
}

/** Where the units that answer one unit go. */
export class Answering {
  readonly nowMs: number;
  private readonly out: UnitWriter;
  private readonly mirrored: { app: number; capability: string; corrHi: number; corrLo: number };

  constructor(out: UnitWriter, unit: Pick<Unit, 'app' | 'corrHi' | 'corrLo'>, nowMs: number) {
    this.out = out;
    this.nowMs = nowMs;
    this.mirrored = { app: unit.app, capability: '', corrHi: unit.corrHi, corrLo: unit.corrLo };
  }

  /** One unit with this status. */
  add(code: number, json: string, payload: Uint8Array = NOTHING): void {
    this.out.add({ ...this.mirrored, code }, json, payload);
  }
}

const NOTHING = Buffer.alloc(0);
const OK = 200;
const NO_CONTENT = 204;
/** What an envelope takes besides its payload, most of the time. */
const ENVELOPE_BYTES = 384;

export const sendFrames: FrameCodec<'send_frame'> = {
  app: APP_PROTO.send,
  takesPayload: true,
  request: (body, { payload }, corrId) => requests.sendWith(body, requests.ownBytes(payload), corrId),
  write: (reply, _request, to) => to.add(OK, bodies.sentBody(reply)),
  read: readSend,
  writeBinary: ({ outcome, msgId, payloadHash, hashChain }, _request, out, to) =>
    out.sent(to, msgId as string, outcome === 'duplicate', payloadHash as string, hashChain as string),
};

export const recvFrames: FrameCodec<'recv'> = {
  app: APP_PROTO.recv,
  request: requests.recvOf,
  write: (reply, request, to) => {
    const msgIds = msgIdsOf(request as RecvRequest);
    if (msgIds.length > 0) to.add(OK, bodies.ackResultsBody(msgIds, reply.ackOutcomes ?? []));
    const deliveries: readonly Delivery[] = reply.deliveries ?? [];
    for (const delivery of deliveries) to.add(OK, bodies.envelopeHead(delivery, to.nowMs), delivery.payload);
    if (deliveries.length === 0) to.add(NO_CONTENT, '');
  },
  read: readRecv,
  writeBinary: (reply, request, out, to, nowMs) => {
    const msgIds = msgIdsOf(request as RecvRequest);
    if (msgIds.length > 0) out.ackResults(to, bodies.ackResults(msgIds, reply.ackOutcomes ?? []));
    const deliveries: readonly Delivery[] = reply.deliveries ?? [];
    out.reserve(deliveries.reduce((sum, { payload }) => sum + payload.length + ENVELOPE_BYTES, 0));
    for (const delivery of deliveries) out.envelope(to, delivery, Math.max(0, delivery.deadlineMs - nowMs));
    if (deliveries.length === 0) out.text(to, NO_CONTENT, '');
  },
};

export const ackFrames: FrameCodec<'ack_item'> = {
  app: APP_PROTO.ack,
  request: (body) => requests.ackOf(body, body.msg_id),
  write: (_reply, _request, to) => to.add(OK, bodies.okBody()),
  read: readAck,
  writeBinary: (_reply, _request, out, to) => out.text(to, OK, ''),
};

export const nackFrames: FrameCodec<'nack_item'> = {
  app: APP_PROTO.nack,
  request: (body) => requests.nackOf(body, body.msg_id),
  write: (reply, _request, to) => to.add(OK, bodies.nackedBody(reply)),
  read: readNack,
  writeBinary: ({ state }, _request, out, to) => out.text(to, OK, state as string),
};

/** What a unit asks for; `msgId` is that of the path, empty where there is none. @throws Malformed */
export function requestIn<N extends SchemaName>(
  schema: N,
  codec: FrameCodec<N>,
  unit: Unit,
  { msgId, corrId }: From,
): Request {
  if (codec.takesPayload !== true && unit.payload.length > 0) throw new Malformed('frame: no payload is taken here');
  return codec.request(check(schema, named(parseJson(unit.head, PARTS_OF_ONE), msgId)), unit, corrId);
}

/** The same of version 2. @throws Malformed */
export function binaryRequestIn<N extends SchemaName>(
  schema: N,
  codec: FrameCodec<N>,
  unit: Buffer,
  { msgId, corrId }: From,
): Request {
  const said = codec.read(unit);
  if (typeof said === 'string') throw new Malformed(said);
  const { body, attrs } = said;
  const whole = attrs.length === 0 ? body : { ...body, attrs: parseJson(attrs, PARTS_OF_ONE) };
  return codec.request(check(schema, named(whole, msgId)), said, corrId);
}

/** The message that the path names need not be named again, and no other may be. */
function named(value: unknown, msgId: string): unknown {
  if (msgId === '' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { msg_id } = value as { msg_id?: unknown };
  if (msg_id !== undefined && msg_id !== msgId) throw new Malformed('msg_id: another one than that of the path');
  return { ...value, msg_id: msgId };
}

/** The answer to HELLO. */
export const helloBody = (bodyBytesMax: number, ratio: number): string =>
  JSON.stringify({
    versions: FRAME_VERSIONS,
    frame_bytes_max: FRAME_BYTES_MAX,
    chunk_bytes_max: CHUNK_BYTES_MAX,
    body_bytes_max: bodyBytesMax,
    units_max: UNITS_MAX,
    decompress_ratio: ratio,
  });
