import { type Fields, objectOf, refuseUnknown, TraceError, told } from '../parse.ts';
import {
  type Delivery,
  HISTORY_CONSTANTS,
  HISTORY_PRODUCERS,
  HISTORY_VERSION,
  type HistoryHeader,
  type Op,
  RESULTS,
  type Verb,
} from './format.ts';

const HEADER = ['history', 'version', 'producer', 'commit', 'constants', 'true_clocks'];
const TEXT_MAX = 256;
const TEXTS = ['client', 'by', 'topic', 'idem_key', 'payload_hash', 'msg_id', 'receipt', 'nonce'] as const;
const OP = ['begin_ms', 'end_ms', 'verb', 'result', 'timed', 'deadline_in_ms', 'got', 'dead', ...TEXTS];
const GOT_TEXTS = ['msg_id', 'idem_key', 'payload_hash', 'receipt'] as const;
const GOT_NUMBERS = ['epoch', 'attempt', 'deadline_in_ms'] as const;
/** Which fields a verb needs, besides those that all have; of a `send` that was accepted or known its msg_id too. */
const NEEDS: Readonly<Record<Verb, readonly string[]>> = {
  send: ['topic', 'idem_key', 'payload_hash'],
  recv: ['topic'],
  ack: ['msg_id', 'receipt'],
  nack: ['msg_id', 'receipt'],
  extend: ['msg_id', 'receipt'],
  revoke: ['nonce'],
  redrive: ['topic'],
  restart: [],
  drained: ['topic', 'dead'],
};

function wholeOf(value: unknown, name: string, least: number, line: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new TraceError(line, `${name}: ${told(value)}: must be a whole number, at least ${least}`);
}

function checkText(value: unknown, name: string, line: number): void {
  if (typeof value !== 'string' || value.length === 0 || value.length > TEXT_MAX)
    throw new TraceError(line, `${name}: must be text of 1..${TEXT_MAX} characters`);
}

/** @throws TraceError */
export function parseHistoryHeader(text: string): HistoryHeader {
  const fields = objectOf(text, 1);
  if (fields['history'] !== 'svc-mailbox')
    throw new TraceError(1, 'history: must be "svc-mailbox"; the first line is a header');
  if (fields['version'] !== HISTORY_VERSION)
    throw new TraceError(1, `version: ${told(fields['version'])}, this reads ${HISTORY_VERSION}`);
  refuseUnknown(fields, HEADER, 1);
  const { producer, commit, constants, true_clocks } = fields;
  if (!(HISTORY_PRODUCERS as readonly unknown[]).includes(producer))
    throw new TraceError(1, `producer: must be one of ${HISTORY_PRODUCERS.join(', ')}`);
  if (commit !== null) checkText(commit, 'commit', 1);
  if (typeof true_clocks !== 'boolean') throw new TraceError(1, 'true_clocks: must be true or false');
  if (typeof constants !== 'object' || constants === null) throw new TraceError(1, 'constants: must be an object');
  refuseUnknown(constants as Fields, HISTORY_CONSTANTS, 1, 'constants.');
  for (const name of HISTORY_CONSTANTS) wholeOf((constants as Fields)[name], `constants.${name}`, 0, 1);
  return fields as unknown as HistoryHeader;
}

/** @throws TraceError */
export function parseOp(text: string, line: number): Op {
  const fields = objectOf(text, line);
  refuseUnknown(fields, OP, line);
  const { verb, result, end_ms, timed, deadline_in_ms, got, dead } = fields;
  if (typeof verb !== 'string' || !Object.hasOwn(RESULTS, verb))
    throw new TraceError(line, `verb: must be one of ${Object.keys(RESULTS).join(', ')}`);
  const results: readonly string[] = RESULTS[verb as Verb];
  if (!results.includes(result as string))
    throw new TraceError(line, `result: of ${verb} one of ${results.join(', ')}, not ${told(result)}`);
  const begin = wholeOf(fields['begin_ms'], 'begin_ms', 0, line);
  if (end_ms !== null) wholeOf(end_ms, 'end_ms', begin, line);
  else if (result !== 'unknown') throw new TraceError(line, `end_ms: ${result} is an answer, and must have come`);
  for (const name of TEXTS) if (fields[name] !== undefined || name === 'client') checkText(fields[name], name, line);
  for (const name of NEEDS[verb as Verb])
    if (fields[name] === undefined) throw new TraceError(line, `${name}: missing, of a ${verb}`);
  if (verb === 'send' && (result === 'accepted' || result === 'duplicate') && fields['msg_id'] === undefined)
    throw new TraceError(line, `msg_id: missing, of a send that was ${result}`);
  if (verb === 'extend' && result === 'ok') wholeOf(deadline_in_ms, 'deadline_in_ms', 0, line);
  else if (deadline_in_ms !== undefined) throw new TraceError(line, 'deadline_in_ms: only of an extend that was ok');
  if (timed !== undefined && timed !== true) throw new TraceError(line, 'timed: must be true, or not there');
  if ((got !== undefined) !== (verb === 'recv' && result === 'ok'))
    throw new TraceError(line, 'got: of a recv that was ok, and of no other call');
  if (got !== undefined) checkGot(got, line);
  if (dead !== undefined && !(Array.isArray(dead) && dead.every((one) => typeof one === 'string')))
    throw new TraceError(line, 'dead: must be a list of msg_ids');
  return fields as unknown as Op;
}

function checkGot(got: unknown, line: number): asserts got is readonly Delivery[] {
  if (!Array.isArray(got)) throw new TraceError(line, 'got: must be a list');
  for (const [i, one] of got.entries()) {
    if (typeof one !== 'object' || one === null) throw new TraceError(line, `got[${i}]: must be an object`);
    refuseUnknown(one as Fields, [...GOT_TEXTS, ...GOT_NUMBERS], line, `got[${i}].`);
    for (const name of GOT_TEXTS) checkText((one as Fields)[name], `got[${i}].${name}`, line);
    for (const name of GOT_NUMBERS) wholeOf((one as Fields)[name], `got[${i}].${name}`, 0, line);
  }
}
