import type { Outcome } from '../../spec/vocabulary.ts';
import type { Row } from './contract.ts';
import { OUTSIDE } from './outcomes.ts';

/** What a row lets its route answer with, as sets: looked up where something is refused, and nowhere else. */
export interface Promised {
  /** Of the whole request. */
  readonly request: ReadonlySet<Outcome>;
  /** The same where the body is frames: of one unit the response has its status. */
  readonly frames: ReadonlySet<Outcome>;
  /** Of one of several items, units or acks, while the response is a 200. */
  readonly part: ReadonlySet<Outcome>;
  /** Of an answer of lines that has begun, and is cut short. */
  readonly end: ReadonlySet<Outcome>;
}

export function promisedBy({ refusals, itemRefusals = [], ackRefusals = [], ends = [], other }: Row): Promised {
  const request = [...refusals, ...(other?.outcomes ?? [])];
  return {
    request: new Set(request),
    frames: new Set([...request, ...itemRefusals]),
    part: new Set([...itemRefusals, ...ackRefusals]),
    end: new Set(ends),
  };
}

const NONE: ReadonlySet<Outcome> = new Set();
/** Of a request that names no route. */
export const PROMISED_OUTSIDE: Promised = { request: new Set(OUTSIDE), frames: NONE, part: NONE, end: NONE };
