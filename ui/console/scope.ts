import type { DeadReason } from '../../spec/vocabulary.ts';
import { countText } from './text.ts';

/** What an act is about: those that were picked, or all of a reason, or all. */
export interface Scope {
  readonly topic: string;
  readonly reason: DeadReason | null;
  readonly ids: readonly string[];
}

/** The same in words. */
export const scopeText = ({ topic, reason, ids }: Scope): string =>
  ids.length > 0
    ? `the ${countText(ids.length, 'picked dead letter')} of ${topic}`
    : `all dead letters of ${topic}${reason === null ? '' : ` with reason ${reason.replace('_', ' ')}`}`;
