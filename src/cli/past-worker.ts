/** Reads what happened before what a serving process remembers, step by step as it is asked to, in a thread of its own; then ends. */
import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { RECOVERING } from '../journal/durable.ts';
import { FileStorage } from '../journal/file-storage.ts';
import { pastSteps } from '../journal/past-steps.ts';
import type { PastJob } from '../journal/worker-past.ts';
import { yieldToOthers } from './thread-priority.ts';

async function run({ folder, end, ask }: PastJob, port: MessagePort): Promise<void> {
  yieldToOthers();
  const steps = pastSteps(new FileStorage(folder), ask, end, RECOVERING);
  for (const step of steps) {
    // Asked for while it is written: the one after is not made before.
    const asked = once(port, 'message');
    port.postMessage(step);
    if (step.step === 'begun' || step.step === 'facts') await asked;
    else break;
  }
  port.close();
}

await run(workerData as PastJob, parentPort as MessagePort);
