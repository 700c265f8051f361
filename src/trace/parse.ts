import { echoed, named } from '../platform/visible.ts';
import {
  CONSTANT_NAMES,
  FOUND,
  PRODUCERS,
  STEP_ACTIONS,
  TRACE_VERSION,
  type TraceHeader,
  type TraceStep,
  VARIABLE_NAMES,
  VARIABLES,
  type VariableName,
} from './format.ts';

/** The trace cannot be read: one line that names the line and the field. */
export class TraceError extends Error {
  override readonly name = 'TraceError';

  constructor(line: number, says: string) {
    super(`line ${line}: ${says}`);
  }
}

const HEADER_FIELDS = ['trace', 'version', 'producer', 'commit', 'constants'];
const STEP_FIELDS = ['seq', 'at_ms', 'shard', 'action', 'msg_id', 'topic', 'idem_key', 'outcome', 'changes'];
const TEXT_MAX = 128;
/** As many as 16 nodes of the most shards that one may have. */
const SHARDS_MAX = 16 * 1024;
const CONSTANT_MIN: Readonly<Partial<Record<string, number>>> = { MaxAttempts: 1, InflightFactor: 1, BackoffBase: 0 };

export type Fields = Readonly<Record<string, unknown>>;

export function objectOf(text: string, line: number): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TraceError(line, 'not JSON; is the trace cut off?');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TraceError(line, 'not an object');
  return value as Fields;
}

/** A value that is not what it should be; what is nested may be nested without end. */
export const told = (value: unknown): string =>
  typeof value === 'string' ? echoed(value) : typeof value === 'object' && value !== null ? 'an object' : String(value);

export function refuseUnknown(fields: Fields, known: readonly string[], line: number, where = ''): void {
  for (const name in fields)
    if (!known.includes(name)) throw new TraceError(line, `${where}${named(name)}: unknown field`);
}

function wholeOf(fields: Fields, name: string, least: number, line: number, where = '', most = MOST): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    const range = most === MOST ? `, at least ${least}` : ` ${least}..${most}`;
    throw new TraceError(line, `${where}${name}: ${told(value)}: must be a whole number${range}`);
  }
  return value;
}
const MOST = Number.MAX_SAFE_INTEGER;

function textOf(fields: Fields, name: string, line: number): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '' || value.length > TEXT_MAX)
    throw new TraceError(line, `${name}: must be text of 1..${TEXT_MAX} characters`);
  return value;
}

/** @throws TraceError */
export function parseHeader(text: string): TraceHeader {
  const fields = objectOf(text, 1);
  if (fields['trace'] !== 'svc-mailbox')
    throw new TraceError(1, 'trace: must be "svc-mailbox"; the first line is a header');
  if (fields['version'] !== TRACE_VERSION)
    throw new TraceError(1, `version: ${told(fields['version'])}, this reads ${TRACE_VERSION}`);
  refuseUnknown(fields, HEADER_FIELDS, 1);
  if (!(PRODUCERS as readonly unknown[]).includes(fields['producer']))
    throw new TraceError(1, `producer: must be one of ${PRODUCERS.join(', ')}`);
  const { commit, constants } = fields;
  if (commit !== null && (typeof commit !== 'string' || commit.length > TEXT_MAX))
    throw new TraceError(1, `commit: must be text of at most ${TEXT_MAX} characters, or null`);
  if (typeof constants !== 'object' || constants === null || Array.isArray(constants))
    throw new TraceError(1, 'constants: must be an object');
  const given = constants as Fields;
  refuseUnknown(given, Object.keys(CONSTANT_NAMES), 1, 'constants.');
  for (const name of Object.keys(CONSTANT_NAMES)) wholeOf(given, name, CONSTANT_MIN[name] ?? 0, 1, 'constants.');
  return fields as unknown as TraceHeader;
}

/** @throws TraceError naming line and field */
export function parseStep(text: string, line: number): TraceStep {
  const fields = objectOf(text, line);
  refuseUnknown(fields, STEP_FIELDS, line);
  wholeOf(fields, 'seq', 1, line);
  wholeOf(fields, 'at_ms', 0, line);
  wholeOf(fields, 'shard', 0, line, '', SHARDS_MAX - 1);
  const { action, outcome } = fields;
  if (typeof action !== 'string' || !STEP_ACTIONS.includes(action))
    throw new TraceError(line, `action: ${told(action)} is none of ${STEP_ACTIONS.join(', ')}`);
  if (outcome !== 'ok') throw new TraceError(line, 'outcome: must be "ok"');
  if (action === 'Recover') {
    for (const name of ['msg_id', 'topic', 'idem_key', 'changes'])
      if (name in fields) throw new TraceError(line, `${name}: not of Recover, which is of no message`);
    return fields as unknown as TraceStep;
  }
  textOf(fields, 'msg_id', line);
  for (const name of ['topic', 'idem_key']) {
    if (action === 'Send' || action === FOUND) textOf(fields, name, line);
    else if (name in fields) throw new TraceError(line, `${name}: of Send and Found only`);
  }
  checkChanges(fields['changes'], line);
  return fields as unknown as TraceStep;
}

function checkChanges(changes: unknown, line: number): void {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes))
    throw new TraceError(line, 'changes: must be an object');
  for (const name in changes) {
    const kind = Object.hasOwn(VARIABLES, name) ? VARIABLES[name as VariableName] : undefined;
    if (kind === undefined)
      throw new TraceError(line, `changes.${named(name)}: must be one of ${VARIABLE_NAMES.join(', ')}`);
    if (typeof kind === 'number') wholeOf(changes as Fields, name, kind, line, 'changes.');
    else if (!kind.includes((changes as Fields)[name] as string))
      throw new TraceError(line, `changes.${name}: must be one of ${kind.join(', ')}`);
  }
}

/** Lines of a file, without their ends; a last line without an end was cut off. @throws TraceError */
export function* linesOf(text: string): Generator<string> {
  let at = 0;
  for (let line = 1; at < text.length; line++) {
    const end = text.indexOf('\n', at);
    if (end < 0) throw new TraceError(line, 'cut off: the last line has no end');
    yield text.slice(at, end);
    at = end + 1;
  }
}
