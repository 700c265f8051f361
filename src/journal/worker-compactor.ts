import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Compactor } from './compaction.ts';
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

/** As built: beside what is built of this file, or above it; from the sources, where the build puts it. */
const WORKER = ['./journal-worker.js', '../journal-worker.js', '../../dist/journal-worker.js'].map(
  (path) => new URL(path, import.meta.url),
);

/** Makes snapshots in a thread of its own. */
export function workerCompactor(folder: string): Compactor {
  return (upTo, done) => {
    const program = WORKER.find((url) => existsSync(url));
    if (program === undefined) return done(new Error('the worker is missing: npm run build makes it'), null);
    const job: Job = { folder, upTo };
    let result: Made | Failed = { message: 'the worker ended without a word', code: undefined };
    const worker = new Worker(program, { workerData: job });
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
