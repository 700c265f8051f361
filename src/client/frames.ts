import { FLAG } from '../wire/frame.ts';
import { readUnits, type Unit, UnitWriter } from '../wire/units.ts';
import { errorOf, MailboxError, noMailbox, objectIn, retryAfterMsOf } from './error.ts';
import type { AckResult, FrameEnvelope, FramesReceived, SendResult, Sent } from './types.ts';

export const OAP_TYPE = 'application/oap1';
/** Acks that rode along, and more than as many messages as one recv gives. */
const UNITS_MAX = 1024;
const BAD = 400;
const NO_CONTENT = 204;

export interface UnitBody {
  readonly json: object;
  readonly payload?: Uint8Array;
}

/** A body of request units, numbered from 1. */
export function framesOf(app: number, units: readonly UnitBody[]): Uint8Array {
  const writer = new UnitWriter(FLAG.REQ, 4096);
  for (const [i, { json, payload = new Uint8Array() }] of units.entries()) {
    writer.add({ app, code: 0, capability: '', corrHi: 0, corrLo: i + 1 }, JSON.stringify(json), payload);
  }
  return writer.bytes();
}

/** The units of an answer. @throws MailboxError when it is none, or when it refuses the request as a whole */
async function unitsIn(response: Response): Promise<readonly Unit[]> {
  const body = Buffer.from(await response.arrayBuffer());
  const { units, broken } = readUnits(body, { kind: FLAG.RESP, unitsMax: UNITS_MAX, expand: null });
  if (broken !== null) throw new MailboxError(response.status, 'E_HTTP', `answer: ${broken.error.message}`, {}, 0);
  const [first] = units;
  if (!response.ok && first !== undefined && first.corrLo === 0 && first.corrHi === 0) throw failure(first, response);
  return units;
}

const failure = (unit: Unit, response: Response): MailboxError =>
  errorOf(unit.code, jsonOf(unit), retryAfterMsOf(response));

function jsonOf({ head, code }: Unit): Record<string, unknown> {
  const value = objectIn(head.toString());
  if (value === null) throw noMailbox(code);
  return value;
}

/** What the one unit that was sent came to. @throws MailboxError when it was refused */
export async function sentIn(response: Response): Promise<Sent> {
  const [unit] = await unitsIn(response);
  if (unit === undefined) throw new MailboxError(response.status, 'E_HTTP', 'answer: no unit', {}, 0);
  if (unit.code >= BAD) throw failure(unit, response);
  return jsonOf(unit) as unknown as Sent;
}

/** One result for each unit that was sent. */
export async function resultsIn(response: Response): Promise<readonly SendResult[]> {
  return (await unitsIn(response)).map((unit) => jsonOf(unit) as unknown as SendResult);
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
