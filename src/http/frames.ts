import { gunzipSync } from 'node:zlib';
import type { Delivery, RecvRequest, Reply, Request } from '../service/messages.ts';
import { APP_PROTO, CHUNK_BYTES_MAX, FRAME_BYTES_MAX, FRAME_VERSION, FrameError } from '../wire/frame.ts';
import { UNITS_MAX, type Unit, type UnitWriter } from '../wire/units.ts';
import * as bodies from './bodies.ts';
import { check } from './check.ts';
import { Malformed, PARTS_OF_ONE, parseJson } from './json.ts';
import * as requests from './requests.ts';

export const OAP_TYPE = 'application/oap1';

/** How a route reads what a unit asks for, and writes the units that answer it. */
export interface FrameCodec {
  readonly app: number;
  /** `msgId` is that of the path, empty where there is none. @throws Malformed */
  ask(unit: Unit, msgId: string, corrId: string): Request;
  /** The answer to an ask that was not refused. */
  write(reply: Reply, request: Request, to: Answering): void;
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

export const sendFrames: FrameCodec = {
  app: APP_PROTO.send,
  ask: ({ head, payload }, _msgId, corrId) =>
    requests.sendWith(check('send_frame', parseJson(head, PARTS_OF_ONE)), ownBytes(payload), corrId),
  write: (reply, _request, to) => to.add(OK, bodies.sentBody(reply)),
};

export const recvFrames: FrameCodec = {
  app: APP_PROTO.recv,
  ask: (unit) => requests.recvOf(check('recv', jsonOnly(unit))),
  write: (reply, request, to) => {
    const { acks } = request as RecvRequest;
    if (acks.length > 0) {
      const msgIds = acks.map(({ msgId }) => msgId);
      to.add(OK, bodies.ackResultsBody(msgIds, reply.ackOutcomes ?? []));
    }
    const deliveries: readonly Delivery[] = reply.deliveries ?? [];
    for (const delivery of deliveries) to.add(OK, bodies.envelopeHead(delivery, to.nowMs), delivery.payload);
    if (deliveries.length === 0) to.add(NO_CONTENT, '');
  },
};

export const ackFrames: FrameCodec = {
  app: APP_PROTO.ack,
  ask: (unit, msgId) => {
    const body = check('ack_item', named(jsonOnly(unit), msgId));
    return requests.ackOf(body, body.msg_id);
  },
  write: (_reply, _request, to) => to.add(OK, bodies.okBody()),
};

export const nackFrames: FrameCodec = {
  app: APP_PROTO.nack,
  ask: (unit, msgId) => {
    const body = check('nack_item', named(jsonOnly(unit), msgId));
    return requests.nackOf(body, body.msg_id);
  },
  write: (reply, _request, to) => to.add(OK, bodies.nackedBody(reply)),
};

/** The JSON of a unit that carries nothing else. */
function jsonOnly({ head, payload }: Unit): unknown {
  if (payload.length > 0) throw new Malformed('frame: no payload is taken here');
  return parseJson(head, PARTS_OF_ONE);
}

/** The message that the path names need not be named again, and no other may be. */
function named(value: unknown, msgId: string): unknown {
  if (msgId === '' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { msg_id } = value as { msg_id?: unknown };
  if (msg_id !== undefined && msg_id !== msgId) throw new Malformed('msg_id: another one than that of the path');
  return { ...value, msg_id: msgId };
}

/** A payload of its own: kept as a view, a small one would keep a whole body in memory. */
const ownBytes = (payload: Buffer): Buffer =>
  2 * payload.length >= payload.buffer.byteLength ? payload : Buffer.from(payload);

/** The answer to HELLO. */
export const helloBody = (bodyBytesMax: number, ratio: number): string =>
  JSON.stringify({
    versions: [FRAME_VERSION],
    frame_bytes_max: FRAME_BYTES_MAX,
    chunk_bytes_max: CHUNK_BYTES_MAX,
    body_bytes_max: bodyBytesMax,
    units_max: UNITS_MAX,
    decompress_ratio: ratio,
  });

/** Frames with COMP in one body, two for each unit that there may be: each costs a decompressor. */
const COMPRESSED_MAX = 2 * UNITS_MAX;
const NOT_GZIP = 'frame: not one member of gzip';

/** Expands the compressed frames of one body: all of them together to at most `bytesMax`, each within the ratio (D3). */
export function frameExpander(bodyBytesMax: number, ratio: number): (payload: Buffer, bytesMax: number) => Buffer {
  let left = bodyBytesMax;
  let frames = 0;
  return (payload, bytesMax) => {
    if (++frames > COMPRESSED_MAX) throw new FrameError(`body: at most ${COMPRESSED_MAX} frames with COMP`);
    const most = Math.min(left, bytesMax, ratio * payload.length);
    if (payload.length === 0) throw new FrameError(NOT_GZIP);
    if (most < 1) throw new FrameError('frame: expands too far', 'too_long');
    const expanded = gunzip(payload, most, ratio * payload.length > most ? 'too_long' : 'ratio');
    left -= expanded.length;
    return expanded;
  };
}

function gunzip(payload: Buffer, bytesMax: number, beyond: 'too_long' | 'ratio'): Buffer {
  try {
    // `info` adds the engine, whose `bytesWritten` tells what of the input it used.
    const options = { maxOutputLength: bytesMax, info: true };
    const { buffer, engine } = gunzipSync(payload, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    const isWhole =
      engine.bytesWritten === payload.length && payload.readUInt32LE(payload.length - 4) === buffer.length;
    if (isWhole) return buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new FrameError(
        beyond === 'ratio' ? 'frame: expands beyond the ratio cap' : 'frame: expands too far',
        beyond,
      );
    }
  }
  throw new FrameError(NOT_GZIP);
}
