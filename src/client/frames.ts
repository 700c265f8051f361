import * as binary from './binary.ts';
import { textOf, utf8 } from './bytes.ts';
import { errorOf, type MailboxError, noMailbox, objectIn, retryAfterMsOf } from './error.ts';
import type { AckResult, FrameEnvelope, FramesReceived, Lease, SendResult, Sent } from './types.ts';

/**
 * OAP/1 as a client speaks it (`docs/protocol.md`: Frames), without `Buffer`: the server's own reading of the same bytes is in
 * `src/wire`, and a property test holds the two together.
 */
export const OAP_TYPE = 'application/oap1';
export const APP = { send: 1, recv: 2 } as const;
/** Of acks that rode along, in version 2. */
const ACK_RESULTS = 3;
/** What follows a frame's header: 1, JSON and chunks of bytes; 2, one frame a unit, binary throughout. Servers of before know 1 alone. */
export type Version = 1 | 2;
const HEADER_BYTES = 38;
const CHUNK_BYTES_MAX = 64 * 1024;
const REQ = 1;
const RESP = 2;
const START = 8;
const END = 16;
/** Acks that rode along, and more than as many messages as one recv gives. */
const UNITS_MAX = 1024;
const BAD = 400;
const NO_CONTENT = 204;
const NOTHING = new Uint8Array();

export interface UnitBody {
  readonly json: object;
  readonly payload?: Uint8Array;
}

/** How long a unit is in a body at most, its JSON having so many bytes. */
export const unitBytes = (jsonBytes: number, payloadBytes: number): number =>
  HEADER_BYTES * (1 + Math.ceil(payloadBytes / CHUNK_BYTES_MAX)) + jsonBytes + payloadBytes;

/** A body of request units, numbered from 1: in version 2 where it is asked for and can say all of them, else in 1. */
export function framesOf(app: number, units: readonly UnitBody[], version: Version = 1): Uint8Array {
  const pieces = version === 2 ? (binaryPieces(app, units) ?? jsonPieces(app, units)) : jsonPieces(app, units);
  const body = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

const jsonPieces = (app: number, units: readonly UnitBody[]): readonly Uint8Array[] =>
  units.flatMap(({ json, payload = NOTHING }, i) => unitOf(app, i + 1, utf8(JSON.stringify(json)), payload));

function binaryPieces(app: number, units: readonly UnitBody[]): readonly Uint8Array[] | null {
  const pieces: Uint8Array[] = [];
  for (const [i, { json, payload = NOTHING }] of units.entries()) {
    const head = app === APP.send ? binary.sendHeadOf(json) : binary.recvOf(json);
    if (head === null) return null;
    const bytes = head.reduce((sum, { length }) => sum + length, payload.length);
    pieces.push(headOf(app, i + 1, START | END, bytes, 2), ...head, payload);
  }
  return pieces;
}

function unitOf(app: number, corr: number, json: Uint8Array, payload: Uint8Array): Uint8Array[] {
  const chunks = Math.ceil(payload.length / CHUNK_BYTES_MAX);
  const pieces = [headOf(app, corr, START | (chunks === 0 ? END : 0), json.length), json];
  for (let i = 1; i <= chunks; i++) {
    const chunk = payload.subarray((i - 1) * CHUNK_BYTES_MAX, i * CHUNK_BYTES_MAX);
    pieces.push(headOf(app, corr, i === chunks ? END : 0, chunk.length), chunk);
  }
  return pieces;
}

function headOf(app: number, corr: number, flags: number, payloadBytes: number, version: Version = 1): Uint8Array {
  const head = new DataView(new ArrayBuffer(HEADER_BYTES));
  head.setUint32(0, HEADER_BYTES + payloadBytes);
  head.setUint16(4, version);
  head.setUint16(6, REQ | flags);
  head.setUint16(10, app);
  head.setUint32(34, corr);
  return new Uint8Array(head.buffer);
}

interface Unit {
  readonly version: Version;
  readonly app: number;
  /** Its status. */
  readonly code: number;
  /** The number of the unit that it answers; 0 answers the whole request. */
  readonly corr: number;
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** @throws Error when the bytes at `at` are no frame of an answer */
function frameAt(body: Uint8Array, at: number): { flags: number; end: number; unit: Omit<Unit, 'payload'> } {
  const left = body.length - at;
  const view = new DataView(body.buffer, body.byteOffset + at, left);
  if (left < HEADER_BYTES) throw new Error(`a header has ${HEADER_BYTES} bytes`);
  const length = view.getUint32(0);
  if (length < HEADER_BYTES || length > left) throw new Error('len is not that of what is there');
  const version = view.getUint16(4);
  if (version !== 1 && version !== 2) throw new Error('ver must be 1 or 2');
  const flags = view.getUint16(6);
  if ((flags & ~(START | END)) !== RESP) throw new Error('must be a response (RESP) and nothing else');
  if (view.getUint16(28) !== 0) throw new Error('an answer brings no capability');
  // As many units as a body may have need only the lower half of corr_id.
  const corr = view.getUint32(30) === 0 ? view.getUint32(34) : Number.NaN;
  const head = body.subarray(at + HEADER_BYTES, at + length);
  const app = view.getUint16(10);
  return { flags, end: at + length, unit: { version, app, code: view.getUint16(8), corr, head } };
}

/** @throws Error when it is no body of units */
function unitsOf(body: Uint8Array): readonly Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < body.length; ) {
    if (units.length === UNITS_MAX) throw new Error(`at most ${UNITS_MAX} units`);
    const first = frameAt(body, at);
    if ((first.flags & START) === 0) throw new Error('a unit begins with START');
    const chunks: Uint8Array[] = [];
    let last = first;
    while ((last.flags & END) === 0) {
      last = frameAt(body, last.end);
      if ((last.flags & START) !== 0) throw new Error('START before the END of the unit before');
      chunks.push(last.unit.head);
    }
    at = last.end;
    units.push({ ...first.unit, payload: joined(chunks) });
  }
  return units;
}

