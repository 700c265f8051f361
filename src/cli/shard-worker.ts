/** Replays one shard from the journal in a thread of its own, then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { RECOVERING } from '../journal/durable.ts';
import { FileStorage } from '../journal/file-storage.ts';
import { PayloadFiles } from '../journal/payload-files.ts';
import { PayloadsOfBoth } from '../journal/payload-place.ts';
import { inTurns } from '../journal/pieces.ts';
import { recovering } from '../journal/recover.ts';
import { piecesOf } from '../journal/shard-images.ts';
import { failedBy } from '../journal/worker-compactor.ts';
import type { ReplayJob, ReplaySaid } from '../journal/worker-replay.ts';
import { openObjects } from '../objects/open.ts';

const NEVER = new AbortController().signal;

async function run({ folder, shard, end, objects }: ReplayJob): Promise<void> {
  const say = (said: ReplaySaid, moved: ArrayBuffer[] = []): void => parentPort?.postMessage(said, moved);
  try {
    const source = new FileStorage(folder);
    const options = { ...RECOVERING, shard, end };
    const payloads = objects === null ? null : openObjects(objects);
    const apart = payloads === null ? {} : { payloads: new PayloadsOfBoth(payloads, new PayloadFiles(source)) };
    const found = await inTurns(recovering(source, { ...options, ...apart }), NEVER);
    for (const piece of piecesOf(found, shard, end)) say(piece, [piece.buffer]);
    say('whole');
  } catch (error) {
    say(failedBy(error));
  }
}

await run(workerData as ReplayJob);
