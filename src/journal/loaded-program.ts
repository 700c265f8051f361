import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { workerProgram } from './worker-program.ts';

/** A program for threads of their own. */
export interface LoadedProgram {
  /** Begins a thread on a job. */
  start(job: object): Worker;
}

/**
 * Reads a program, all of it in one text: what happens to its file while a server runs (a new build, an upgrade) is nothing to that
 * server. @throws Error when it is not there
 */
export function loadProgram(name: string): LoadedProgram {
  const text = readFileSync(workerProgram(name), 'base64');
  const program = new URL(`data:text/javascript;base64,${text}`);
  return { start: (job) => new Worker(program, { workerData: { ...job, from: import.meta.url } }) };
}
