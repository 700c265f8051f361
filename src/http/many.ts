import type { Outcome } from '../../spec/vocabulary.ts';
import { refuses } from '../api/errors.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Item } from '../node/requests.ts';
import type { Reply, Request } from '../service/messages.ts';
import { Malformed } from './json.ts';
import { type Answer, done, errorOf, original, retryAfterS } from './reply.ts';

/**
 * Several requests in one body: items of a JSON batch, or units of frames. Each succeeds or fails alone, and says what
 * the same request would have been answered by itself.
 */
export type Ask = Request | Refused;
/** An item that is refused before anything is asked. */
export type Refused = Reply & { readonly verb?: never };

/** What an item asks for, or that it is malformed. */
export function asked(make: () => Request): Ask {
  try {
    return make();
  } catch (error) {
    if (error instanceof Malformed) return { outcome: 'schema', message: error.message };
    throw error;
  }
}

/** The replies to all items, given those to the items that could be asked. */
export function fillIn(asks: readonly Ask[], replies: readonly Reply[]): Reply[] {
  let next = 0;
  return asks.map((ask) => (ask.verb === undefined ? ask : (replies[next++] as Reply)));
}

export const itemsOf = (asks: readonly Ask[], capability: Capability): Item[] => {
  const items: Item[] = [];
  for (const request of asks) if (request.verb !== undefined) items.push({ request, capability });
  return items;
};

/** Whether a reply is a refusal: a duplicate is none under `X-Idempotency-Mode: 200-flag`. */
export const isRefused = ({ outcome }: Reply, flag200: boolean): boolean =>
  refuses(outcome) && !(flag200 && outcome === 'duplicate');

/** What is counted, and how long to wait, for the items that were refused. */
export function refusedItems(
  replies: readonly Reply[],
  flag200: boolean,
): Pick<Answer, 'refusedItems' | 'retryAfterS'> {
  const refused: Outcome[] = [];
  let waitS = 0;
  for (const reply of replies) {
    if (!isRefused(reply, flag200)) continue;
    refused.push(reply.outcome);
    waitS = Math.max(waitS, retryAfterS(reply.outcome, reply.retryAfterMs) ?? 0);
  }
  return { ...(refused.length > 0 ? { refusedItems: refused } : {}), ...(waitS > 0 ? { retryAfterS: waitS } : {}) };
}

/** Acks that rode along, as acks alone: they are refused like those (LE8). */
export const riddenAcks = ({ ackOutcomes = [] }: Reply): Reply[] => ackOutcomes.map((outcome) => ({ outcome }));

/**
 * `{"results": [..]}`. `result` makes that of an item that succeeded; `named` gives the msg_id that an item was about,
 * where the item names one.
 */
export function resultsAnswer(
  replies: readonly Reply[],
  flag200: boolean,
  result: (reply: Reply, i: number) => string,
  named: (i: number) => string | undefined,
): Answer {
  const results = replies.map((reply, i) => {
    if (!isRefused(reply, flag200) || !refuses(reply.outcome)) return result(reply, i);
    const error = errorOf(reply.outcome, reply.message, undefined, original(reply) ?? named(i));
    return JSON.stringify(error);
  });
  return { ...done(`{"results":[${results.join(',')}]}`), ...refusedItems(replies, flag200) };
}
