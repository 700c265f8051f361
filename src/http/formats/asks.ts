import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { Capability } from '../../auth/authorize.ts';
import type { Item } from '../../node/requests.ts';
import type { Reply, Request } from '../../service/messages.ts';
import { Malformed } from '../json.ts';
import { type Answer, retryAfterS } from '../reply.ts';

/**
 * What one body asks for, whatever format it is in: a list of asks, and the way their replies are answered. The rules that hold in every
 * format are here: each ask succeeds or fails alone, who waits must be alone, acks that ride along are refused like acks, a duplicate is
 * no refusal where the caller says so.
 */
export type Ask = Item | Refused;
/** An item that is refused before anything is asked. */
export interface Refused {
  readonly refused: Reply;
}

/** What a format makes of a body. */
export interface Asked {
  readonly asks: readonly Ask[];
  /** The response, given the reply to each ask, in order; `nowMs` is the time it is made at. */
  answer(replies: readonly Reply[], nowMs: number): Answer;
}

/** One of several, or that it is malformed. */
export function asked(capability: Capability, make: () => Request): Ask {
  try {
    return { request: make(), capability };
  } catch (error) {
    if (error instanceof Malformed) return { refused: { outcome: 'schema', message: error.message } };
    throw error;
  }
}

/** Only who is alone may wait: the others would wait with it. */
export function aloneOrAtOnce(ask: Ask, isAlone: boolean): Ask {
  if (isAlone || 'refused' in ask) return ask;
  const { request } = ask;
  if (request.verb !== 'recv' || request.waitMs === 0) return ask;
  return { refused: { outcome: 'schema', message: 'wait_ms: only where it is the only unit' } };
}

/** What can be asked of the node. */
export const itemsOf = (asks: readonly Ask[]): Item[] => {
  const items: Item[] = [];
  for (const ask of asks) if (!('refused' in ask)) items.push(ask);
  return items;
};

/** The replies to all asks, given those to the ones that could be asked. */
export function fillIn(asks: readonly Ask[], replies: readonly Reply[]): readonly Reply[] {
  if (replies.length === asks.length) return replies;
  let next = 0;
  return asks.map((ask) => ('refused' in ask ? ask.refused : (replies[next++] as Reply)));
}

/** Whether a reply is a refusal: a duplicate is none under `X-Idempotency-Mode: 200-flag`. */
export const isRefused = ({ outcome }: Reply, flag200: boolean): boolean =>
  refuses(outcome) && !(flag200 && outcome === 'duplicate');

type Counted = Pick<Answer, 'refusedItems' | 'retryAfterS'>;
const NOTHING: Counted = {};

/** What is counted, and how long to wait, for whatever was refused in a response that is none: asks, and acks that rode on them (LE8). */
export function refusedIn(replies: readonly Reply[], flag200: boolean): Counted {
  const refused: Outcome[] = [];
  let waitS = 0;
  const count = (outcome: Outcome, retryAfterMs?: number): void => {
    refused.push(outcome);
    waitS = Math.max(waitS, retryAfterS(outcome, retryAfterMs) ?? 0);
  };
  for (const reply of replies) {
    if (isRefused(reply, flag200)) count(reply.outcome, reply.retryAfterMs);
  }
  for (const { ackOutcomes } of replies) {
    if (ackOutcomes !== undefined) for (const outcome of ackOutcomes) if (refuses(outcome)) count(outcome);
  }
  if (refused.length === 0) return NOTHING;
  return { refusedItems: refused, ...(waitS > 0 ? { retryAfterS: waitS } : {}) };
}
