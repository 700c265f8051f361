/** Makes one snapshot in a thread of its own (journal rule 8), then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { blake3 } from '../integrity/blake3.ts';
import { payloadHashOf } from '../integrity/hash-chain.ts';
import { FileStorage } from '../journal/file-storage.ts';
import { runNow } from '../journal/file-work.ts';
import { compact } from '../journal/snapshot.ts';
import { type Failed, failedBy, type Job, type Made } from '../journal/worker-compactor.ts';
import { yieldToOthers } from './thread-priority.ts';

function run({ folder, covered }: Job): Made | Failed {
  yieldToOthers();
  try {
    const storage = new FileStorage(folder);
    return { snapshot: runNow(storage, compact(storage, covered, { hash: blake3, payloadHashOf })) };
  } catch (error) {
    return failedBy(error);
  }
}

parentPort?.postMessage(run(workerData as Job));
