import { constants } from 'node:os';
import type { Lack } from '../ports/journal.ts';

const LACKS: readonly (readonly [name: keyof typeof constants.errno, lack: Lack])[] = [
  ['ENOSPC', 'disk_space'],
  ['EDQUOT', 'disk_space'],
  ['EFBIG', 'disk_space'],
  ['EMFILE', 'descriptors'],
  ['ENFILE', 'descriptors'],
  ['ENOMEM', 'system_memory'],
];
const BY_CODE = new Map<unknown, Lack>(LACKS);
/** The number tells what the name does not: libuv has none for EDQUOT. */
const BY_ERRNO = new Map<unknown, Lack>(LACKS.map(([name, lack]) => [-constants.errno[name], lack]));

/** What was wanting when this error came; null when something failed. */
export function lackOf(error: unknown): Lack | null {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  return BY_CODE.get(code) ?? BY_ERRNO.get(errno) ?? null;
}

/** It failed before anything of it was done, as an `open` does: whatever it was for is as it was before. */
export class NotBegun extends Error {
  readonly code: string | undefined;
  readonly errno: number | undefined;

  constructor(cause: unknown) {
    const { message, code, errno } = cause as NodeJS.ErrnoException;
    super(message, { cause });
    this.code = code;
    this.errno = errno;
  }
}

/** What was wanting to begin it; null when it was begun, or failed otherwise: then nobody knows what was done of it. */
export const lackAtStart = (error: unknown): Lack | null => (error instanceof NotBegun ? lackOf(error) : null);
