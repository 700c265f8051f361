import { DECISION_EVENTS, decisionFields } from '../api/answers.ts';
import type { Log } from '../observe/log.ts';

export type OnDecision = (event: string, said: Readonly<Record<string, unknown>>) => void;

const EVENTS: ReadonlySet<string> = new Set(DECISION_EVENTS);
const FIELDS = new Set(['decision', ...Object.keys(decisionFields)]);

/** The same log; decisions of who may do what are told to whoever reads them too, whatever level is written (B10, O3). */
export function withDecisions(log: Log, onDecision: OnDecision): Log {
  const tapped =
    (level: 'error' | 'warn' | 'info' | 'debug') =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (EVENTS.has(event))
        onDecision(event, Object.fromEntries(Object.entries(fields).filter(([name]) => FIELDS.has(name))));
      (log[level] as (event: string, fields?: object) => void)(event, fields);
    };
  // All else is the log's own, its level too.
  return Object.assign(Object.create(log) as Log, {
    error: tapped('error') as Log['error'],
    warn: tapped('warn') as Log['warn'],
    info: tapped('info') as Log['info'],
    debug: tapped('debug') as Log['debug'],
  });
}
