/** Explores the other halves of models in a thread of its own, until it is ended. */
import { parentPort } from 'node:worker_threads';
import { exploreOtherHalves, type Other } from '../model/parallel.ts';

await exploreOtherHalves(parentPort as unknown as Other);
