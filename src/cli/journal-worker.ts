/** Makes one snapshot in a thread of its own (journal rule 8), then ends. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { blake3 } from '../integrity/blake3.ts';
import { payloadHashOf } from '../integrity/hash-chain.ts';
import { FileStorage } from '../journal/file-storage.ts';
import { runNow } from '../journal/file-work.ts';
import { compact } from '../journal/snapshot.ts';
import { type Failed, failedBy, type Job, type Made } from '../journal/worker-compactor.ts';

/** Low, but not so low that a machine that is always busy would never get to it: the log grows meanwhile. */
const BACKGROUND = 5;

/** The serving thread goes first. On Linux a priority is a thread's; elsewhere this one keeps the process's. */
function yieldToOthers(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/')[2]);
    if (Number.isInteger(thread) && thread !== process.pid) setPriority(thread, BACKGROUND);
  } catch {}
}

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
