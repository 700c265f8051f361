import type { Compactor } from './compaction.ts';
import { loadProgram } from './loaded-program.ts';
import type { Snapshot } from './snapshot.ts';

export interface Job {
  readonly folder: string;
  /** The last segment to cover. */
  readonly upTo: number;
}
export interface Made {
  readonly snapshot: Snapshot;
}
export interface Failed {
  readonly message: string;
  readonly code: string | undefined;
}

/** Makes snapshots in a thread of its own. */
export function workerCompactor(folder: string): Compactor {
  const program = loadProgram('journal-worker');
  return (upTo, done) => {
    const job: Job = { folder, upTo };
    let result: Made | Failed = { message: 'the worker ended without a word', code: undefined };
    const worker = program.start(job);
    worker.unref();
    worker.on('message', (message: Made | Failed) => {
      result = message;
    });
    worker.on('error', ({ message }) => {
      result = { message, code: undefined };
    });
    worker.on('exit', () => {
      if ('snapshot' in result) done(null, result.snapshot);
      else done(Object.assign(new Error(result.message), { code: result.code }), null);
    });
  };
}
