import type { StorageReader } from '../ports/storage.ts';
import { type Recovered, type RecoverOptions, recover } from './recover.ts';
import type { Refusal } from './scan.ts';

/** There is no journal to read, or none that can be read: the message says where and why. */
export class UnreadableError extends Error {
  /** There is none at all. */
  readonly isAbsent: boolean;

  constructor(why: Refusal | null) {
    super(why === null ? 'there is no journal' : placed(why));
    this.isAbsent = why === null;
  }
}

export const placed = ({ file, at, why }: Refusal): string => `${file} at ${at}: ${why}`;

/** A journal that is written while it is looked at shows half a frame, or lacks a file that was removed meanwhile. */
const LOOKS = 5;

/**
 * Looks until two looks find the same wrong, or one finds nothing wrong: what a serving process was in the middle of is no
 * damage. `wrongIn` names what is wrong, null for nothing.
 */
export function readLive<T>(read: () => T, wrongIn: (found: T) => string | null): T {
  let before: string | null = null;
  for (let looks = 1; ; looks++) {
    try {
      const found = read();
      const wrong = wrongIn(found);
      if (wrong === null || wrong === before || looks === LOOKS) return found;
      before = wrong;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || looks === LOOKS) throw error;
    }
  }
}

/** What a journal says that a process may be serving from. @throws UnreadableError */
export function mustRecover(source: StorageReader, options: RecoverOptions): Recovered {
  const found = readLive(
    () => recover(source, options),
    (one) => (one.kind === 'refused' ? placed(one) : null),
  );
  if (found.kind === 'recovered') return found;
  throw new UnreadableError(found.kind === 'refused' ? found : null);
}
