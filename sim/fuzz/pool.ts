import { Worker } from 'node:worker_threads';
import { SIM_EXIT } from '../conclusion.ts';
import { add, type BatchCounts, noCounts } from './batch.ts';
import type { Catch } from './hunt.ts';
import type { Field, Message, Orders } from './worker.ts';

export interface PoolOptions {
  readonly orders: Orders;
  readonly workers: number;
  /** The module that a worker runs, and what it is called with. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly from: number;
  /** Infinity: until the time is over. */
  readonly to: number;
  readonly durationMs: number;
  /** Violations after which it stops. */
  readonly failuresMax: number;
  readonly onCatch: (caught: Catch) => void;
  readonly onProgress: (counts: BatchCounts, nextSeed: number) => void;
}

export interface Hunted {
  readonly counts: BatchCounts;
  readonly caught: readonly Catch[];
  /** The last seed that was handed out. */
  readonly lastSeed: number;
}

/**
 * A worker that says nothing for so long, besides the time it may shrink for, is in a run that never ends. Both by the clock and
 * by the processor, which others may need more: what waits for its turn does not hang.
 */
const SILENT_MS_MAX = 60_000;
const LOOK_EVERY_MS = 1_000;
/** Seeds a worker gets at a time: few enough that none waits long for the last one. */
const SEEDS_AT_ONCE = 8;

/** Runs seeds on several cores; each run is in one thread, and none knows of the others. */
export function hunt(options: PoolOptions): Promise<Hunted> {
  const { orders, workers, program, argv, to, failuresMax } = options;
  const counts = noCounts();
  const caught: Catch[] = [];
  const endMs = performance.now() + options.durationMs;
  let next = options.from;
  return new Promise((resolve, reject) => {
    const all = new Map<Worker, { heardMs: number; heardCpuMs: number; field: Field | null }>();
    const finish = (): void => {
      clearInterval(looking);
      for (const worker of all.keys()) void worker.terminate();
      resolve({ counts, caught, lastSeed: next - 1 });
    };
    const isOver = (): boolean => next > to || performance.now() >= endMs || caught.length >= failuresMax;
    const onCatch = (found: Catch): void => {
      caught.push(found);
      options.onCatch(found);
      if (caught.length >= failuresMax) finish();
    };
    const send = (worker: Worker): void => {
      const state = all.get(worker);
      if (state === undefined) return;
      if (isOver()) {
        state.field = null;
        if ([...all.values()].every(({ field }) => field === null)) finish();
        return;
      }
      const last = Math.min(to, next + (orders.schedules.length > 0 ? 1 : SEEDS_AT_ONCE) - 1);
      state.field = { from: next, to: last };
      worker.postMessage(state.field);
      next = last + 1;
    };
    const looking = setInterval(() => {
      const silentMs = SILENT_MS_MAX + orders.shrinkMs;
      const busy = [...all.values()].filter(({ field }) => field !== null).length;
      for (const [worker, { heardMs, heardCpuMs, field }] of all) {
        if (field === null || performance.now() < heardMs + silentMs || cpuMs() < heardCpuMs + busy * silentMs)
          continue;
        all.delete(worker);
        void worker.terminate();
        onCatch(hanging(field));
        if (all.size === 0) finish();
      }
    }, LOOK_EVERY_MS);
    for (let i = 0; i < workers; i++) {
      const worker = new Worker(program, { argv: [...argv], workerData: orders });
      all.set(worker, { heardMs: performance.now(), heardCpuMs: cpuMs(), field: null });
      worker.on('error', (error) => {
        clearInterval(looking);
        for (const other of all.keys()) void other.terminate();
        reject(error);
      });
      worker.on('message', (message: Message) => {
        const state = all.get(worker);
        if (state !== undefined) {
          state.heardMs = performance.now();
          state.heardCpuMs = cpuMs();
        }
        if ('counts' in message) {
          add(counts, message.counts);
          options.onProgress(counts, next);
        } else if ('caught' in message) onCatch(message.caught);
        else send(worker);
      });
      send(worker);
    }
  });
}

/** What all threads have used. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A run that never ends cannot be written down: its seeds are all that is known of it. */
const hanging = ({ from, to }: Field): Catch => ({
  what: `seeds ${from}..${to}`,
  whole: `mailbox sim fuzz --seeds ${from}..${to} --workers 1`,
  verdict: { kind: 'crashed', rule: null, exit: SIM_EXIT.crashed },
  line: `HANGS: a run of seeds ${from}..${to} goes on for ever`,
  saved: null,
  unsaved: 'a run that never ends cannot be written down',
});
