import type { Compactor } from './compaction.ts';
import { loadProgram } from './loaded-program.ts';
import type { Covered, Snapshot } from './snapshot.ts';

export interface Job {
  readonly folder: string;
  readonly covered: Covered;
}
export interface Made {
  readonly snapshot: Snapshot;
}
export interface Failed {
  readonly message: string;
  readonly code?: string | undefined;
  readonly errno?: number | undefined;
}

/** An error in words that another thread understands. */
export function failedBy(error: unknown): Failed {
  const { message, code, errno } = error as NodeJS.ErrnoException;
  return { message, code, errno };
}

/** That error again. A thread that could not even begin has what was wanting in its message only. */
export function errorOf({ message, code, errno }: Failed): Error {
  const wanting = /\b(?:EMFILE|ENFILE|ENOMEM)$/.exec(message)?.[0];
  return Object.assign(new Error(message), { code: wanting ?? code, errno });
}

/** Lets so many descriptors go that are kept back. What is returned takes them back. */
export type LendDescriptors = (count: number) => () => void;
/** What a thread opens at most at once, its own event loop included. Measured: 6. */
export const THREAD_DESCRIPTORS = 8;

/** Makes snapshots in a thread of its own. */
export function workerCompactor(folder: string, lend: LendDescriptors = () => () => {}): Compactor {
  const program = loadProgram('journal-worker');
  return (covered, done) => {
    const job: Job = { folder, covered };
    let result: Made | Failed = { message: 'the worker ended without a word' };
    const takeBack = lend(THREAD_DESCRIPTORS);
    const worker = program.start(job);
    worker.unref();
    worker.on('message', (message: Made | Failed) => {
      result = message;
    });
    worker.on('error', (error) => {
      result = failedBy(error);
    });
    worker.on('exit', () => {
      takeBack();
      if ('snapshot' in result) done(null, result.snapshot);
      else done(errorOf(result), null);
    });
  };
}
