/** Explores the other half of a model in a thread of its own, then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { exploreOtherHalf, type Other } from '../model/pair.ts';

await exploreOtherHalf(workerData as string, parentPort as unknown as Other);
