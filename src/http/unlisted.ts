import type { Outcome } from '../../spec/vocabulary.ts';
import { refuses } from '../api/errors.ts';
import { PROMISED_OUTSIDE } from '../api/promised.ts';
import type { Answer } from './reply.ts';
import type { Route } from './routes.ts';

interface Asked {
  readonly route: Route | null;
  readonly isFrames?: boolean;
}

const BAD = 400;

/** An outcome in this answer that the contract does not list for its route; null where it lists all of them. */
export function unlistedIn({ route, isFrames }: Asked, answer: Answer): Outcome | null {
  const { outcome, status, refusedItems } = answer;
  const { request, frames, part, end } = route?.promised ?? PROMISED_OUTSIDE;
  if (status >= BAD) return (isFrames === true ? frames : request).has(outcome) ? null : outcome;
  // A duplicate that is told as a success is one all the same.
  if (refuses(outcome) && !(route?.lines === true ? end : request).has(outcome)) return outcome;
  return refusedItems?.find((refused) => !part.has(refused)) ?? null;
}
