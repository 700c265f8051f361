import { textOf, utf8 } from './bytes.ts';
import { errorOf, type MailboxError, noMailbox, objectIn, retryAfterMsOf } from './error.ts';
import type { AckResult, FrameEnvelope, FramesReceived, SendResult, Sent } from './types.ts';

/**
 * OAP/1 as a client speaks it (`docs/protocol.md`: Frames), without `Buffer`: the server's own reading of the same bytes is in
 * `src/wire`, and a property test holds the two together.
 */
export const OAP_TYPE = 'application/oap1';
export const APP = { send: 1, recv: 2 } as const;
const VERSION = 1;
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

/** How long a unit is in a body, its JSON having so many bytes. */
export const unitBytes = (jsonBytes: number, payloadBytes: number): number =>
  HEADER_BYTES * (1 + Math.ceil(payloadBytes / CHUNK_BYTES_MAX)) + jsonBytes + payloadBytes;

/** A body of request units, numbered from 1. */
export function framesOf(app: number, units: readonly UnitBody[]): Uint8Array {
  const pieces = units.flatMap(({ json, payload = NOTHING }, i) =>
    unitOf(app, i + 1, utf8(JSON.stringify(json)), payload),
  );
  const body = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
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

function headOf(app: number, corr: number, flags: number, payloadBytes: number): Uint8Array {
  const head = new DataView(new ArrayBuffer(HEADER_BYTES));
  head.setUint32(0, HEADER_BYTES + payloadBytes);
  head.setUint16(4, VERSION);
  head.setUint16(6, REQ | flags);
  head.setUint16(10, app);
  head.setUint32(34, corr);
  return new Uint8Array(head.buffer);
}

interface Unit {
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
  if (view.getUint16(4) !== VERSION) throw new Error(`ver must be ${VERSION}`);
  const flags = view.getUint16(6);
  if ((flags & ~(START | END)) !== RESP) throw new Error('must be a response (RESP) and nothing else');
  if (view.getUint16(28) !== 0) throw new Error('an answer brings no capability');
  // As many units as a body may have need only the lower half of corr_id.
  const corr = view.getUint32(30) === 0 ? view.getUint32(34) : Number.NaN;
  const head = body.subarray(at + HEADER_BYTES, at + length);
  return { flags, end: at + length, unit: { code: view.getUint16(8), corr, head } };
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

/** The units of an answer. @throws MailboxError when it is none, or when it refuses the request as a whole */
async function unitsIn(response: Response): Promise<readonly Unit[]> {
  let units: readonly Unit[];
  const body = new Uint8Array(await response.arrayBuffer());
  try {
    units = unitsOf(body);
  } catch (error) {
    throw noMailbox(response.status, `answer: frame: ${(error as Error).message}`);
  }
  const [first] = units;
  if (!response.ok && first?.corr === 0) throw failure(first, response);
  return units;
}

const failure = (unit: Unit, response: Response): MailboxError =>
  errorOf(unit.code, jsonOf(unit), retryAfterMsOf(response));

function jsonOf({ head, code }: Unit): Record<string, unknown> {
  const value = objectIn(textOf(head));
  if (value === null) throw noMailbox(code);
  return value;
}

/** What the one unit that was sent came to. @throws MailboxError when it was refused */
export async function sentIn(response: Response): Promise<Sent> {
  const [unit] = await unitsIn(response);
  if (unit === undefined) throw noMailbox(response.status, 'answer: no unit');
  if (unit.code >= BAD) throw failure(unit, response);
  return jsonOf(unit) as unknown as Sent;
}

/** One result for each of so many units that were sent. @throws MailboxError when the answer has not one for each */
export async function resultsIn(response: Response, count: number): Promise<readonly SendResult[]> {
  const units = await unitsIn(response);
  if (units.length !== count) throw noMailbox(response.status, `answer: ${units.length} results for ${count} units`);
  return units.map((unit) => jsonOf(unit) as unknown as SendResult);
}

/** What a recv in frames gave. @throws MailboxError when it was refused */
export async function receivedIn(response: Response): Promise<FramesReceived> {
  const messages: FrameEnvelope[] = [];
  let ackResults: readonly AckResult[] = [];
  for (const unit of await unitsIn(response)) {
    if (unit.code === NO_CONTENT) continue;
    if (unit.code >= BAD) throw failure(unit, response);
    const json = jsonOf(unit);
    if ('ack_results' in json) ackResults = json['ack_results'] as readonly AckResult[];
    else messages.push({ ...json, payload: unit.payload } as unknown as FrameEnvelope);
  }
  return { messages, ack_results: ackResults };
}
