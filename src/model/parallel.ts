import { once } from 'node:events';
import { type TransferListItem, Worker } from 'node:worker_threads';
import { workerProgram } from '../journal/worker-program.ts';
import { Explorer } from './explore.ts';
import { type Edges, type Graph, withEdges } from './graph.ts';
import { MODELS, type Model, subjectOf } from './models.ts';

/** Both threads explore all until so many states wait: each must have some of its own to go on from. */
const SHARED_FROM = 64;

/** The other thread, as each of them sees it. */
export interface Other extends NodeJS.EventEmitter {
  postMessage(message: unknown, moved: readonly TransferListItem[]): void;
}
type Progress = ((found: number, expanded: number) => void) | null;

/**
 * Explores in two threads: after each level both tell what they found and know all states again, each goes on from what it found
 * alone, and of what both found from a part, so that both have as much to do. So nothing depends on which thread is faster.
 */
export class Parallel {
  private worker: Worker | null = null;

  /** @throws Error when the code throws or leaves something wrong: `Explorer.run` tells the way there */
  async explore(model: Model, onProgress: Progress = null): Promise<Graph> {
    this.worker ??= new Worker(workerProgram('explorer-worker'));
    this.worker.postMessage(model.name);
    try {
      const graph = await exploreHalf(model, 0, this.worker, onProgress);
      return withEdges(graph, await next<Edges>(this.worker));
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.worker?.terminate();
    this.worker = null;
  }
}

/** What the other thread does, one model after another. */
export async function exploreOtherHalves(other: Other): Promise<never> {
  for (;;) {
    const name = await next<string>(other);
    const model = MODELS.find((one) => one.name === name) as Model;
    const { offsets, actionOf, targetOf } = await exploreHalf(model, 1, other, null);
    const moved = [offsets.buffer, actionOf.buffer, targetOf.buffer] as ArrayBuffer[];
    other.postMessage({ offsets, actionOf, targetOf }, moved);
  }
}

async function exploreHalf(model: Model, half: 0 | 1, other: Other, onProgress: Progress) {
  const explorer = new Explorer(subjectOf(model).driver());
  explorer.onProgress = onProgress;
  explorer.begin();
  for (let shared = false; explorer.waiting > 0; ) {
    explorer.expandLevel();
    shared ||= explorer.waiting >= SHARED_FROM;
    if (!shared) continue;
    const found = explorer.found();
    other.postMessage(found, [found.buffer as ArrayBuffer]);
    explorer.share(await next<Uint8Array>(other), half);
  }
  return explorer.finish();
}

/** The next message; an error of the other thread is thrown. */
const next = async <T>(from: Other): Promise<T> => (await once(from, 'message'))[0] as T;
