import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type { ObjectsOf } from '../ports/payload-store.ts';
import { type LoadedProgram, loadProgram } from './loaded-program.ts';
import { imagesIn, restoreLater, type ServedEnd } from './shard-images.ts';
import { errorOf, type Failed, failedBy, type LendDescriptors, THREAD_DESCRIPTORS } from './worker-compactor.ts';

/** What the thread is to replay. */
export interface ReplayJob {
  readonly folder: string;
  readonly shard: number;
  readonly end: ServedEnd;
  /** Where large payloads are besides the files of the folder. */
  readonly objects: ObjectsOf | null;
}
/** What it says: pieces of the shard, then whether that was all of it. */
export type ReplaySaid = Uint8Array | Failed | 'whole';

/** The program of such threads, for `replayShard`. */
export const replayProgram = (): LoadedProgram => loadProgram('shard-worker');

/** Replays one shard in a thread of its own and makes it anew here, while the others are served. */
export function replayShard(
  program: LoadedProgram,
  job: ReplayJob,
  limits: Limits,
  lend: LendDescriptors,
  done: (error: Error | null, state: ShardState | null) => void,
): void {
  const pieces: Uint8Array[] = [];
  let failed: Failed | null = { message: 'the worker ended without a word' };
  const takeBack = lend(THREAD_DESCRIPTORS);
  const worker = program.start(job);
  worker.unref();
  worker.on('message', (said: ReplaySaid) => {
    if (said === 'whole') failed = null;
    else if (said instanceof Uint8Array) pieces.push(said);
    else failed = said;
  });
  worker.on('error', (error) => {
    failed = failedBy(error);
  });
  worker.on('exit', () => {
    takeBack();
    if (failed === null) restoreLater(imagesIn(pieces), job.shard, limits, done);
    else done(errorOf(failed), null);
  });
}