/** Bytes of their own: a payload that is kept must not keep the whole answer in memory. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** An answer, and what was asked. */
export interface Answered {
  readonly response: Response;
  /** In which version. */
  readonly version: Version;
}

/** The server does not know the version that it was asked in, and did nothing. */
export const OTHER_VERSION = Symbol('another version of frames');
type OrOther<T> = Promise<T | typeof OTHER_VERSION>;

/** The units of an answer. @throws MailboxError when it is none, or when it refuses the request as a whole */
async function unitsIn({ response, version }: Answered): OrOther<readonly Unit[]> {
  let units: readonly Unit[];
  const body = new Uint8Array(await response.arrayBuffer());
  try {
    units = unitsOf(body);
  } catch (error) {
    throw noMailbox(response.status, `answer: frame: ${(error as Error).message}`);
  }
  const [first] = units;
  if (response.ok || first === undefined) return units;
  if (first.corr === 0) throw failure(first, response);
  // Who knows it answers in it.
  const isOther = version === 2 && first.version === 1 && response.status === BAD;
  return isOther ? OTHER_VERSION : units;
}

const failure = (unit: Unit, response: Response): MailboxError =>
  errorOf(unit.code, jsonOf(unit), retryAfterMsOf(response));

function jsonOf({ head, code }: Unit): Record<string, unknown> {
  const value = objectIn(textOf(head));
  if (value === null) throw noMailbox(code);
  return value;
}

/** What a unit of version 2 says. @throws MailboxError when it does not say it */
function told<T>(unit: Unit, read: (bytes: Uint8Array) => T): T {
  try {
    return read(unit.head);
  } catch (error) {
    throw noMailbox(unit.code, `answer: frame: ${(error as Error).message}`);
  }
}

/** Errors are JSON in both versions. */
const resultOf = (unit: Unit): SendResult =>
  unit.version === 2 && unit.code < BAD ? told(unit, binary.sentIn) : (jsonOf(unit) as unknown as SendResult);

/** What the one unit that was sent came to. @throws MailboxError when it was refused */
export async function sentIn(answered: Answered): OrOther<Sent> {
  const { response } = answered;
  const units = await unitsIn(answered);
  if (units === OTHER_VERSION) return units;
  const [unit] = units;
  if (unit === undefined) throw noMailbox(response.status, 'answer: no unit');
  if (unit.code >= BAD) throw failure(unit, response);
  return resultOf(unit) as Sent;
}

/** One result for each of so many units that were sent. @throws MailboxError when the answer has not one for each */
export async function resultsIn(answered: Answered, count: number): OrOther<readonly SendResult[]> {
  const units = await unitsIn(answered);
  if (units === OTHER_VERSION) return units;
  if (units.length !== count)
    throw noMailbox(answered.response.status, `answer: ${units.length} results for ${count} units`);
  return units.map(resultOf);
}

/** What a recv in frames gave, which brought these acks. @throws MailboxError when it was refused */
export async function receivedIn(answered: Answered, acks: readonly Lease[] = []): OrOther<FramesReceived> {
  const units = await unitsIn(answered);
  if (units === OTHER_VERSION) return units;
  const messages: FrameEnvelope[] = [];
  let ackResults: readonly AckResult[] = [];
  for (const unit of units) {
    if (unit.code === NO_CONTENT) continue;
    if (unit.code >= BAD) throw failure(unit, answered.response);
    if (unit.version === 2) {
      if (unit.app === ACK_RESULTS) ackResults = told(unit, (bytes) => binary.ackResultsIn(bytes, acks));
      else messages.push(told(unit, binary.envelopeIn));
      continue;
    }
    const json = jsonOf(unit);
    if ('ack_results' in json) ackResults = json['ack_results'] as readonly AckResult[];
    else messages.push({ ...json, payload: unit.payload } as unknown as FrameEnvelope);
  }
  return { messages, ack_results: ackResults };
}
