import { type ConsolaReporter, createConsola } from 'consola';
import { visible } from '../platform/visible.ts';
import type { Cause } from '../ports/observer.ts';
import type { EventAt, FieldsOf, LogLevel } from './events.ts';

export const LOG_FORMATS = ['json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

interface Asked {
  readonly corr_id?: string;
  readonly peer_addr?: string;
  readonly cap_scope?: string;
}

/** The fields of the request that brought something about; none of what time did. */
export const fieldsOf = (cause: Cause | null): Asked =>
  cause === null ? {} : { corr_id: cause.corrId, peer_addr: cause.peer, cap_scope: cause.scope };

/** Writes a line of an event of the table (`events.ts`). Tokens, keys and payloads are never among its fields (I2). */
type Say<L extends LogLevel> = <E extends EventAt<L>>(event: E, fields?: FieldsOf<E>) => void;

export interface Log {
  /** The least important level that is written; may change at any time. */
  level: LogLevel;
  readonly debugOn: boolean;
  readonly error: Say<'error'>;
  readonly warn: Say<'warn'>;
  readonly info: Say<'info'>;
  readonly debug: Say<'debug'>;
}

/** Frames of our own files and of Node. */
const FRAME = /^ {4}at (?:[\w$.<> [\]]{1,80} \()?(?:file:\/\/|node:)[^()\s]{1,300}:\d+:\d+\)?$/;
const FRAMES_MAX = 8;

/**
 * What a log line may say of an error: its kind, and where it came from. Never its message, which may quote what a caller sent or
 * what a file holds (I2): lines of the stack that are no frames may be lines of the message.
 */
export function placeOf(error: unknown): { readonly error: string; readonly at: readonly string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const stack = (error.stack ?? '').replaceAll(error.message, '');
  const frames = stack.split('\n').filter((line) => FRAME.test(line));
  return { error: error.constructor.name, at: frames.slice(0, FRAMES_MAX).map((line) => line.trim()) };
}

/** Lines are read at terminals, JSON too: what JSON does not escape by itself is beyond printable ASCII. */
const shown = (line: string): string => (BEYOND.test(line) ? visible(line) : line);
const BEYOND = /[^ -~]/;

const CONSOLA_LEVEL: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 3, debug: 4 };
const SERVICE = 'svc-mailbox';

/** Takes whole lines; `isDecision` for those of a security decision (O3). */
export type WriteLine = (line: string, isDecision: boolean) => void;

/** One JSON object a line (R1), or the same fields for people. */
export function createLog(level: LogLevel, format: LogFormat, write: WriteLine): Log {
  const reporter: ConsolaReporter = {
    log: ({ date, type, args }) => {
      const [event, fields] = args as [string, Readonly<Record<string, unknown>> | undefined];
      const isDecision = fields?.['decision'] !== undefined;
      if (format === 'json') {
        const line = JSON.stringify({ ts: date.toISOString(), level: type, service: SERVICE, event, ...fields });
        return write(`${shown(line)}\n`, isDecision);
      }
      const rest = Object.entries(fields ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      write(`${shown([date.toISOString(), type, event, ...rest].join(' '))}\n`, isDecision);
    },
  };
  // Consola drops repeats of a line unless told not to.
  const consola = createConsola({ level: CONSOLA_LEVEL[level], throttle: 0, reporters: [reporter] });
  let inForce = level;
  return {
    get level() {
      return inForce;
    },
    set level(next) {
      inForce = next;
      consola.level = CONSOLA_LEVEL[next];
    },
    get debugOn() {
      return inForce === 'debug';
    },
    error: (event, fields) => consola.error(event, fields),
    warn: (event, fields) => consola.warn(event, fields),
    info: (event, fields) => consola.info(event, fields),
    debug: (event, fields) => consola.debug(event, fields),
  };
}
