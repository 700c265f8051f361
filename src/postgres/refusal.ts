import { Unreadable } from '../ports/journal.ts';

/** Why PostgreSQL does not serve us, in one line for people: never with a password in it. */
export class EngineRefusal extends Unreadable {
  /** What we were given is wrong, rather than what the server is at the moment. */
  readonly isOfGiven: boolean;

  constructor(message: string, isOfGiven = false) {
    super(message);
    this.isOfGiven = isOfGiven;
  }
}

interface Said {
  readonly code?: string;
  readonly severity?: string;
  readonly message: string;
}

/** By SQLSTATE or error of the system. */
const MEANS: Readonly<Record<string, string>> = {
  '28P01': 'the password is refused',
  '28000': 'this user is not let in',
  '3D000': 'there is no such database',
  '3F000': 'no tables of a mailbox are there: mailbox cluster init',
  '42P01': 'no tables of a mailbox are there: mailbox cluster init',
  '42501': 'this user may not do that',
  '25006': 'it is read-only',
  '53100': 'it is out of space',
  '53200': 'it is out of memory',
  '53300': 'it has no connection to spare',
  '57P03': 'it is starting, or stopping',
  '42P05': 'a pooler stands in front that mixes up prepared statements: connect directly, or in session mode',
  '26000': 'a pooler stands in front that mixes up prepared statements: connect directly, or in session mode',
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection is gone',
};
/** Those that say that we were told something wrong. */
const OF_GIVEN = new Set(['28P01', '28000', '3D000', '3F000', '42P01', '42501']);
const MESSAGE_MAX = 200;

export function refusalOf(where: string, error: unknown): EngineRefusal {
  if (error instanceof EngineRefusal) return error;
  const { code, message } = error as Said;
  const means = MEANS[code ?? ''] ?? message.replace(/\s+/g, ' ').slice(0, MESSAGE_MAX);
  const isOfGiven = OF_GIVEN.has(code ?? '');
  return new EngineRefusal(`PostgreSQL at ${where}: ${means}${code === undefined ? '' : ` (${code})`}`, isOfGiven);
}

/** It ended with an error of the statement alone: then nothing of it went in, and the connection goes on. */
export const isOfStatement = (error: unknown): boolean => (error as Said).severity === 'ERROR';

/** Nothing of ours will ever go in there: tables that are gone, or others, or may not be written to. */
const FINAL = new Set(['3F000', '42P01', '42703', '42501']);
export const isFinal = (error: unknown): boolean => isOfStatement(error) && FINAL.has((error as Said).code ?? '');
/** Another server may be the primary by now. */
export const isReadOnly = (error: unknown): boolean => (error as Said).code === '25006';
