/** Replays one shard from the journal in a thread of its own, then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { RECOVERING } from '../journal/durable.ts';
import { FileStorage } from '../journal/file-storage.ts';
import { shardPieces } from '../journal/shard-images.ts';
import { failedBy } from '../journal/worker-compactor.ts';
import type { ReplayJob, ReplaySaid } from '../journal/worker-replay.ts';

function run({ folder, shard, end }: ReplayJob): void {
  const say = (said: ReplaySaid, moved: ArrayBuffer[] = []): void => parentPort?.postMessage(said, moved);
  try {
    for (const piece of shardPieces(new FileStorage(folder), shard, end, RECOVERING)) say(piece, [piece.buffer]);
    say('whole');
  } catch (error) {
    say(failedBy(error));
  }
}

run(workerData as ReplayJob);
