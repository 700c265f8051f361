import type { MessagePort } from 'node:worker_threads';
import { asDeclared } from '../conclusion.ts';
import { readSchedule } from '../files.ts';
import { add, type BatchCounts, goalsReached, noCounts } from './batch.ts';
import { bring, type Catch, chase } from './hunt.ts';

/** What a worker is to do all along. */
export interface Orders {
  readonly folder: string;
  readonly version: string;
  readonly shrinkMs: number;
  /** Schedules to run with each seed; none: the one that is drawn from it. */
  readonly schedules: readonly string[];
}

/** Seeds to run through. */
export interface Field {
  readonly from: number;
  readonly to: number;
}

export type Message = { readonly counts: BatchCounts } | { readonly caught: Catch } | { readonly idle: true };

/** Runs through the seeds it is sent, and says what came of them. */
export function work(port: MessagePort, orders: Orders): void {
  const schedules = orders.schedules.length === 0 ? [null] : orders.schedules.map((name) => readSchedule(name));
  const options = { ...orders, nowMs: () => performance.now() };
  const say = (message: Message): void => port.postMessage(message);
  port.on('message', ({ from, to }: Field) => {
    let counts = noCounts();
    for (let seed = from; seed <= to; seed++) {
      for (const schedule of schedules) {
        const result = chase({ schedule, seed });
        const { expected, rule } = result.conclusion;
        const goals = schedule === null ? {} : goalsReached(schedule, result.tally);
        add(counts, { ...result, goals, expected: expected && rule !== null ? { [rule]: 1 } : {} });
        if (asDeclared(result.conclusion)) continue;
        say({ counts });
        counts = noCounts();
        say({ caught: bring({ schedule, seed }, result, options) });
      }
    }
    say({ counts });
    say({ idle: true });
  });
}
